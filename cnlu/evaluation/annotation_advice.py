"""Findings about annotations that may be wrong: missing ones, and those that the model confidently contradicts."""

from __future__ import annotations

from collections import defaultdict

from cnlu.evaluation.findings import MAX_SENTENCES, Cases, Finding, Instance, Name, pieces
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_

CONFIDENT = 0.9
"""Minimum confidence at which a wrong answer suggests that the annotation is wrong."""
MAX_CONFIDENT_SENTENCES = 8


def annotation_findings(report_data: ReportData, spans: Cases) -> list[Finding]:
    """All findings about annotations."""
    return [*_missing_annotations(report_data, spans), *_confidently_wrong(report_data)]


def _missing_annotations(report_data: ReportData, spans: Cases) -> list[Finding]:
    """Answered entities without annotation, whose words are annotated in most other sentences, and in at least two."""
    annotated_in: dict[tuple[str, str], set[int]] = defaultdict(set)
    for i, example in enumerate(report_data.examples):
        for e in example.entities:
            annotated_in[e.entity, example.text[e.start : e.end]].add(i)
    by_type: dict[str, list[Instance]] = defaultdict(list)
    for i, difference in spans:
        if difference.kind == "invented" and difference.predicted:
            start, end, kind = difference.predicted[:3]
            value = report_data.examples[i].text[start:end]
            times = len(annotated_in[kind, value] - {i})
            if times >= 2 and times >= _unannotated(report_data, value, annotated_in[kind, value]):
                note = n_("annotated {count} time elsewhere", "annotated {count} times elsewhere", times)
                by_type[kind].append(Instance(i, difference.predicted, note))
    findings = []
    for kind, instances in by_type.items():
        problem = n_(
            "{type} was found {count} time without an annotation, but other sentences annotate the same words.",
            "{type} was found {count} times without an annotation, but other sentences annotate the same words.",
            len(instances),
            type=Name(kind),
        )
        findings.append(
            Finding(
                weight=len(instances),
                problem=pieces(problem),
                advice=pieces(
                    _(
                        "Was the annotation forgotten? If its absence is intended, the model has no way to tell the "
                        "two cases apart."
                    )
                ),
                instances=instances[:MAX_SENTENCES],
                filter={"type": kind, "kind": "invented"},
            )
        )
    return findings


def _unannotated(report_data: ReportData, value: str, annotated: set[int]) -> int:
    """Number of sentences that contain the value without an annotation; a majority means that it is intended."""
    return sum(value in example.text for i, example in enumerate(report_data.examples) if i not in annotated)


def _confidently_wrong(report_data: ReportData) -> list[Finding]:
    """Intents answered wrongly with high confidence."""
    seen_intents = None if report_data.labels is None else report_data.labels.intents
    wrong = sorted(
        (-confidence, i, gold, answer)
        for i, gold, answer, confidence in report_data.intents
        if answer is not None
        and answer != gold
        and confidence >= CONFIDENT
        and (seen_intents is None or gold in seen_intents)
    )
    if not wrong:
        return []
    instances = [
        Instance(i, note=_("annotated {gold}, answered {answer}", gold=gold, answer=answer))
        for _confidence, i, gold, answer in wrong[:MAX_CONFIDENT_SENTENCES]
    ]
    problem = n_(
        "{count} intent was answered wrongly with a confidence of {confidence} or more.",
        "{count} intents were answered wrongly with a confidence of {confidence} or more.",
        len(wrong),
        confidence=f"{CONFIDENT:.0%}",
    )
    advice = _("Check the annotation first: it may be wrong, or training examples may contradict it.")
    return [
        Finding(
            weight=len(wrong),
            problem=pieces(problem),
            advice=pieces(advice),
            instances=instances,
            filter={"kind": "intent"},
        )
    ]
