"""The data of the report page: examples, answers, figures, and what training has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cnlu.data.schema import Example
from cnlu.evaluation.bootstrap import Interval, f1_interval, macro_f1_interval, mean_interval
from cnlu.evaluation.differences import Difference, differences
from cnlu.evaluation.frames import Frame, Span, frame_is_right, paired_frames
from cnlu.runtime.labels import Labels

SAMPLES = 2000
"""Bootstrap draws: enough for a precision of 0.1 %, and fast for thousands of sentences."""

SeenInTraining = Callable[[str, str], bool]
"""(entity type, value) -> whether training has seen the value."""


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """One evaluation."""

    subject: str
    """What was evaluated, as a title: the model and the data"""
    examples: Sequence[Example]
    results: Sequence[Mapping[str, Any]]
    """Parse results, in the order of the examples"""
    metrics: Mapping[str, Any]
    """The content of metrics.json, with `folds` for a cross-validation"""
    labels: Labels | None = None
    """The labels that training has seen; None: unknown, all count as seen"""
    counts: Mapping[str, Mapping[str, int]] | None = None
    """Training label counts: examples of each of the `intents`, annotations of each of the `entities`; None: unknown"""
    unseen_spans: frozenset[tuple[int, Span]] = frozenset()
    """(index of the example, annotated span) for each span whose words training has not seen"""
    fold_of: Sequence[int] | None = None
    """Number of the fold that held out each example, from 1; None: no cross-validation"""

    @cached_property
    def pairs(self) -> list[tuple[Frame, Frame]]:
        """(gold, predicted) of each example."""
        return paired_frames(self.examples, self.results)

    @cached_property
    def wrong(self) -> list[int]:
        """Indices of the examples with a wrong frame."""
        return [i for i, pair in enumerate(self.pairs) if not frame_is_right(*pair)]

    @cached_property
    def differences(self) -> dict[int, list[Difference]]:
        """The errors of each wrong example, by index."""
        return {i: differences(*self.pairs[i]) for i in self.wrong}

    @cached_property
    def intents(self) -> list[tuple[int, str, str | None, float]]:
        """(index, annotated, answered, confidence) of each example that has an intent."""
        return [
            (i, gold.intent, predicted.intent, self.confidence(i))
            for i, (gold, predicted) in enumerate(self.pairs)
            if gold.intent is not None
        ]

    def confidence(self, number: int) -> float:
        """Confidence of the answered intent; 0 if there is none."""
        return float((self.results[number].get("intent") or {}).get("confidence") or 0.0)

    @cached_property
    def entity_types(self) -> list[str]:
        """All annotated or answered types, sorted; a type's position determines its colour on the page."""
        return sorted({span[2] for pair in self.pairs for frame in pair for span in frame.entities})

    @cached_property
    def headline(self) -> dict[str, Interval]:
        """95 % intervals of the figures that the examples have; keys as in metrics.json, with dots."""
        right = np.array([i not in self.differences for i in range(len(self.examples))])
        intervals = {"frame_accuracy": mean_interval(right, samples=SAMPLES)}
        if self.metrics["intent"]:
            pairs = [(gold, answer) for _, gold, answer, _ in self.intents]
            correct = np.array([gold == answer for gold, answer in pairs])
            intervals["intent.accuracy"] = mean_interval(correct, samples=SAMPLES)
            intervals["intent.macro_f1"] = macro_f1_interval(pairs, samples=SAMPLES)
        if self.metrics["entity"]:
            intervals["entity.f1"] = f1_interval([_counts(g.spans, p.spans) for g, p in self.pairs], samples=SAMPLES)
        if self.metrics["entity_role"]:
            sides = [_counts(g.entities, p.entities) for g, p in self.pairs]
            intervals["entity_role.f1"] = f1_interval(sides, samples=SAMPLES)
        return intervals


def _counts(gold: frozenset[Any], predicted: frozenset[Any]) -> tuple[int, int, int]:
    return len(gold & predicted), len(predicted), len(gold)


def find_unseen_spans(
    examples: Sequence[Example], seen: SeenInTraining, numbers: Sequence[int] | None = None
) -> frozenset[tuple[int, Span]]:
    """`ReportData.unseen_spans` of examples; `numbers` are their indices in the report (None: from 0)."""
    return frozenset(
        (number, (e.start, e.end, e.entity))
        for number, example in zip(range(len(examples)) if numbers is None else numbers, examples, strict=True)
        for e in example.entities
        if not seen(e.entity, example.text[e.start : e.end])
    )


def seen_in_examples(examples: Sequence[Example]) -> SeenInTraining:
    """Whether these training examples annotate the same words with the same type."""
    values = {(e.entity, example.text[e.start : e.end]) for example in examples for e in example.entities}
    return lambda kind, value: (kind, value) in values
