"""The summary of the report page: headline figures, and sentences on how to read them."""

from __future__ import annotations

from cnlu.evaluation.findings import enumeration, pieces
from cnlu.evaluation.page import tables
from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.page.sentences import sentence
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_


def summary(report_data: ReportData) -> Html:
    """Warnings, the headline figures, remarks on them and, for a cross-validation, the figures by fold."""
    parts = [
        *_warnings(report_data),
        tables.headline(report_data),
        tag("p", " ".join(_remarks(report_data)), class_="muted"),
    ]
    if "folds" in report_data.metrics:
        parts += [
            tag("h3", _("Figures by fold")),
            tables.folds(report_data.metrics["folds"]),
            tag(
                "p",
                _(
                    "Every sentence was answered by a model that was not trained on it. Spread: standard deviation "
                    "over the folds."
                ),
                class_="muted",
            ),
        ]
    return inner(parts)


def _remarks(report_data: ReportData) -> list[str]:
    """Sentences about how to read the figures."""
    metrics, total = report_data.metrics, len(report_data.examples)
    remarks = [
        n_(
            "{count} sentence, {wrong} of them answered wrongly.",
            "{count} sentences, {wrong} of them answered wrongly.",
            total,
            wrong=len(report_data.wrong),
        ),
        _(
            "The bar and the range below it show the 95 % confidence interval, which reflects the random choice of the "
            "test sentences."
        ),
    ]
    if any(interval.low == interval.high for interval in report_data.headline.values()):
        remarks.append(_("A bar without width only means that all sentences have the same outcome."))
    if total < 100:
        remarks.append(_("This is a small test set: do not use it to choose between two models."))
    if metrics["intent"] is None:
        remarks.append(_("There are no figures for intents, because no example has an intent."))
    if metrics["entity"] is None:
        remarks.append(_("There are no figures for entities, because none is annotated or answered."))
    if unreachable := metrics["unreachable_entities"]:
        remarks.append(
            n_(
                "{count} annotated entity cannot be answered, because it overlaps another one or has an edge at a "
                "character that the model does not read.",
                "{count} annotated entities cannot be answered, because they overlap others or have an edge at a "
                "character that the model does not read.",
                unreachable,
            )
        )
    return remarks


def _warnings(report_data: ReportData) -> list[Html]:
    """Warnings that the model was trained on different labels, so the figures say nothing about it."""
    labels, messages = report_data.labels, []
    if labels is not None and _all_unseen(report_data, "intent", "per_label"):
        message = _("None of the intents of these examples was in the model's training, so none can be right.")
        if labels.intents:
            others = _("The model knows others, such as {labels}.", labels=enumeration(labels.intents[:3]))
        else:
            others = _("The model knows no intents at all.")
        messages += [message, others]
    if labels is not None and _all_unseen(report_data, "entity", "per_type"):
        message = _("None of the entity types of these examples was in the model's training, so none can be right.")
        if labels.entities:
            others = _("The model knows others, such as {labels}.", labels=enumeration(labels.entities[:3]))
        else:
            others = _("The model knows no entity types at all.")
        messages += [message, others]
    if not messages:
        return []
    messages.append(_("Did you mean another model, or are these examples for another bot?"))
    return [tag("p", sentence(pieces(" ".join(messages))), class_="warning")]


def _all_unseen(report_data: ReportData, section: str, key: str) -> bool:
    """Whether the section has annotated labels, and training has seen none of them."""
    per_label = (report_data.metrics[section] or {key: {}})[key].values()
    annotated = [scores for scores in per_label if scores["support"]]
    return bool(annotated) and not any(scores["seen"] for scores in annotated)
