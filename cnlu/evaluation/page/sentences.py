"""Sentences with their entities highlighted, and the list of all wrong sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from cnlu.evaluation.differences import kind_titles
from cnlu.evaluation.findings import Name
from cnlu.evaluation.frames import RoleSpan, in_text_order
from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _

COLOURS = 12


def name(text: str) -> Html:
    """A label or value from the user's data, set off from the words around it."""
    return tag("code", text)


def sentence(words: Iterable[str]) -> Html:
    """A sentence in pieces, as `findings.pieces` returns it, with its names set off."""
    return inner([name(piece) if isinstance(piece, Name) else piece for piece in words])


def marked(
    text: str, spans: Collection[RoleSpan], colours: Mapping[str, int], wrong: Collection[RoleSpan] = ()
) -> Html:
    """`text` with its spans as <mark> elements; the longest of overlapping spans is in the text, the others follow."""
    inline: list[RoleSpan] = []
    for span in sorted(in_text_order(spans), key=lambda s: s[0] - s[1]):
        inside = 0 <= span[0] < span[1] <= len(text)
        if inside and all(span[1] <= other[0] or other[1] <= span[0] for other in inline):
            inline.append(span)
    parts: list[str] = []
    at = 0
    for span in in_text_order(inline):
        parts += [text[at : span[0]], _mark(text[span[0] : span[1]], span, colours, span in wrong)]
        at = span[1]
    others = [span for span in in_text_order(spans) if span not in inline]
    overlapping = [
        tag(
            "span",
            _("also {start}-{end}: ", start=s[0], end=s[1]),
            _mark(text[s[0] : s[1]], s, colours, s in wrong),
            class_="overlapping",
        )
        for s in others
    ]
    return inner(tag("span", parts, text[at:], class_="text"), overlapping)


def _mark(value: str, span: RoleSpan, colours: Mapping[str, int], wrong: bool) -> Html:
    """The label is an attribute that the style sheet displays, so copying the sentence does not copy labels."""
    colour = f"c{colours.get(span[2], 0) % COLOURS}"
    return tag("mark", value, class_=f"{colour} wrong" if wrong else colour, data_label=label_of(span))


def label_of(span: RoleSpan) -> str:
    """`type`, `type:role`, `type#group` or `type:role#group`."""
    _start, _end, kind, role, group = span
    return kind + (f":{role}" if role is not None else "") + (f"#{group}" if group is not None else "")


def error_list(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    """All wrong examples; `numbers` maps intents to their values in the filters."""
    colours = {kind: i for i, kind in enumerate(report_data.entity_types)}
    return tag("ol", [_error(report_data, i, numbers, colours) for i in report_data.wrong], id="errors")


def _error(report_data: ReportData, number: int, numbers: Mapping[str, int], colours: Mapping[str, int]) -> Html:
    example, differences = report_data.examples[number], report_data.differences[number]
    gold, predicted = report_data.pairs[number]
    kinds = list(dict.fromkeys(difference.kind for difference in differences))
    types = {span[2] for difference in differences for span in (difference.gold, difference.predicted) if span}
    wrong = {span for difference in differences for span in (difference.gold, difference.predicted) if span}
    titles = kind_titles()
    details = [tag("span", titles[kind], class_="kind") for kind in kinds]
    details.append(tag("span", example.source, class_="source"))
    if report_data.fold_of is not None:
        details.append(tag("span", _("fold {number}", number=report_data.fold_of[number]), class_="source"))
    confidence = report_data.confidence(number)
    sides = []
    for title, frame, percent in (
        (_("annotated"), gold, ""),
        (_("answered"), predicted, _(" confidence {percent}", percent=f"{confidence:.0%}")),
    ):
        text = marked(example.text, frame.entities, colours, wrong)
        head = _head(title, frame.intent, percent, "intent" in kinds)
        sides.append(tag("div", head, tag("p", text, class_="sentence")))
    return tag(
        "li",
        tag("p", details, class_="details"),
        tag("div", sides, class_="sides"),
        data_gold=_number(gold.intent, numbers),
        data_answer=_number(predicted.intent, numbers),
        data_kinds=" ".join(kinds),
        data_types=" ".join(str(colours[kind]) for kind in sorted(types)),
    )


def _head(title: str, intent: str | None, confidence: str, intent_is_wrong: bool) -> Html:
    """The line above a sentence: which side it is, the intent and, for an answer, its confidence."""
    label: Html | str = ""
    if intent is not None:
        label = tag("span", intent, class_="intent wrong" if intent_is_wrong else "intent")
    elif intent_is_wrong:
        label = tag("span", tag("em", _("no intent")), class_="intent wrong")
    percent = confidence if intent is not None else ""
    return tag("p", tag("span", title, class_="side"), " ", label, tag("span", percent, class_="muted"))


def _number(intent: str | None, numbers: Mapping[str, int]) -> int | None:
    return None if intent is None else numbers.get(intent)
