"""Gold and predicted frames (intent and entities) in one form, and their comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.data.multi_intent import canonical_intent
from cnlu.data.schema import Example

Span = tuple[int, int, str]
"""(start, end, entity type)"""

RoleSpan = tuple[int, int, str, str | None, str | None]
"""(start, end, entity type, role, group)"""


@dataclass(frozen=True)
class Frame:
    """The meaning of a sentence: its intent and its entities."""

    intent: str | None
    entities: frozenset[RoleSpan]

    @property
    def spans(self) -> frozenset[Span]:
        """The entities without roles and groups."""
        return frozenset(entity[:3] for entity in self.entities)


def gold_frame(example: Example) -> Frame:
    """The annotated frame."""
    spans = ((e.start, e.end, e.entity, e.role, e.group) for e in example.entities)
    return Frame(example.intent, frozenset(spans))


def predicted_frame(result: Mapping[str, Any]) -> Frame:
    """The frame of a parse result."""
    intent = result.get("intent") or {}
    spans = ((e["start"], e["end"], e["entity"], e.get("role"), e.get("group")) for e in result.get("entities", ()))
    return Frame(intent.get("name"), frozenset(spans))


def intent_is_right(gold: Frame, predicted: Frame) -> bool:
    """Whether the intent is right. Any intent is right for a sentence that is annotated without one."""
    return gold.intent is None or gold.intent == predicted.intent


def frame_is_right(gold: Frame, predicted: Frame) -> bool:
    """Whether the intent and all entities, with roles and groups, are right."""
    return intent_is_right(gold, predicted) and gold.entities == predicted.entities


def paired_frames(gold: Sequence[Example], predicted: Sequence[Mapping[str, Any]]) -> list[tuple[Frame, Frame]]:
    """(gold, predicted) frames in order; raises ValueError unless there is one prediction per example."""
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} examples but {len(predicted)} predictions")
    return [_pair(gold_frame(e), predicted_frame(p), "intents" in p) for e, p in zip(gold, predicted, strict=True)]


def _pair(gold: Frame, predicted: Frame, multi_intent: bool) -> tuple[Frame, Frame]:
    """The two frames; with a multi-label model, with the intents in canonical order: a+b and b+a are the same."""
    if not multi_intent:
        return gold, predicted
    return replace(gold, intent=canonical_intent(gold.intent)), replace(
        predicted, intent=canonical_intent(predicted.intent)
    )


def frame_correctness(gold: Sequence[Example], predicted: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """bool [N]: whether each frame is right."""
    return np.array([frame_is_right(*pair) for pair in paired_frames(gold, predicted)], bool)


def in_text_order(entities: Iterable[RoleSpan]) -> list[RoleSpan]:
    """The entities sorted by position; a missing role or group comes first."""
    return sorted(entities, key=lambda e: (e[0], e[1], e[2], e[3] or "", e[4] or ""))
