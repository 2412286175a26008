"""Advice on the errors: findings, sorted by the number of errors that they explain."""

from __future__ import annotations

from collections.abc import Iterable

from cnlu.evaluation import annotation_advice, entity_advice, intent_advice
from cnlu.evaluation.differences import Difference
from cnlu.evaluation.findings import Finding, Name, pieces
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_

MAX_FINDINGS = 6
"""Most findings of one category."""


def advise(report_data: ReportData) -> dict[str, list[Finding]]:
    """Findings by category (`labels`, `intents`, `entities`, `annotations`), sorted by weight; none is empty."""
    spans = [
        (i, difference)
        for i, findings in report_data.differences.items()
        for difference in findings
        if difference.kind != "intent" and _is_learnable(report_data, difference)
    ]
    categories = {
        "labels": _unseen_labels(report_data),
        "intents": intent_advice.intent_findings(report_data),
        "entities": entity_advice.entity_findings(report_data, spans),
        "annotations": annotation_advice.annotation_findings(report_data, spans),
    }
    return {
        category: sorted(findings, key=lambda finding: -finding.weight)[:MAX_FINDINGS]
        for category, findings in categories.items()
        if findings
    }


def _is_learnable(report_data: ReportData, difference: Difference) -> bool:
    """False for an annotation whose type training has not seen; `_unseen_labels` covers it."""
    return report_data.labels is None or difference.gold is None or difference.gold[2] in report_data.labels.entities


def _unseen_labels(report_data: ReportData) -> list[Finding]:
    """Labels of the examples that training has not seen."""
    advice = _(
        "The model cannot answer it. Train on examples of it, or correct the name if training has it under another one."
    )
    findings = []
    for label, count in _unseen(report_data, "intent", "per_label"):
        problem = n_(
            "Training has not seen the intent {label}, which {count} sentence has.",
            "Training has not seen the intent {label}, which {count} sentences have.",
            count,
            label=Name(label),
        )
        findings.append(Finding(weight=count, problem=pieces(problem), advice=pieces(advice), filter={"gold": label}))
    for label, count in _unseen(report_data, "entity", "per_type"):
        problem = n_(
            "Training has not seen the entity type {label}, which {count} annotation has.",
            "Training has not seen the entity type {label}, which {count} annotations have.",
            count,
            label=Name(label),
        )
        findings.append(Finding(weight=count, problem=pieces(problem), advice=pieces(advice), filter={"type": label}))
    return findings


def _unseen(report_data: ReportData, section: str, key: str) -> Iterable[tuple[str, int]]:
    for label, scores in (report_data.metrics[section] or {key: {}})[key].items():
        if scores["support"] and not scores["seen"]:
            yield label, scores["support"]
