"""Texts that occur more than once: with different intents, with different annotations, or with the same labels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cnlu.check.corpus import Corpus, Line, by_text, frame
from cnlu.check.findings import Finding, Place
from cnlu.data.schema import Example
from cnlu.i18n import _, n_
from cnlu.io.messages import shown

_MAX_DESCRIBED = 5
"""Number of annotations of one text that a message lists"""


def find_repeats(corpus: Corpus) -> Iterator[Finding]:
    """`two-intents`, `two-annotations`, `duplicate`; in training data and in test data, separately."""
    for lines in corpus.parts:
        for group in by_text(lines):
            yield from _two_intents(group)
            yield from _two_annotations(group, corpus)
            yield from _duplicates(group, corpus)


def find_near_duplicates_with_two_intents(corpus: Corpus) -> Iterator[Finding]:
    """`near-duplicate-two-intents`; texts that are exactly the same are reported as `two-intents`."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in corpus.train:
        if line.example.intent is not None:
            groups[line.loose_key].append(line)
    for group in groups.values():
        first = group[0]
        for line in group[1:]:
            if line.example.intent != first.example.intent and line.key != first.key:
                yield _near_duplicate_with_two_intents(line, first)


def _near_duplicate_with_two_intents(line: Line, first: Line) -> Finding:
    problem = _(
        "has the intent {intent}, and {other_text} at {place} has {other}",
        intent=_intent(line),
        other_text=shown(first.example.text),
        place=first.example.source,
        other=_intent(first),
    )
    return Finding(
        code="near-duplicate-two-intents",
        source=line.example.source,
        text=line.example.text,
        problem=problem,
        fix=_("give both the same intent"),
        related=(first.place,),
    )


def _two_intents(group: list[Line]) -> Iterator[Finding]:
    by_intent: dict[str, list[Line]] = defaultdict(list)
    for line in group:
        if line.example.intent is not None:
            by_intent[line.example.intent].append(line)
    ranked = sorted(by_intent.values(), key=len, reverse=True)
    for rarer in ranked[1:]:
        line, other = rarer[0], ranked[0][0]
        problem = _(
            "has the intent {intent} here and {other} at {place}",
            intent=_intent(line),
            other=_intent(other),
            place=other.example.source,
        )
        yield Finding(
            code="two-intents",
            source=line.example.source,
            text=line.example.text,
            problem=problem,
            fix=_("keep it in one of them"),
            related=_others(ranked, rarer),
        )


def _two_annotations(group: list[Line], corpus: Corpus) -> Iterator[Finding]:
    by_frame: dict[object, list[Line]] = defaultdict(list)
    for line in group:
        by_frame[frame(line, corpus)].append(line)
    ranked = sorted(by_frame.values(), key=len, reverse=True)
    for rarer in ranked[1:]:
        line, other = rarer[0], ranked[0][0]
        problem = _(
            "is annotated as {annotation} here and as {other} at {place}",
            annotation=describe_annotations(line.example),
            other=describe_annotations(other.example),
            place=other.example.source,
        )
        yield Finding(
            code="two-annotations",
            source=line.example.source,
            text=line.example.text,
            problem=problem,
            fix=_("annotate both in the same way"),
            related=_others(ranked, rarer),
        )


def _others(ranked: list[list[Line]], group: list[Line]) -> tuple[Place, ...]:
    """The first example of each other group."""
    return tuple(lines[0].place for lines in ranked if lines is not group)


def _duplicates(group: list[Line], corpus: Corpus) -> Iterator[Finding]:
    groups: dict[object, list[Line]] = defaultdict(list)
    for line in group:
        groups[line.example.intent, frame(line, corpus)].append(line)
    for first, *repeats in groups.values():
        if repeats:
            problem = n_(
                "occurs also at {place}",
                "occurs {times} times, first at {place}",
                len(repeats),
                times=len(repeats) + 1,
                place=first.example.source,
            )
            yield Finding(
                code="duplicate",
                source=repeats[0].example.source,
                text=repeats[0].example.text,
                problem=problem,
                fix=_("remove the repeats: they add nothing to training"),
                related=tuple(line.place for line in (first, *repeats[1:])),
            )


def _intent(line: Line) -> str:
    return shown(line.example.intent or "")


def describe_annotations(example: Example) -> str:
    """The annotations in short form: [北京](city role=from)."""
    parts = []
    for entity in example.entities[:_MAX_DESCRIBED]:
        covered = example.text[entity.start : entity.end]
        labels = [
            entity.entity,
            *(
                f"{name}={label}"
                for name, label in (("role", entity.role), ("group", entity.group))
                if label is not None
            ),
        ]
        if entity.value != covered:
            labels.append(f"value={entity.value}")
        parts.append(f"[{shown(covered)[1:-1]}]({shown(' '.join(labels))[1:-1]})")
    if len(example.entities) > len(parts):
        parts.append(_("and {count} more", count=len(example.entities) - len(parts)))
    return " ".join(parts) or _("nothing")
