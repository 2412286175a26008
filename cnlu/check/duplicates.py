"""Texts that stand more than once: under other intents, annotated otherwise, or simply again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cnlu.check.corpus import Corpus, Line, by_text, frame
from cnlu.check.findings import Finding, Place
from cnlu.data.schema import Example
from cnlu.io.messages import shown

_MOST_DESCRIBED = 5
"""Annotations of one text that a message spells out"""


def find_repeats(corpus: Corpus) -> Iterator[Finding]:
    """`two-intents`, `two-annotations`, `duplicate`; in training and in the test, each for itself."""
    for lines in corpus.parts:
        for group in by_text(lines):
            yield from _two_intents(group)
            yield from _two_annotations(group, corpus)
            yield from _duplicates(group, corpus)


def find_alike_under_two_intents(corpus: Corpus) -> Iterator[Finding]:
    """`two-intents-alike`; texts that are quite the same are `two-intents`' business."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in corpus.train:
        if line.example.intent is not None:
            groups[line.loose].append(line)
    for group in groups.values():
        first = group[0]
        for line in group[1:]:
            if line.example.intent != first.example.intent and line.key != first.key:
                problem = (
                    f"stands under {_intent(line)}, and {shown(first.example.text)} at {first.example.source} "
                    f"under {_intent(first)}"
                )
                yield Finding(
                    "two-intents-alike",
                    line.example.source,
                    line.example.text,
                    problem,
                    "give both the intent that is meant",
                    (first.place,),
                )


def _two_intents(group: list[Line]) -> Iterator[Finding]:
    by_intent: dict[str, list[Line]] = defaultdict(list)
    for line in group:
        if line.example.intent is not None:
            by_intent[line.example.intent].append(line)
    ranked = sorted(by_intent.values(), key=len, reverse=True)
    for rarer in ranked[1:]:
        line, other = rarer[0], ranked[0][0]
        problem = f"stands under {_intent(line)} here and under {_intent(other)} at {other.example.source}"
        yield Finding(
            "two-intents",
            line.example.source,
            line.example.text,
            problem,
            "keep it under one of them",
            _others(ranked, rarer),
        )


def _two_annotations(group: list[Line], corpus: Corpus) -> Iterator[Finding]:
    by_frame: dict[object, list[Line]] = defaultdict(list)
    for line in group:
        by_frame[frame(line, corpus)].append(line)
    ranked = sorted(by_frame.values(), key=len, reverse=True)
    for rarer in ranked[1:]:
        line, other = rarer[0], ranked[0][0]
        problem = (
            f"is annotated as {described(line.example)} here and as {described(other.example)} "
            f"at {other.example.source}"
        )
        yield Finding(
            "two-annotations",
            line.example.source,
            line.example.text,
            problem,
            "annotate both alike",
            _others(ranked, rarer),
        )


def _others(ranked: list[list[Line]], own: list[Line]) -> tuple[Place, ...]:
    """The first example of each other way."""
    return tuple(lines[0].place for lines in ranked if lines is not own)


def _duplicates(group: list[Line], corpus: Corpus) -> Iterator[Finding]:
    same: dict[object, list[Line]] = defaultdict(list)
    for line in group:
        same[line.example.intent, frame(line, corpus)].append(line)
    for first, *again in same.values():
        if again:
            often = f"{len(again) + 1} times, first" if len(again) > 1 else "also"
            yield Finding(
                "duplicate",
                again[0].example.source,
                again[0].example.text,
                f"stands {often} at {first.example.source}",
                "remove the repeats: they teach nothing new",
                tuple(line.place for line in (first, *again[1:])),
            )


def _intent(line: Line) -> str:
    return shown(line.example.intent or "")


def described(example: Example) -> str:
    """The annotation in short: [北京](city role=from)."""
    parts = []
    for entity in example.entities[:_MOST_DESCRIBED]:
        covered = example.text[entity.start : entity.end]
        marks = [
            entity.entity,
            *(f"{name}={mark}" for name, mark in (("role", entity.role), ("group", entity.group)) if mark is not None),
        ]
        if entity.value != covered:
            marks.append(f"value={entity.value}")
        parts.append(f"[{shown(covered)[1:-1]}]({shown(' '.join(marks))[1:-1]})")
    if len(example.entities) > len(parts):
        parts.append(f"and {len(example.entities) - len(parts)} more")
    return " ".join(parts) or "nothing"
