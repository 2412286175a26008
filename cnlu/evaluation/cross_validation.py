"""The figures of a cross-validation: pooled over the folds, and how they spread from fold to fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from cnlu.data.schema import Example
from cnlu.evaluation.metrics import evaluate

TITLES = {
    "frame_accuracy": "frames right",
    "intent.accuracy": "intent accuracy",
    "intent.macro_f1": "intent macro F1",
    "intent.weighted_f1": "intent weighted F1",
    "intent.ece": "intent calibration error",
    "entity.precision": "entity precision",
    "entity.recall": "entity recall",
    "entity.f1": "entity F1",
    "entity_role.precision": "entity with role precision",
    "entity_role.recall": "entity with role recall",
    "entity_role.f1": "entity with role F1",
}
"""What is averaged, by its place in metrics.json: section, or section and field."""


def pooled(
    examples: Sequence[Example], results: Sequence[Mapping[str, Any]], each: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """metrics.json over all held-out answers, with `folds`; `each` are the folds' own figures, from `evaluate`.

    A label counts as seen where a model that was asked for it had seen it, and `unseen_labels` is the folds' sum.
    `folds` is {"each": the figures and `n` of every fold, "mean", "sd": of the folds that have the figure}; sd is the
    standard deviation of a sample, 0 where a single fold has it.
    """
    metrics = evaluate(examples, results)
    for section, key in (("intent", "per_label"), ("entity", "per_type"), ("entity_role", "per_type")):
        for label, scores in (metrics[section] or {key: {}})[key].items():
            told = [fold[section][key][label] for fold in each if fold[section] and label in fold[section][key]]
            scores["seen"] = any(one["seen"] for one in told if one["support"] or not scores["support"])
    metrics["unseen_labels"] = sum(fold["unseen_labels"] for fold in each)
    figures = [_figures(fold) for fold in each]
    metrics["folds"] = {
        "each": [{"n": fold["n"], **one} for fold, one in zip(each, figures, strict=True)],
        "mean": _over(figures, fmean),
        "sd": _over(figures, lambda values: stdev(values) if len(values) > 1 else 0.0),
    }
    return metrics


def _figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a fold alone, without those of its labels."""
    found: dict[str, Any] = {}
    for key in TITLES:
        section, _, field = key.partition(".")
        if not field or metrics[section] is None:
            found[section] = metrics[section]
        else:
            found.setdefault(section, {})[field] = metrics[section][field]
    return found


def _over(figures: Sequence[Mapping[str, Any]], summary: Callable[[list[float]], float]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in TITLES:
        section, _, field = key.partition(".")
        there = [one[section] for one in figures if one[section] is not None]
        if not field or not there:
            found[section] = summary(there) if there else None
        else:
            found.setdefault(section, {})[field] = summary([one[field] for one in there])
    return found


def format_folds(folds: Mapping[str, Any]) -> str:
    """The terminal's table of mean and spread (standard deviation), and of the worst and the best fold."""
    rows = [[f"{len(folds['each'])} folds", "mean", "spread", "lowest", "highest"]]
    for key, title in TITLES.items():
        section, _, field = key.partition(".")
        mean, sd, *each = (
            one[section][field] if field and one[section] else one[section]
            for one in (folds["mean"], folds["sd"], *folds["each"])
        )
        if mean is not None:
            there = [share for share in each if share is not None]
            rows.append([title, *(f"{100 * share:.1f}%" for share in (mean, sd, min(there), max(there)))])
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            [f"{row[0]:<{widths[0]}}", *(f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )
