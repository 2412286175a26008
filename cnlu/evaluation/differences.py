"""The differences between two frames, each with its kind."""

from __future__ import annotations

from dataclasses import dataclass

from cnlu.evaluation.frames import Frame, RoleSpan, in_text_order, intent_is_right
from cnlu.i18n import _

KINDS = ("intent", "missed", "invented", "boundaries", "type", "role")
"""The codes of all kinds of difference."""


def kind_titles() -> dict[str, str]:
    """The kinds in words, in the order of KINDS."""
    return {
        "intent": _("another intent"),
        "missed": _("entity not found"),
        "invented": _("entity without annotation"),
        "boundaries": _("entity with other boundaries"),
        "type": _("entity of another type"),
        "role": _("entity with another role or group"),
    }


@dataclass(frozen=True)
class Difference:
    """One error in a frame."""

    kind: str
    """One of KINDS"""
    gold: RoleSpan | None = None
    """The annotated entity; None if there is none, and for an intent"""
    predicted: RoleSpan | None = None
    """The answered entity; None if there is none, and for an intent"""


def differences(gold: Frame, predicted: Frame) -> list[Difference]:
    """The intent, then annotated entities in text order, paired with overlapping answers, then the other answers."""
    result = [] if intent_is_right(gold, predicted) else [Difference("intent")]
    unmatched = in_text_order(predicted.entities - gold.entities)
    for span in in_text_order(gold.entities - predicted.entities):
        overlapping = [other for other in unmatched if other[0] < span[1] and span[0] < other[1]]
        if overlapping:
            unmatched.remove(overlapping[0])
            result.append(Difference(_kind(span, overlapping[0]), span, overlapping[0]))
        else:
            result.append(Difference("missed", span))
    return result + [Difference("invented", None, span) for span in unmatched]


def _kind(gold: RoleSpan, predicted: RoleSpan) -> str:
    if gold[2] != predicted[2]:
        return "type"
    return "role" if gold[:2] == predicted[:2] else "boundaries"
