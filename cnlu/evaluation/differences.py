"""What differs between two frames, piece by piece, and of what kind each difference is."""

from __future__ import annotations

from dataclasses import dataclass

from cnlu.evaluation.frames import Frame, RoleSpan, in_text_order, intent_is_right

KINDS = {
    "intent": "another intent",
    "missed": "entity not found",
    "invented": "entity where none is annotated",
    "boundaries": "entity with other edges",
    "type": "entity of another type",
    "role": "entity with another role or group",
}
"""Every kind of difference, in words."""


@dataclass(frozen=True)
class Difference:
    """One thing that is wrong."""

    kind: str
    """A key of KINDS"""
    gold: RoleSpan | None = None
    """What is annotated; None where nothing is, and for an intent"""
    predicted: RoleSpan | None = None
    """What was answered"""


def differences(gold: Frame, predicted: Frame) -> list[Difference]:
    """The intent first, then annotated entities in text order with what was answered over them, then the rest."""
    found = [] if intent_is_right(gold, predicted) else [Difference("intent")]
    extra = in_text_order(predicted.entities - gold.entities)
    for span in in_text_order(gold.entities - predicted.entities):
        rivals = [other for other in extra if other[0] < span[1] and span[0] < other[1]]
        if rivals:
            extra.remove(rivals[0])
            found.append(Difference(_kind(span, rivals[0]), span, rivals[0]))
        else:
            found.append(Difference("missed", span))
    return found + [Difference("invented", None, span) for span in extra]


def _kind(gold: RoleSpan, predicted: RoleSpan) -> str:
    if gold[2] != predicted[2]:
        return "type"
    return "role" if gold[:2] == predicted[:2] else "boundaries"
