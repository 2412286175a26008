"""The figures of metrics.json: intents, exact entity spans, whole frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cnlu.data.multi_intent import split_intent
from cnlu.data.schema import Entity, Example
from cnlu.evaluation.frames import Frame, RoleSpan, Span, frame_is_right, paired_frames
from cnlu.runtime.calibration import expected_calibration_error
from cnlu.runtime.labels import Labels
from cnlu.runtime.unreachable_spans import count_unreachable


def evaluate(
    gold: Sequence[Example],
    predicted: Sequence[Mapping[str, Any]],
    training_labels: Labels | None = None,
    unreachable: Callable[[Example], int] = count_unreachable,
) -> dict[str, Any]:
    """The content of metrics.json for parse results `predicted` of the `gold` examples, in the same order.

    `training_labels` are the labels that training has seen (None: all count as seen). `unreachable` counts the gold
    spans of an example that no parse result can contain. A section without gold data is None: `intent` without gold
    intents, `entity` if neither side has entities, `entity_role` without gold roles and groups. Precision is 0 if
    nothing is predicted, and recall is 0 if nothing is annotated. Raises ValueError if the lengths differ.
    """
    pairs, multi_label = paired_frames(gold, predicted), any("intents" in result for result in predicted)
    right = sum(frame_is_right(*pair) for pair in pairs)
    return {
        "n": len(pairs),
        "intent": _intent_section(pairs, predicted, training_labels),
        "entity": _entity_section(pairs, training_labels),
        "entity_role": _role_section(pairs, training_labels),
        "frame_accuracy": _ratio(right, len(pairs)),
        "unreachable_entities": sum(unreachable(example) for example in gold),
        "unseen_labels": sum(_unseen(example, training_labels, multi_label) for example in gold)
        if training_labels
        else 0,
    }


def _intent_section(
    pairs: Sequence[tuple[Frame, Frame]], predicted: Sequence[Mapping[str, Any]], training_labels: Labels | None
) -> dict[str, Any] | None:
    """Accuracy, F1 and calibration over the examples that have a gold intent.

    With a multi-label model, accuracy compares whole sets of intents, and F1 single intents.
    """
    multi_label = any("intents" in result for result in predicted)

    def single(name: str | None) -> list[str]:
        return _single_intents(name, multi_label)

    labelled = [(g.intent, p.intent, r) for (g, p), r in zip(pairs, predicted, strict=True) if g.intent is not None]
    if not labelled:
        return None
    support = Counter(name for gold, _, _ in labelled for name in single(gold))
    answers = Counter(name for _, answer, _ in labelled for name in single(answer))
    matches = Counter(name for gold, answer, _ in labelled for name in single(gold) if name in single(answer))
    per_label = {
        label: {
            **_scores(matches[label], answers[label], support[label]),
            "support": support[label],
            "seen": training_labels is None or label in training_labels.intents,
        }
        for label in sorted(support.keys() | answers.keys())
    }
    correct = [gold == answer for gold, answer, _ in labelled]
    confidences = [float((result.get("intent") or {}).get("confidence") or 0.0) for _, _, result in labelled]
    return {
        "accuracy": _ratio(sum(correct), len(labelled)),
        "macro_f1": sum(per_label[label]["f1"] for label in support) / len(support),
        "weighted_f1": sum(per_label[label]["f1"] * n for label, n in support.items()) / support.total(),
        "ece": expected_calibration_error(np.array(confidences), np.array(correct)),
        "per_label": per_label,
    }


def _entity_section(pairs: Iterable[tuple[Frame, Frame]], training_labels: Labels | None) -> dict[str, Any] | None:
    spans = [(gold.spans, predicted.spans) for gold, predicted in pairs]
    if not any(gold or predicted for gold, predicted in spans):
        return None

    def seen(span: Span) -> bool:
        return training_labels is None or span[2] in training_labels.entities

    return _span_section(spans, lambda span: span[2], seen)


def _role_section(pairs: Sequence[tuple[Frame, Frame]], training_labels: Labels | None) -> dict[str, Any] | None:
    """Like the entity section, but with roles and groups."""
    spans = [(gold.entities, predicted.entities) for gold, predicted in pairs]
    if not any(span[3] is not None or span[4] is not None for gold, _ in spans for span in gold):
        return None

    def seen(span: RoleSpan) -> bool:
        return training_labels is None or _is_seen(*span[2:], training_labels)

    return _span_section(spans, _role_name, seen)


def _span_section(
    spans: Sequence[tuple[frozenset[Any], frozenset[Any]]],
    name: Callable[[Any], str],
    seen: Callable[[Any], bool],
) -> dict[str, Any]:
    """Micro-averaged precision, recall and F1 of exactly matching spans, in total and by `name`."""
    matches: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    support: Counter[str] = Counter()
    is_seen: dict[str, bool] = {}
    for gold, predicted in spans:
        matches.update(map(name, gold & predicted))
        answers.update(map(name, predicted))
        support.update(map(name, gold))
        is_seen.update((name(span), seen(span)) for span in gold | predicted)
    per_type = {
        kind: {
            **_scores(matches[kind], answers[kind], support[kind]),
            "support": support[kind],
            "seen": is_seen[kind],
        }
        for kind in sorted(is_seen)
    }
    return {**_scores(matches.total(), answers.total(), support.total()), "per_type": per_type}


def _role_name(span: RoleSpan) -> str:
    """`type`, `type:role`, `type#group` or `type:role#group`."""
    _, _, kind, role, group = span
    return kind + (f":{role}" if role is not None else "") + (f"#{group}" if group is not None else "")


def _scores(matches: int, predicted: int, gold: int) -> dict[str, float]:
    return {
        "precision": _ratio(matches, predicted),
        "recall": _ratio(matches, gold),
        "f1": _ratio(2 * matches, predicted + gold),
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _single_intents(name: str | None, multi_label: bool) -> list[str]:
    if name is None:
        return []
    return split_intent(name) if multi_label else [name]


def _unseen(example: Example, training_labels: Labels, multi_label: bool) -> int:
    """Number of the example's intents and entities whose label training has not seen."""

    def is_seen(entity: Entity) -> bool:
        return _is_seen(entity.entity, entity.role, entity.group, training_labels)

    intents = _single_intents(example.intent, multi_label)
    return sum(name not in training_labels.intents for name in intents) + sum(
        not is_seen(entity) for entity in example.entities
    )


def _is_seen(kind: str, role: str | None, group: str | None, training_labels: Labels) -> bool:
    return (
        kind in training_labels.entities
        and (role is None or role in training_labels.roles.get(kind, ()))
        and (group is None or group in training_labels.groups.get(kind, ()))
    )
