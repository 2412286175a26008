"""Lines that never become examples, or hardly the ones that were meant."""

from __future__ import annotations

from collections.abc import Iterator

from cnlu.check.corpus import Corpus
from cnlu.check.findings import Finding

_MENDS = {
    "left out a line": "begin it with `- `, or indent it as a part of the line before",
    "left out an empty example": "write a sentence, or remove the line",
    "brackets were read": "annotate an entity, or move the example to JSONL if the brackets are text",
    "left alone": "write `- intent: name`, `examples: |` and a line for each",
}


def find_unreadable(corpus: Corpus) -> Iterator[Finding]:
    """`unreadable-example`."""
    for data in (corpus.data, corpus.test_data):
        for source, line, said in (data.refused or []) if data else []:
            problem, _, mend = said.rstrip(".").rpartition("; ")
            problem, mend = (problem, mend) if problem else (mend, "correct it")
            yield Finding("unreadable-example", source, line.strip(), f"cannot be read: {problem}", mend)


def find_lost(corpus: Corpus) -> Iterator[Finding]:
    """`lost-example`."""
    for data in (corpus.data, corpus.test_data):
        for source, said in data.doubts if data else []:
            mends = [mend for begin, mend in _MENDS.items() if said.startswith(begin)]
            mend = mends[0] if mends else "add examples, or remove it"
            yield Finding("lost-example", source, "", said.rstrip("."), mend)
    for line in (*corpus.train, *corpus.test):
        if not line.example.text.strip():
            yield Finding("lost-example", line.example.source, line.example.text, "is blank and not learned from",
                          "write a sentence, or remove it")  # fmt: skip
