"""Findings about annotations that may be wrong: missing ones, and those that the model confidently contradicts."""

from __future__ import annotations

from collections import defaultdict

from cnlu.evaluation.findings import MAX_SENTENCES, Cases, Finding, Instance, Name, pieces
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_

CONFIDENT = 0.9
"""Confidence from which a wrong answer suggests that the annotation is wrong."""
MAX_CONFIDENT_SENTENCES = 8


def findings(report_data: ReportData, spans: Cases) -> list[Finding]:
    """All findings about annotations."""
    return [*_missing_annotations(report_data, spans), *_confidently_wrong(report_data)]


def _missing_annotations(report_data: ReportData, spans: Cases) -> list[Finding]:
    """Entities without annotation whose words two or more other sentences annotate, and most do."""
    annotated_in: dict[tuple[str, str], set[int]] = defaultdict(set)
    for i, example in enumerate(report_data.examples):
        for e in example.entities:
            annotated_in[e.entity, example.text[e.start : e.end]].add(i)
    by_type: dict[str, list[Instance]] = defaultdict(list)
    for i, one in spans:
        if one.kind == "invented" and one.predicted:
            start, end, kind = one.predicted[:3]
            value = report_data.examples[i].text[start:end]
            times = len(annotated_in[kind, value] - {i})
            if times >= 2 and times >= _unannotated(report_data, value, annotated_in[kind, value]):
                note = n_("annotated {count} time elsewhere", "annotated {count} times elsewhere", times)
                by_type[kind].append(Instance(i, one.predicted, note))
    found = []
    for kind, there in by_type.items():
        what = n_(
            "{type} was found {count} time without an annotation, but other sentences annotate the same words.",
            "{type} was found {count} times without an annotation, but other sentences annotate the same words.",
            len(there),
            type=Name(kind),
        )
        found.append(
            Finding(
                weight=len(there),
                what=pieces(what),
                advice=pieces(
                    _(
                        "Was the annotation forgotten? If its absence is intended, the model has no way to tell the "
                        "two cases apart."
                    )
                ),
                instances=there[:MAX_SENTENCES],
                filter={"type": kind, "kind": "invented"},
            )
        )
    return found


def _unannotated(report_data: ReportData, value: str, annotated: set[int]) -> int:
    """Number of sentences that contain the value without an annotation; if they are the majority, it is intended."""
    return sum(value in example.text for i, example in enumerate(report_data.examples) if i not in annotated)


def _confidently_wrong(report_data: ReportData) -> list[Finding]:
    """Intents answered wrongly with high confidence."""
    known = None if report_data.labels is None else report_data.labels.intents
    wrong = sorted(
        (-confidence, i, gold, answer)
        for i, gold, answer, confidence in report_data.intents
        if answer is not None and answer != gold and confidence >= CONFIDENT and (known is None or gold in known)
    )
    if not wrong:
        return []
    instances = [
        Instance(i, note=_("annotated {gold}, answered {answer}", gold=gold, answer=answer))
        for _confidence, i, gold, answer in wrong[:MAX_CONFIDENT_SENTENCES]
    ]
    what = n_(
        "{count} intent was answered wrongly with a confidence of {confidence} or more.",
        "{count} intents were answered wrongly with a confidence of {confidence} or more.",
        len(wrong),
        confidence=f"{CONFIDENT:.0%}",
    )
    advice = _("Check the annotation first: it may be wrong, or training examples may contradict it.")
    return [
        Finding(
            weight=len(wrong),
            what=pieces(what),
            advice=pieces(advice),
            instances=instances,
            filter={"kind": "intent"},
        )
    ]
