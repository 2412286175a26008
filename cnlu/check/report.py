"""Findings as a person reads them in a terminal, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from cnlu.check.corpus import Corpus
from cnlu.check.dictionaries import build_lexicon
from cnlu.check.findings import CODES, SEVERITIES, Finding
from cnlu.check.labels import label_counts
from cnlu.io.messages import shown

VERSION = 1
"""Of the JSON's shape; fields may be added without a new one."""


def as_lines(found: Sequence[Finding], corpus: Corpus, show: int) -> Iterator[str]:
    """Code by code, at most `show` findings of each (0: all), then a summary."""
    for code, group in groupby(found, key=lambda one: one.code):
        findings = list(group)
        kept = findings[: show or None]
        yield f"{CODES[code].severity} {code} ({len(findings)}): {CODES[code].title}"
        yield from (f"  {_sentence(one)}" for one in kept)
        if len(kept) < len(findings):
            yield f"  ... and {len(findings) - len(kept)} more; see all with --set check.show=0 or --format json"
        yield ""
    yield _summary(found, corpus)


def _sentence(one: Finding) -> str:
    text = f"{shown(one.text)} " if one.text else ""
    return f"{one.source}: {text}{one.problem}; {one.fix}."


def _summary(found: Sequence[Finding], corpus: Corpus) -> str:
    figures = _figures(corpus)
    names = ("example", "intent", "entity type")
    size = ", ".join(_count(figures[f"{name.replace(' ', '_')}s"], name) for name in names)
    if corpus.test_data is not None:
        size += f", {_count(figures['test_examples'], 'example')} of the test"
    if corpus.data.lookups or corpus.data.regexes:
        loaded = figures["dictionaries"]
        size += f"; {loaded['loaded']} lookup entries and regexes loaded, {loaded['rejected']} rejected"
    counts = Counter(one.severity for one in found)
    told = [_count(counts[name], name) for name in SEVERITIES if counts[name]]
    return f"{', '.join(told) or 'nothing found'} in {size}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def as_json(found: Sequence[Finding], corpus: Corpus, code: int) -> dict[str, Any]:
    """The shape that docs/writing-examples.md describes."""
    counts = Counter(one.severity for one in found)
    return {
        "version": VERSION,
        "exit_code": code,
        **_figures(corpus),
        "counts": {severity: counts[severity] for severity in SEVERITIES},
        "findings": [_record(one) for one in found],
    }


def _figures(corpus: Corpus) -> dict[str, Any]:
    labels, lexicon = label_counts(corpus.train), build_lexicon(corpus)
    return {
        "examples": len(corpus.train),
        "test_examples": len(corpus.test),
        "intents": labels["intent"],
        "entity_types": labels["entity type"],
        "dictionaries": {"loaded": lexicon.loaded, "rejected": len(lexicon.rejected)},
    }


def _record(one: Finding) -> dict[str, Any]:
    related = [{**_place(place.source), "text": place.text} for place in one.related]
    return {
        "code": one.code,
        "severity": one.severity,
        **_place(one.source),
        "text": one.text,
        "problem": one.problem,
        "mend": one.fix,
        "related": related,
    }


def _place(source: str) -> dict[str, Any]:
    file, colon, line = source.rpartition(":")
    return {"file": file, "line": int(line)} if colon and line.isdecimal() else {"file": source, "line": None}
