"""The confusion matrix as a table, and how far confidences are to be trusted, as two small drawings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.report_data import ReportData

WHOLE_MATRIX = 15
"""Up to so many intents all of them are shown; of more, those that are confused with any other."""
BINS = 10
THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def matrix(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    """Rows: annotated; columns: answered. A cell's shade is its share of the row."""
    cells = Counter((gold, answer) for _, gold, answer, _ in report_data.intents)
    rows = sorted({gold for gold, _ in cells})
    columns = sorted({answer for _, answer in cells if answer is not None} | set(rows))
    left_out = 0
    if len(columns) > WHOLE_MATRIX:
        wrong = [(gold, answer) for gold, answer in cells if gold != answer]
        confused = {label for pair in wrong for label in pair}
        left_out = sum(label not in confused for label in columns)
        rows = [label for label in rows if label in confused]
        columns = [label for label in columns if label in confused]
    shown: list[str | None] = list(columns)
    if any(answer is None for _, answer in cells):
        shown.append(None)
    if not rows:
        return tag("p", "No intent was taken for another.")
    head = tag(
        "tr", tag("td", tag("span", "annotated ↓ answered →", class_="quiet")), [_column(label) for label in shown]
    )
    body = [_row(gold, shown, cells, numbers) for gold in rows]
    note = f" {left_out} more intents, which nothing was confused with, are left out." if left_out else ""
    caption = tag(
        "p", "How often each annotated intent (row) was answered as which intent (column).", note, class_="quiet"
    )
    dense = "matrix dense" if len(shown) > WHOLE_MATRIX else "matrix"
    return inner(
        caption,
        tag(
            "div",
            tag("table", tag("thead", head), tag("tbody", body), class_=dense),
            class_="scroll fitting",
            tabindex="0",
        ),
    )


def _column(label: str | None) -> Html:
    words = tag("span", _short(label)) if label is not None else tag("em", "none")
    return tag("th", words, scope="col", title=label)


def _row(
    gold: str, columns: Sequence[str | None], cells: Mapping[tuple[str, str | None], int], numbers: Mapping[str, int]
) -> Html:
    total = sum(count for (label, _), count in cells.items() if label == gold)
    found = []
    for answer in columns:
        count = cells.get((gold, answer), 0)
        right = "right" if answer == gold else "off"
        shade = f"{right} s{-(-9 * count // total)}" if count else right if answer == gold else None
        link = bool(count) and answer != gold and answer is not None
        found.append(
            tag(
                "td",
                str(count) if count else "",
                class_=shade,
                title=f"{gold} → {answer or 'none'}: {count} of {total}" if count else None,
                data_gold=numbers[gold] if link else None,
                data_answer=numbers[str(answer)] if link else None,
            )
        )
    return tag("tr", tag("th", tag("span", _short(gold)), scope="row", title=gold), found)


def _short(label: str, limit: int = 20) -> str:
    """Long names lose their middle: what tells them apart is mostly at the ends."""
    half = limit // 2
    return label if len(label) <= limit else f"{label[: half - 1]}…{label[-half:]}"


@dataclass(frozen=True)
class Bin:
    """Answers whose confidence lies between two tenths."""

    low: float
    high: float
    count: int
    right: int
    mean: float


def bins(report_data: ReportData) -> list[Bin]:
    found: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for _, gold, answer, confidence in report_data.intents:
        found[min(int(confidence * BINS), BINS - 1)].append((confidence, gold == answer))
    return [
        Bin(k / BINS, (k + 1) / BINS, len(one), sum(ok for _, ok in one), sum(c for c, _ in one) / (len(one) or 1))
        for k, one in enumerate(found)
    ]


def histogram(found: Sequence[Bin]) -> Html:
    """How many answers had which confidence, the wrong ones on top of the right ones."""
    most = max(max(one.count for one in found), 1)
    drawn: list[Html] = []
    for one in found:
        x, whole, right = 40 + one.low * 300, 180 * one.count / most, 180 * one.right / most
        hint = tag("title", f"{_between(one)}: {one.count} answers, {one.right} right")
        drawn.append(
            tag("g", hint, _box(x, 200 - whole, 28, whole - right, "bad"), _box(x, 200 - right, 28, right, "good"))
        )
    marks = [_label(34, y, str(round(most * (200 - y) / 180)), "end") for y in (20, 110, 200)]
    return _drawing(
        "How many answers had which confidence: right ones below, wrong ones on top", [*_frame(), *drawn, *marks]
    )


def reliability(found: Sequence[Bin]) -> Html:
    """How often answers of a confidence were right; circles as large as there are many, on the line when honest."""
    most = max(max(one.count for one in found), 1)
    drawn = [tag("line", x1="40", y1="200", x2="340", y2="20", class_="honest")]
    for one in found:
        if one.count:
            share = one.right / one.count
            hint = tag(
                "title", f"{_between(one)}: {one.count} answers, mean confidence {one.mean:.0%}, {share:.0%} right"
            )
            drawn.append(
                tag(
                    "g",
                    hint,
                    tag(
                        "circle",
                        cx=_at(40 + 300 * one.mean),
                        cy=_at(200 - 180 * share),
                        r=_at(3 + 9 * sqrt(one.count / most)),
                        class_="dot",
                    ),
                )
            )
    marks = [_label(34, 200 - 180 * share, f"{share:.0%}", "end") for share in (0.0, 0.5, 1.0)]
    return _drawing(
        "How often answers of each confidence were right, beside the line of honest confidences",
        [*_frame(), *drawn, *marks],
    )


def figures(found: Sequence[Bin]) -> Html:
    """The same as a table, for whoever cannot see the drawings."""
    lines = [
        (_between(one), str(one.count), f"{one.mean:.0%}", f"{one.right / one.count:.0%}") for one in found if one.count
    ]
    rows = [tag("tr", [tag("td", cell) for cell in line]) for line in lines]
    head = tag("tr", [tag("th", title, scope="col") for title in ("confidence", "answers", "mean confidence", "right")])
    return tag("details", tag("summary", "The same in figures"), tag("table", tag("thead", head), tag("tbody", rows)))


def thresholds(report_data: ReportData) -> Html:
    """What a fallback below a confidence would do."""
    total = len(report_data.intents)
    rows = []
    for threshold in THRESHOLDS:
        kept = [gold == answer for _, gold, answer, confidence in report_data.intents if confidence >= threshold]
        right = f"{sum(kept) / len(kept):.1%}" if kept else "-"
        rows.append(tag("tr", tag("td", f"{threshold:.0%}"), tag("td", f"{len(kept) / total:.1%}"), tag("td", right)))
    head = tag("tr", [tag("th", title, scope="col") for title in ("asked again below", "answered", "of these right")])
    return tag("table", tag("thead", head), tag("tbody", rows), class_="short")


def _between(one: Bin) -> str:
    return f"{one.low:.0%} to {one.high:.0%}"


def _drawing(what: str, parts: Sequence[Html]) -> Html:
    return tag("svg", parts, viewBox="0 0 365 225", role="img", aria_label=what)


def _frame() -> list[Html]:
    lines = [tag("line", x1="40", x2="340", y1=y, y2=y, class_="grid") for y in ("20", "110", "200")]
    return lines + [_label(40 + 300 * share, 217, f"{share:.0%}", "middle") for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]


def _box(x: float, y: float, width: float, height: float, kind: str) -> Html:
    return tag("rect", x=_at(x + 1), y=_at(y), width=_at(width), height=_at(max(height, 0.0)), class_=kind)


def _label(x: float, y: float, text: str, anchor: str) -> Html:
    return tag("text", text, x=_at(x), y=_at(y + (4 if anchor == "end" else 0)), text_anchor=anchor)


def _at(place: float) -> str:
    return f"{place:.1f}"
