"""The confusion matrix as a table, and two small charts that show how reliable the confidences are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_

MAX_COMPLETE_MATRIX = 15
"""Most intents of a complete matrix; a larger one shows only the intents that are confused with others."""
BINS = 10
THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def matrix(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    """The confusion matrix. Rows: annotated; columns: answered. The shade of a cell is its share of the row."""
    cells = Counter((gold, answer) for _i, gold, answer, _confidence in report_data.intents)
    rows = sorted({gold for gold, _answer in cells})
    columns = sorted({answer for _gold, answer in cells if answer is not None} | set(rows))
    left_out = 0
    if len(columns) > MAX_COMPLETE_MATRIX:
        wrong = [(gold, answer) for gold, answer in cells if gold != answer]
        confused = {label for pair in wrong for label in pair}
        left_out = sum(label not in confused for label in columns)
        rows = [label for label in rows if label in confused]
        columns = [label for label in columns if label in confused]
    shown_columns: list[str | None] = list(columns)
    if any(answer is None for _gold, answer in cells):
        shown_columns.append(None)
    if not rows:
        return tag("p", _("No intent was answered as another."))
    head = tag(
        "tr",
        tag("td", tag("span", _("annotated ↓ answered →"), class_="muted")),
        [_column(label) for label in shown_columns],
    )
    body = [_row(gold, shown_columns, cells, numbers) for gold in rows]
    dense = "matrix dense" if len(shown_columns) > MAX_COMPLETE_MATRIX else "matrix"
    return inner(
        tag("p", _caption(left_out), class_="muted"),
        tag(
            "div",
            tag("table", tag("thead", head), tag("tbody", body), class_=dense),
            class_="scroll fitting",
            tabindex="0",
        ),
    )


def _caption(left_out: int) -> str:
    caption = _("How often each annotated intent (row) was answered as each intent (column).")
    if not left_out:
        return caption
    more = n_(
        "{count} more intent without confusions is left out.",
        "{count} more intents without confusions are left out.",
        left_out,
    )
    return f"{caption} {more}"


def _column(label: str | None) -> Html:
    words = tag("span", _short(label)) if label is not None else tag("em", _("none"))
    return tag("th", words, scope="col", title=label)


def _row(
    gold: str, columns: Sequence[str | None], cells: Mapping[tuple[str, str | None], int], numbers: Mapping[str, int]
) -> Html:
    total = sum(count for (label, _answer), count in cells.items() if label == gold)
    row_cells = []
    for answer in columns:
        count = cells.get((gold, answer), 0)
        shade = _shade(count, total, answer == gold)
        link = bool(count) and answer != gold and answer is not None
        row_cells.append(
            tag(
                "td",
                str(count) if count else "",
                class_=shade,
                title=_hint(gold, answer, count, total) if count else None,
                data_gold=numbers[gold] if link else None,
                data_answer=numbers[str(answer)] if link else None,
            )
        )
    return tag("tr", tag("th", tag("span", _short(gold)), scope="row", title=gold), row_cells)


def _shade(count: int, total: int, right: bool) -> str | None:
    """The classes of a cell."""
    kind = "right" if right else "off"
    if count:
        return f"{kind} s{-(-9 * count // total)}"
    return kind if right else None


def _hint(gold: str, answer: str | None, count: int, total: int) -> str:
    answered = _("none") if answer is None else answer
    return _("{gold} → {answer}: {part} of {total}", gold=gold, answer=answered, part=count, total=total)


def _short(label: str, limit: int = 20) -> str:
    """A long name without its middle; names mostly differ at the ends."""
    half = limit // 2
    return label if len(label) <= limit else f"{label[: half - 1]}…{label[-half:]}"


@dataclass(frozen=True, kw_only=True)
class Bin:
    """The answers with a confidence within one tenth."""

    low: float
    high: float
    count: int
    right: int
    mean: float


def confidence_bins(report_data: ReportData) -> list[Bin]:
    """The answers by tenths of confidence."""
    tenths: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for _i, gold, answer, confidence in report_data.intents:
        tenths[min(int(confidence * BINS), BINS - 1)].append((confidence, gold == answer))
    return [
        Bin(
            low=k / BINS,
            high=(k + 1) / BINS,
            count=len(tenth),
            right=sum(ok for _c, ok in tenth),
            mean=sum(c for c, _ok in tenth) / (len(tenth) or 1),
        )
        for k, tenth in enumerate(tenths)
    ]


def histogram(bins: Sequence[Bin]) -> Html:
    """The number of answers by confidence, the wrong ones stacked on the right ones."""
    most = max(max(tenth.count for tenth in bins), 1)
    shapes: list[Html] = []
    for tenth in bins:
        x, whole, right = 40 + tenth.low * 300, 180 * tenth.count / most, 180 * tenth.right / most
        description = n_(
            "{range}: {count} answer, {right} right",
            "{range}: {count} answers, {right} right",
            tenth.count,
            range=_range(tenth),
            right=tenth.right,
        )
        tooltip = tag("title", description)
        shapes.append(
            tag("g", tooltip, _box(x, 200 - whole, 28, whole - right, "bad"), _box(x, 200 - right, 28, right, "good"))
        )
    ticks = [_label(34, y, str(round(most * (200 - y) / 180)), "end") for y in (20, 110, 200)]
    return _drawing(
        _("Number of answers by confidence: right ones below, wrong ones on top"), [*_frame(), *shapes, *ticks]
    )


def reliability(bins: Sequence[Bin]) -> Html:
    """Accuracy by confidence. Calibrated confidences are on the diagonal; a circle is larger for more answers."""
    most = max(max(tenth.count for tenth in bins), 1)
    shapes = [tag("line", x1="40", y1="200", x2="340", y2="20", class_="diagonal")]
    for tenth in bins:
        if tenth.count:
            share = tenth.right / tenth.count
            description = n_(
                "{range}: {count} answer, mean confidence {mean}, {share} right",
                "{range}: {count} answers, mean confidence {mean}, {share} right",
                tenth.count,
                range=_range(tenth),
                mean=f"{tenth.mean:.0%}",
                share=f"{share:.0%}",
            )
            x, y, radius = 40 + 300 * tenth.mean, 200 - 180 * share, 3 + 9 * sqrt(tenth.count / most)
            circle = tag("circle", cx=_coordinate(x), cy=_coordinate(y), r=_coordinate(radius), class_="dot")
            shapes.append(tag("g", tag("title", description), circle))
    ticks = [_label(34, 200 - 180 * share, f"{share:.0%}", "end") for share in (0.0, 0.5, 1.0)]
    return _drawing(
        _("Share of right answers by confidence, and the diagonal of perfectly calibrated confidences"),
        [*_frame(), *shapes, *ticks],
    )


def figures(bins: Sequence[Bin]) -> Html:
    """The same figures as a table, for readers who cannot see the charts."""
    lines = [
        (_range(tenth), str(tenth.count), f"{tenth.mean:.0%}", f"{tenth.right / tenth.count:.0%}")
        for tenth in bins
        if tenth.count
    ]
    rows = [tag("tr", [tag("td", cell) for cell in line]) for line in lines]
    titles = (_("confidence"), _("answers"), _("mean confidence"), _("right"))
    head = tag("tr", [tag("th", title, scope="col") for title in titles])
    table = tag("table", tag("thead", head), tag("tbody", rows))
    return tag("details", tag("summary", _("The same as a table")), table)


def thresholds(report_data: ReportData) -> Html:
    """The effect of a fallback below a confidence threshold."""
    total = len(report_data.intents)
    rows = []
    for threshold in THRESHOLDS:
        outcomes = [gold == answer for _i, gold, answer, confidence in report_data.intents if confidence >= threshold]
        right = f"{sum(outcomes) / len(outcomes):.1%}" if outcomes else "-"
        rows.append(
            tag("tr", tag("td", f"{threshold:.0%}"), tag("td", f"{len(outcomes) / total:.1%}"), tag("td", right))
        )
    head = tag("tr", [tag("th", title, scope="col") for title in (_("threshold"), _("answered"), _("of these, right"))])
    return tag("table", tag("thead", head), tag("tbody", rows), class_="short")


def _range(tenth: Bin) -> str:
    return _("{low:.0%} to {high:.0%}", low=tenth.low, high=tenth.high)


def _drawing(description: str, parts: Sequence[Html]) -> Html:
    return tag("svg", parts, viewBox="0 0 365 225", role="img", aria_label=description)


def _frame() -> list[Html]:
    lines = [tag("line", x1="40", x2="340", y1=y, y2=y, class_="grid") for y in ("20", "110", "200")]
    return lines + [_label(40 + 300 * share, 217, f"{share:.0%}", "middle") for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]


def _box(x: float, y: float, width: float, height: float, kind: str) -> Html:
    return tag(
        "rect",
        x=_coordinate(x + 1),
        y=_coordinate(y),
        width=_coordinate(width),
        height=_coordinate(max(height, 0.0)),
        class_=kind,
    )


def _label(x: float, y: float, text: str, anchor: str) -> Html:
    return tag("text", text, x=_coordinate(x), y=_coordinate(y + (4 if anchor == "end" else 0)), text_anchor=anchor)


def _coordinate(value: float) -> str:
    return f"{value:.1f}"
