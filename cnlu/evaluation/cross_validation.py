"""The figures of a cross-validation: pooled over the folds, and their spread over the folds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from cnlu.data.schema import Example
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.report import figure_titles
from cnlu.i18n import _, n_
from cnlu.io.terminal_table import align

FIGURES = (
    "frame_accuracy",
    "intent.accuracy",
    "intent.macro_f1",
    "intent.weighted_f1",
    "intent.ece",
    "entity.precision",
    "entity.recall",
    "entity.f1",
    "entity_role.precision",
    "entity_role.recall",
    "entity_role.f1",
)
"""The figures that are averaged, by their keys in metrics.json: section, or section.field."""


def pooled(
    examples: Sequence[Example], results: Sequence[Mapping[str, Any]], fold_metrics: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """metrics.json over all held-out answers, with `folds`; `fold_metrics`: the figures of each fold, from `evaluate`.

    A label counts as seen if a model that was evaluated on it had seen it; `unseen_labels` is the sum over the folds.
    `folds` is {"each": the figures and `n` of every fold, "mean", "sd": over the folds that have the figure}; sd is the
    sample standard deviation, 0 if only one fold has the figure.
    """
    metrics = evaluate(examples, results)
    for section, key in (("intent", "per_label"), ("entity", "per_type"), ("entity_role", "per_type")):
        for label, scores in (metrics[section] or {key: {}})[key].items():
            label_scores = [
                fold[section][key][label] for fold in fold_metrics if fold[section] and label in fold[section][key]
            ]
            scores["seen"] = any(fold["seen"] for fold in label_scores if fold["support"] or not scores["support"])
    metrics["unseen_labels"] = sum(fold["unseen_labels"] for fold in fold_metrics)
    figures = [_figures(fold) for fold in fold_metrics]
    metrics["folds"] = {
        "each": [{"n": fold["n"], **fold_figures} for fold, fold_figures in zip(fold_metrics, figures, strict=True)],
        "mean": _summarize(figures, fmean),
        "sd": _summarize(figures, lambda values: stdev(values) if len(values) > 1 else 0.0),
    }
    return metrics


def _figures(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a fold, without those of its labels."""
    figures: dict[str, Any] = {}
    for key in FIGURES:
        section, _dot, field = key.partition(".")
        if not field or metrics[section] is None:
            figures[section] = metrics[section]
        else:
            figures.setdefault(section, {})[field] = metrics[section][field]
    return figures


def _summarize(figures: Sequence[Mapping[str, Any]], summary: Callable[[list[float]], float]) -> dict[str, Any]:
    summaries: dict[str, Any] = {}
    for key in FIGURES:
        section, _dot, field = key.partition(".")
        sections = [fold[section] for fold in figures if fold[section] is not None]
        if not field or not sections:
            summaries[section] = summary(sections) if sections else None
        else:
            summaries.setdefault(section, {})[field] = summary([values[field] for values in sections])
    return summaries


def format_folds(folds: Mapping[str, Any]) -> str:
    """The terminal's table: mean and spread (standard deviation) over the folds, and the lowest and highest fold."""
    count = len(folds["each"])
    title = n_("{count} fold", "{count} folds", count)
    rows = [[title, _("mean"), _("spread"), _("lowest"), _("highest")]]
    titles = figure_titles()
    for key in FIGURES:
        mean, sd, *shares = (_figure(figures, key) for figures in (folds["mean"], folds["sd"], *folds["each"]))
        if mean is not None and sd is not None:
            present = [share for share in shares if share is not None]
            rows.append([titles[key], *(f"{100 * share:.1f}%" for share in (mean, sd, min(present), max(present)))])
    return "\n".join(align(rows))


def _figure(metrics: Mapping[str, Any], key: str) -> float | None:
    section, _dot, field = key.partition(".")
    return metrics[section][field] if field and metrics[section] else metrics[section]
