"""Lines that never become examples, or hardly the ones that were meant."""

from __future__ import annotations

from collections.abc import Iterator

from cnlu.check.corpus import Corpus
from cnlu.check.findings import Finding


def find_unreadable(corpus: Corpus) -> Iterator[Finding]:
    """`unreadable-example`."""
    for data in (corpus.data, corpus.test_data):
        for source, line, said in (data.refused or []) if data else []:
            problem, _, fix = said.rstrip(".").rpartition("; ")
            problem, fix = (problem, fix) if problem else (fix, "correct it")
            yield Finding("unreadable-example", source, line.strip(), f"cannot be read: {problem}", fix)


def find_doubtful(corpus: Corpus) -> Iterator[Finding]:
    """What reading itself noticed: `lost-example`, `unread-markup`, `unknown-key`, `folded-block` and the like."""
    for data in (corpus.data, corpus.test_data):
        for doubt in data.doubts if data else []:
            yield Finding(doubt.code, doubt.source, doubt.text, doubt.problem, doubt.fix)
    for line in (*corpus.train, *corpus.test):
        if not line.example.text.strip():
            yield Finding(
                "lost-example",
                line.example.source,
                line.example.text,
                "is blank and not learned from",
                "write a sentence, or remove it",
            )
