"""Reports of findings: text for the terminal, and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from cnlu.check.corpus import Corpus
from cnlu.check.dictionaries import build_lexicon
from cnlu.check.findings import CODES, SEVERITIES, Finding, title
from cnlu.check.labels import label_counts
from cnlu.errors import CnluError
from cnlu.i18n import _, n_
from cnlu.io.messages import shown

VERSION = 1
"""Version of the JSON format; fields may be added without a new version"""


def as_lines(findings: Sequence[Finding], corpus: Corpus, show: int) -> Iterator[str]:
    """Yield the lines of the report: for each code at most `show` findings (0: all), then a summary."""
    for code, group in groupby(findings, key=lambda finding: finding.code):
        group_findings = list(group)
        shown_findings = group_findings[: show or None]
        yield f"{CODES[code]} {code} ({len(group_findings)}): {title(code)}"
        yield from (f"  {_sentence(finding)}" for finding in shown_findings)
        if len(shown_findings) < len(group_findings):
            yield "  " + _(
                "... and {count} more; see all with --set check.show=0 or --format json",
                count=len(group_findings) - len(shown_findings),
            )
        yield ""
    yield _summary(findings, corpus)


def _sentence(finding: Finding) -> str:
    problem = f"{shown(finding.text)} {finding.problem}" if finding.text else finding.problem
    return str(CnluError(finding.source, problem, finding.fix))


def _summary(findings: Sequence[Finding], corpus: Corpus) -> str:
    figures, counts = _figures(corpus), Counter(finding.severity for finding in findings)
    size = [
        n_("{count} example", "{count} examples", figures["examples"]),
        n_("{count} intent", "{count} intents", figures["intents"]),
        n_("{count} entity type", "{count} entity types", figures["entity_types"]),
    ]
    if corpus.test_data is not None:
        size.append(n_("{count} test example", "{count} test examples", figures["test_examples"]))
    if corpus.data.lookups or corpus.data.regexes:
        loaded = figures["dictionaries"]
        size.append(_("{loaded} lookup entries and regexes loaded ({rejected} rejected)", **loaded))
    kinds = (
        (counts["error"], n_("{count} error", "{count} errors", counts["error"])),
        (counts["warning"], n_("{count} warning", "{count} warnings", counts["warning"])),
        (counts["info"], n_("{count} info", "{count} infos", counts["info"])),
    )
    listed = _(", ").join(text for count, text in kinds if count) or _("nothing found")
    return _("{findings} in {size}", findings=listed, size=_(", ").join(size))


def as_json(findings: Sequence[Finding], corpus: Corpus, code: int) -> dict[str, Any]:
    """The report as JSON; docs/writing-examples.md describes its format."""
    counts = Counter(finding.severity for finding in findings)
    return {
        "version": VERSION,
        "exit_code": code,
        **_figures(corpus),
        "counts": {severity: counts[severity] for severity in SEVERITIES},
        "findings": [_record(finding) for finding in findings],
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


def _record(finding: Finding) -> dict[str, Any]:
    related = [{**_place(place.source), "text": place.text} for place in finding.related]
    return {
        "code": finding.code,
        "severity": finding.severity,
        **_place(finding.source),
        "text": finding.text,
        "problem": finding.problem,
        "fix": finding.fix,
        "related": related,
    }


def _place(source: str) -> dict[str, Any]:
    file, colon, line = source.rpartition(":")
    return {"file": file, "line": int(line)} if colon and line.isdecimal() else {"file": source, "line": None}
