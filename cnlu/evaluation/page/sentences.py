"""Sentences with their entities coloured, and the list of all that are wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from cnlu.evaluation.advice import Name
from cnlu.evaluation.differences import KINDS
from cnlu.evaluation.frames import Frame, RoleSpan, in_text_order
from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.report_data import ReportData

COLOURS = 12


def name(text: str) -> Html:
    """A label or value of the user's, set off from the words around it."""
    return tag("code", text)


def words(pieces: Iterable[str]) -> Html:
    """A sentence of advice, its names set off."""
    return inner([name(piece) if isinstance(piece, Name) else piece for piece in pieces])


def marked(
    text: str, spans: Collection[RoleSpan], colours: Mapping[str, int], wrong: Collection[RoleSpan] = ()
) -> Html:
    """`text` with its spans as marks; of overlapping ones the longest, the others are named behind it."""
    kept: list[RoleSpan] = []
    for span in sorted(in_text_order(spans), key=lambda s: s[0] - s[1]):
        inside = 0 <= span[0] < span[1] <= len(text)
        if inside and all(span[1] <= other[0] or other[1] <= span[0] for other in kept):
            kept.append(span)
    parts: list[str] = []
    at = 0
    for span in in_text_order(kept):
        parts += [text[at : span[0]], _mark(text[span[0] : span[1]], span, colours, span in wrong)]
        at = span[1]
    rest = [span for span in in_text_order(spans) if span not in kept]
    also = [
        tag("span", f"also {s[0]}-{s[1]}: ", _mark(text[s[0] : s[1]], s, colours, s in wrong), class_="also")
        for s in rest
    ]
    return inner(tag("span", parts, text[at:], class_="text"), also)


def _mark(said: str, span: RoleSpan, colours: Mapping[str, int], wrong: bool) -> Html:
    """The type stands in an attribute, which the style shows, so that copying the sentence copies the sentence."""
    colour = f"c{colours.get(span[2], 0) % COLOURS}"
    return tag("mark", said, class_=f"{colour} wrong" if wrong else colour, data_label=label_of(span))


def label_of(span: RoleSpan) -> str:
    """`type`, `type:role`, `type#group` or `type:role#group`."""
    _, _, kind, role, group = span
    return kind + (f":{role}" if role is not None else "") + (f"#{group}" if group is not None else "")


def error_list(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    """Every wrong example; `numbers` are those that the filters know the intents by."""
    colours = {kind: i for i, kind in enumerate(report_data.entity_types)}
    return tag("ol", [_error(report_data, i, numbers, colours) for i in report_data.wrong], id="errors")


def _error(report_data: ReportData, number: int, numbers: Mapping[str, int], colours: Mapping[str, int]) -> Html:
    example, found = report_data.examples[number], report_data.differences[number]
    gold, predicted = report_data.pairs[number]
    kinds = list(dict.fromkeys(one.kind for one in found))
    types = {span[2] for one in found for span in (one.gold, one.predicted) if span}
    wrong = {span for one in found for span in (one.gold, one.predicted) if span}
    about = [tag("span", KINDS[kind], class_="kind") for kind in kinds]
    about.append(tag("span", example.source, class_="source"))
    if report_data.fold_of is not None:
        about.append(tag("span", f"fold {report_data.fold_of[number]}", class_="source"))
    sides = [
        _side("annotated", gold, None, example.text, colours, wrong, "intent" in kinds),
        _side("answered", predicted, report_data.confidence(number), example.text, colours, wrong, "intent" in kinds),
    ]
    return tag(
        "li",
        tag("p", about, class_="about"),
        tag("div", sides, class_="sides"),
        data_gold=_number(gold.intent, numbers),
        data_answer=_number(predicted.intent, numbers),
        data_kinds=" ".join(kinds),
        data_types=" ".join(str(colours[kind]) for kind in sorted(types)),
    )


def _side(
    title: str,
    frame: Frame,
    confidence: float | None,
    text: str,
    colours: Mapping[str, int],
    wrong: Collection[RoleSpan],
    intent_wrong: bool,
) -> Html:
    intent = (
        tag("span", frame.intent, class_="intent wrong" if intent_wrong else "intent")
        if frame.intent is not None
        else ""
    )
    if frame.intent is None and intent_wrong:
        intent = tag("span", tag("em", "no intent"), class_="intent wrong")
    sure = f" {confidence:.0%} sure" if confidence is not None and frame.intent is not None else ""
    head = tag("p", tag("span", title, class_="side"), " ", intent, tag("span", sure, class_="quiet"))
    return tag("div", head, tag("p", marked(text, frame.entities, colours, wrong), class_="sentence"))


def _number(intent: str | None, numbers: Mapping[str, int]) -> int | None:
    return None if intent is None else numbers.get(intent)
