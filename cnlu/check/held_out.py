"""Comparing test data with training data: labels that training lacks, and texts that both have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cnlu.check.corpus import Corpus, Line, frame
from cnlu.check.duplicates import describe_annotations
from cnlu.check.findings import Finding
from cnlu.check.labels import labels_of
from cnlu.i18n import _, n_
from cnlu.io.messages import shown

_MAX_RELATED = 10
"""Number of places in training that a finding lists for one text of the test data"""


def find_unknown_labels(corpus: Corpus) -> Iterator[Finding]:
    """`unknown-label`: one finding per name."""
    train_labels, test_labels = labels_of(corpus.train), labels_of(corpus.test)
    for kind, names in test_labels.items():
        for name, places in names.items():
            if name not in train_labels[kind]:
                yield Finding(
                    code="unknown-label",
                    source=places[0].source,
                    text=name,
                    problem=_unknown_label(kind, len(places)),
                    fix=_("write training examples for it, or correct the name"),
                    related=tuple(places),
                )


def _unknown_label(kind: str, count: int) -> str:
    if kind == "intent":
        return n_(
            "is an intent of {count} test example and of no training example, so it is never recognized",
            "is an intent of {count} test examples and of no training example, so it is never recognized",
            count,
        )
    if kind == "entity type":
        return n_(
            "is an entity type of {count} test annotation and of no training annotation, so it is never recognized",
            "is an entity type of {count} test annotations and of no training annotation, so it is never recognized",
            count,
        )
    if kind == "role":
        return n_(
            "is a role of {count} test annotation and of no training annotation, so it is never recognized",
            "is a role of {count} test annotations and of no training annotation, so it is never recognized",
            count,
        )
    return n_(
        "is a group of {count} test annotation and of no training annotation, so it is never recognized",
        "is a group of {count} test annotations and of no training annotation, so it is never recognized",
        count,
    )


def find_test_in_train(corpus: Corpus) -> Iterator[Finding]:
    """`test-in-train`, or `test-disagrees` if the two have different labels."""
    train_lines: dict[str, list[Line]] = defaultdict(list)
    for line in corpus.train:
        train_lines[line.key].append(line)
    for line in corpus.test:
        matches = train_lines.get(line.key)
        if not matches:
            continue
        expected = line.example.intent, frame(line, corpus)
        if any((match.example.intent, frame(match, corpus)) == expected for match in matches):
            problem = _("is in the training data too, at {place}", place=matches[0].example.source)
            fix = _("remove it from one of the two, otherwise the test score is too high")
            code = "test-in-train"
        else:
            problem = _(
                "is {expected} in the test data and {trained} at {place} in the training data",
                expected=_describe(line),
                trained=_describe(matches[0]),
                place=matches[0].example.source,
            )
            fix = _("correct one of the two, and keep the text in only one of them")
            code = "test-disagrees"
        related = tuple(match.place for match in matches[:_MAX_RELATED])
        yield Finding(code, line.example.source, line.example.text, problem, fix, related=related)


def _describe(line: Line) -> str:
    intent, annotations = line.example.intent, describe_annotations(line.example)
    if intent is None:
        return _("without an intent, with {annotations}", annotations=annotations)
    return _("{intent} with {annotations}", intent=shown(intent), annotations=annotations)
