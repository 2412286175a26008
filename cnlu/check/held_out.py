"""A test beside its training examples: what it asks that was never taught, and what it gives away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from cnlu.check.corpus import Corpus, Line, frame
from cnlu.check.duplicates import described
from cnlu.check.findings import Finding
from cnlu.check.labels import KINDS, labels_of
from cnlu.io.messages import shown

_TWINS = 10
"""Places in training that are named for one text of the test."""


def find_unknown_labels(corpus: Corpus) -> Iterator[Finding]:
    """`unknown-label`: one finding a name."""
    known, asked = labels_of(corpus.train), labels_of(corpus.test)
    for kind, names in asked.items():
        for name, places in names.items():
            if name not in known[kind]:
                count = f"{len(places)} example{'s' if len(places) > 1 else ''}"
                problem = f"is {KINDS[kind]} in {count} of the test and in none of training, so it is always missed"
                yield Finding(
                    "unknown-label",
                    places[0].source,
                    name,
                    problem,
                    "write training examples of it, or correct the name",
                    tuple(places),
                )


def find_test_in_train(corpus: Corpus) -> Iterator[Finding]:
    """`test-in-train`, or `test-disagrees` where the two are annotated otherwise."""
    trained: dict[str, list[Line]] = defaultdict(list)
    for line in corpus.train:
        trained[line.key].append(line)
    for line in corpus.test:
        twins = trained.get(line.key)
        if not twins:
            continue
        asked = line.example.intent, frame(line, corpus)
        if any((twin.example.intent, frame(twin, corpus)) == asked for twin in twins):
            problem = f"stands in training too, at {twins[0].example.source}"
            fix = "remove it from one of the two, or the test flatters"
            code = "test-in-train"
        else:
            problem = f"is {_asked(line)} in the test and {_asked(twins[0])} at {twins[0].example.source} in training"
            fix, code = "correct one of the two, and keep the text in one only", "test-disagrees"
        related = tuple(twin.place for twin in twins[:_TWINS])
        yield Finding(code, line.example.source, line.example.text, problem, fix, related)


def _asked(line: Line) -> str:
    intent = line.example.intent
    return f"{shown(intent) if intent is not None else 'without an intent'} with {described(line.example)}"
