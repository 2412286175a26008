"""Advice on the errors: findings, the ones that explain most errors first."""

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
    """Findings by category (`labels`, `intents`, `entities`, `annotations`), the heaviest first; no empty category."""
    spans = [
        (i, one)
        for i, found in report_data.differences.items()
        for one in found
        if one.kind != "intent" and _is_learnable(report_data, one)
    ]
    categories = {
        "labels": _unseen_labels(report_data),
        "intents": intent_advice.findings(report_data),
        "entities": entity_advice.findings(report_data, spans),
        "annotations": annotation_advice.findings(report_data, spans),
    }
    return {
        category: sorted(found, key=lambda finding: -finding.weight)[:MAX_FINDINGS]
        for category, found in categories.items()
        if found
    }


def _is_learnable(report_data: ReportData, one: Difference) -> bool:
    """False for an annotation whose type training has not seen; there is other advice for it."""
    return report_data.labels is None or one.gold is None or one.gold[2] in report_data.labels.entities


def _unseen_labels(report_data: ReportData) -> list[Finding]:
    """Labels of the examples that training has not seen."""
    advice = _(
        "The model cannot answer it. Train on examples of it, or correct the name if training has it under another one."
    )
    found = []
    for label, count in _unseen(report_data, "intent", "per_label"):
        what = n_(
            "Training has not seen the intent {label}, which {count} sentence has.",
            "Training has not seen the intent {label}, which {count} sentences have.",
            count,
            label=Name(label),
        )
        found.append(Finding(weight=count, what=pieces(what), advice=pieces(advice), filter={"gold": label}))
    for label, count in _unseen(report_data, "entity", "per_type"):
        what = n_(
            "Training has not seen the entity type {label}, which {count} annotation has.",
            "Training has not seen the entity type {label}, which {count} annotations have.",
            count,
            label=Name(label),
        )
        found.append(Finding(weight=count, what=pieces(what), advice=pieces(advice), filter={"type": label}))
    return found


def _unseen(report_data: ReportData, section: str, key: str) -> Iterable[tuple[str, int]]:
    for label, scores in (report_data.metrics[section] or {key: {}})[key].items():
        if scores["support"] and not scores["seen"]:
            yield label, scores["support"]
