"""Lines that are not read as examples, or not as they were probably intended."""

from __future__ import annotations

from collections.abc import Iterator

from cnlu.check.corpus import Corpus
from cnlu.check.findings import Finding
from cnlu.i18n import _


def find_unreadable(corpus: Corpus) -> Iterator[Finding]:
    """`unreadable-example`."""
    for data in (corpus.data, corpus.test_data):
        for example in (data.invalid or []) if data else []:
            yield Finding(
                code="unreadable-example",
                source=example.source,
                text=example.line.strip(),
                problem=_("cannot be read: {reason}", reason=example.problem),
                fix=example.fix or _("correct it"),
            )


def find_reading_issues(corpus: Corpus) -> Iterator[Finding]:
    """Issues noticed while reading: `skipped-example`, `mistyped-markup`, `unknown-key`, `folded-block` and others."""
    for data in (corpus.data, corpus.test_data):
        for issue in data.issues if data else []:
            yield Finding(issue.code, issue.source, issue.text, issue.problem, issue.fix)
    for line in (*corpus.train, *corpus.test):
        if not line.example.text.strip():
            yield Finding(
                code="skipped-example",
                source=line.example.source,
                text=line.example.text,
                problem=_("is blank and is not learned from"),
                fix=_("write a sentence, or remove it"),
            )
