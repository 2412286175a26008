"""Everything that the report page tells of: examples, answers, figures, and what training had seen."""

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
"""Draws of the intervals: enough for a tenth of a per cent, and a moment's work for thousands of sentences."""

SeenInTraining = Callable[[str, str], bool]
"""(entity type, what was said) -> whether training had read it."""


@dataclass(frozen=True)
class ReportData:
    """One evaluation, whole."""

    subject: str
    """What was measured on what, a phrase"""
    examples: Sequence[Example]
    results: Sequence[Mapping[str, Any]]
    """Parse results, in the order of the examples"""
    metrics: Mapping[str, Any]
    """The content of metrics.json; of a cross-validation with `folds`"""
    labels: Labels | None = None
    """What training knew; None: unknown, everything is taken as seen"""
    counts: Mapping[str, Mapping[str, int]] | None = None
    """Training examples of each of the `intents`, annotations of each of the `entities`; None: unknown"""
    unseen_spans: frozenset[tuple[int, Span]] = frozenset()
    """(number of the example, annotated span) where training had not read the words of the span"""
    fold_of: Sequence[int] | None = None
    """Of each example the number of the fold that held it out, from 1; None: no cross-validation"""

    @cached_property
    def pairs(self) -> list[tuple[Frame, Frame]]:
        """(gold, predicted) of each example."""
        return paired_frames(self.examples, self.results)

    @cached_property
    def wrong(self) -> list[int]:
        """Numbers of the examples whose frame is wrong."""
        return [i for i, pair in enumerate(self.pairs) if not frame_is_right(*pair)]

    @cached_property
    def differences(self) -> dict[int, list[Difference]]:
        """What is wrong with each wrong example."""
        return {i: differences(*self.pairs[i]) for i in self.wrong}

    @cached_property
    def intents(self) -> list[tuple[int, str, str | None, float]]:
        """(number, annotated, answered, confidence) of each example that has an intent."""
        return [
            (i, gold.intent, predicted.intent, self.confidence(i))
            for i, (gold, predicted) in enumerate(self.pairs)
            if gold.intent is not None
        ]

    def confidence(self, number: int) -> float:
        """Of the answered intent; 0 where there is none."""
        return float((self.results[number].get("intent") or {}).get("confidence") or 0.0)

    @cached_property
    def entity_types(self) -> list[str]:
        """All that are annotated or answered, sorted; their places give the colours."""
        return sorted({span[2] for pair in self.pairs for frame in pair for span in frame.entities})

    @cached_property
    def headline(self) -> dict[str, Interval]:
        """95 % intervals of the figures that the examples ask for; keys as in metrics.json, with dots."""
        right = np.array([i not in self.differences for i in range(len(self.examples))])
        found = {"frame_accuracy": mean_interval(right, samples=SAMPLES)}
        if self.metrics["intent"]:
            pairs = [(gold, answer) for _, gold, answer, _ in self.intents]
            hits = np.array([gold == answer for gold, answer in pairs])
            found["intent.accuracy"] = mean_interval(hits, samples=SAMPLES)
            found["intent.macro_f1"] = macro_f1_interval(pairs, samples=SAMPLES)
        if self.metrics["entity"]:
            found["entity.f1"] = f1_interval([_counts(g.spans, p.spans) for g, p in self.pairs], samples=SAMPLES)
        if self.metrics["entity_role"]:
            sides = [_counts(g.entities, p.entities) for g, p in self.pairs]
            found["entity_role.f1"] = f1_interval(sides, samples=SAMPLES)
        return found


def _counts(gold: frozenset[Any], predicted: frozenset[Any]) -> tuple[int, int, int]:
    return len(gold & predicted), len(predicted), len(gold)


def find_unseen_spans(
    examples: Sequence[Example], heard_of: SeenInTraining, numbers: Sequence[int] | None = None
) -> frozenset[tuple[int, Span]]:
    """`Study.unseen_spans` of examples; `numbers` are theirs in the study (None: from 0)."""
    return frozenset(
        (number, (e.start, e.end, e.entity))
        for number, example in zip(range(len(examples)) if numbers is None else numbers, examples, strict=True)
        for e in example.entities
        if not heard_of(e.entity, example.text[e.start : e.end])
    )


def seen_in_examples(examples: Sequence[Example]) -> SeenInTraining:
    """Exactly: whether these training examples annotate the same words as the same type."""
    values = {(e.entity, example.text[e.start : e.end]) for example in examples for e in example.entities}
    return lambda kind, said: (kind, said) in values
