"""report.html: one self-contained file that is readable without its script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnlu.evaluation.advice import advise
from cnlu.evaluation.differences import kind_titles
from cnlu.evaluation.findings import Finding, Instance, enumeration, pieces
from cnlu.evaluation.page import charts, tables
from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.page.sentences import error_list, marked, sentence
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _, n_

FOLDER = Path(__file__).parent


def _category_titles() -> dict[str, str]:
    return {
        "labels": _("Labels that training has not seen"),
        "intents": _("Intents"),
        "entities": _("Entities"),
        "annotations": _("Annotations to check"),
    }


def render(report_data: ReportData) -> bytes:
    """The page in UTF-8. The same data gives the same bytes; the page loads nothing from elsewhere."""
    style, script = ((FOLDER / file).read_text("utf-8") for file in ("style.css", "script.js"))
    # Even if a text came out as an element, the browser would run nothing but these two.
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    head = tag(
        "head",
        [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="Content-Security-Policy", content=policy),
            tag("title", _("Report: {subject}", subject=report_data.subject)),
            tag("style", Html(style)),
        ],
    )
    body = tag("body", tag("main", _parts(report_data)), tag("script", Html(script)))
    # "en" is translated to the code of the translation's language.
    return f"<!doctype html>\n{tag('html', head, body, lang=_('en'))}\n".encode()


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _parts(report_data: ReportData) -> list[Html]:
    metrics = report_data.metrics
    labels = {
        *(metrics["intent"] or {"per_label": {}})["per_label"],
        *(gold for _i, gold, _answer, _confidence in report_data.intents),
        *(answer for _i, _gold, answer, _confidence in report_data.intents if answer is not None),
    }
    numbers = {label: i for i, label in enumerate(sorted(labels))}  # the table of intents has no row for a+b
    sections = [
        ("summary", _("Summary"), _summary(report_data)),
        ("advice", _("What to do next"), _advice(report_data, numbers)),
        ("intents", _("Intents"), _intents(report_data, numbers) if metrics["intent"] else None),
        ("entities", _("Entities"), _entities(report_data) if metrics["entity"] else None),
        ("wrong", _("Wrong sentences ({number})", number=len(report_data.wrong)), _errors(report_data, numbers)),
    ]
    present = [(key, title, content) for key, title, content in sections if content is not None]
    links = tag(
        "nav",
        [tag("a", title, href=f"#{key}") for key, title, _content in present],
        aria_label=_("Sections of the report"),
    )
    top = tag("header", tag("h1", _("Evaluation report")), tag("p", report_data.subject, class_="muted"), links)
    return [top, *(tag("section", tag("h2", title), content, id=key) for key, title, content in present)]


def _summary(report_data: ReportData) -> Html:
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
    if any(one.low == one.high for one in report_data.headline.values()):
        remarks.append(_("A bar without width only means that all sentences have the same outcome."))
    if total < 100:
        remarks.append(_("This is a small test set: do not use it to choose between two models."))
    if metrics["intent"] is None:
        remarks.append(_("There are no figures for intents, because no example has one."))
    if metrics["entity"] is None:
        remarks.append(_("There are no figures for entities, because none is annotated or answered."))
    if lost := metrics["unreachable_entities"]:
        remarks.append(
            n_(
                "{count} annotated entity cannot be answered, because it overlaps another one or has an edge at a "
                "character that the model does not read.",
                "{count} annotated entities cannot be answered, because they overlap others or have an edge at a "
                "character that the model does not read.",
                lost,
            )
        )
    return remarks


def _warnings(report_data: ReportData) -> list[Html]:
    """Warnings that the model was trained on different labels, so the figures say nothing about it."""
    labels, found = report_data.labels, []
    if labels is not None and _all_unseen(report_data, "intent", "per_label"):
        message = _("None of the intents of these examples was in the model's training, so none can be right.")
        if labels.intents:
            others = _("The model knows others, such as {labels}.", labels=enumeration(labels.intents[:3]))
        else:
            others = _("The model knows no intents at all.")
        found += [message, others]
    if labels is not None and _all_unseen(report_data, "entity", "per_type"):
        message = _("None of the entity types of these examples was in the model's training, so none can be right.")
        if labels.entities:
            others = _("The model knows others, such as {labels}.", labels=enumeration(labels.entities[:3]))
        else:
            others = _("The model knows no entity types at all.")
        found += [message, others]
    if not found:
        return []
    found.append(_("Did you mean another model, or are these examples for another bot?"))
    return [tag("p", sentence(pieces(" ".join(found))), class_="warning")]


def _all_unseen(report_data: ReportData, section: str, key: str) -> bool:
    """Whether the section has annotated labels, and training has seen none of them."""
    scores = [one for one in (report_data.metrics[section] or {key: {}})[key].values() if one["support"]]
    return bool(scores) and not any(one["seen"] for one in scores)


def _advice(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    found = advise(report_data)
    if not report_data.wrong:
        return tag("p", _("Every sentence was answered correctly. Harder sentences would be more informative."))
    if not found:
        return tag("p", _("The errors have no common pattern: read them below."))
    parts: list[Html] = []
    titles = _category_titles()
    if report_data.counts is None:
        parts.append(
            tag(
                "p",
                _("The model does not record its training label counts; train it again to see them."),
                class_="muted",
            )
        )
    for category, findings in found.items():
        parts += [
            tag("h3", titles[category]),
            tag("div", [_finding(report_data, one, numbers) for one in findings], class_="findings"),
        ]
    return inner(parts)


def _finding(report_data: ReportData, one: Finding, numbers: Mapping[str, int]) -> Html:
    lines = [tag("li", sentence(point)) for point in one.points]
    lines += [_instance(report_data, instance) for instance in one.instances]
    kinds = {"type": {kind: i for i, kind in enumerate(report_data.entity_types)}, "gold": numbers, "answer": numbers}
    filters = {f"data_{key}": kinds[key].get(value) if key in kinds else value for key, value in one.filter.items()}
    show = (
        tag("button", _("Show these errors"), type="button", class_="show", hidden=True, **filters) if filters else None
    )
    return tag(
        "div",
        tag("p", sentence(one.what), class_="what"),
        tag("p", sentence(one.advice)),
        tag("ul", lines) if lines else None,
        show,
        class_="finding",
    )


def _instance(report_data: ReportData, one: Instance) -> Html:
    colours = {kind: i for i, kind in enumerate(report_data.entity_types)}
    text = report_data.examples[one.number].text
    note = tag("span", f" {one.note}", class_="muted") if one.note else None
    return tag("li", marked(text, [one.span] if one.span else [], colours), note)


def _intents(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    section: Mapping[str, Any] = report_data.metrics["intent"]
    found = charts.bins(report_data)
    return inner(
        [
            tables.labels(
                _("intent"), section["per_label"], report_data.counts["intents"] if report_data.counts else None
            ),
            tag("h3", _("Confused intents")),
            charts.matrix(report_data, numbers),
            tag("h3", _("Confidence")),
            tag(
                "p",
                _(
                    "On average, a confidence differs by {ece} from the share of right answers at that confidence "
                    "(calibration error).",
                    ece=f"{section['ece']:.1%}",
                ),
                class_="muted",
            ),
            tag("div", _drawings(found), class_="figures"),
            charts.figures(found),
            tag("h3", _("Confidence threshold for a fallback")),
            charts.thresholds(report_data),
        ]
    )


def _drawings(found: Sequence[charts.Bin]) -> list[Html]:
    """The two drawings about confidences, with captions."""
    return [
        tag(
            "figure",
            tag("figcaption", _("Number of answers by confidence")),
            charts.histogram(found),
            tag(
                "p",
                tag("span", _("right"), class_="key good"),
                tag("span", _("wrong"), class_="key bad"),
                class_="muted",
            ),
        ),
        tag(
            "figure",
            tag("figcaption", _("Share of right answers by confidence")),
            charts.reliability(found),
            tag(
                "p",
                _("On the line: calibrated. Below it: overconfident. A larger circle stands for more answers."),
                class_="muted",
            ),
        ),
    ]


def _entities(report_data: ReportData) -> Html:
    counts = report_data.counts["entities"] if report_data.counts else None
    parts = [tables.labels(_("entity type"), report_data.metrics["entity"]["per_type"], counts)]
    if report_data.metrics["entity_role"]:
        parts += [
            tag("h3", _("With roles and groups")),
            tables.labels(_("type:role#group"), report_data.metrics["entity_role"]["per_type"], None),
        ]
    return inner(parts)


def _errors(report_data: ReportData, numbers: Mapping[str, int]) -> Html | None:
    if not report_data.wrong:
        return None
    intents = [(str(i), label) for label, i in numbers.items()]
    kinds = {one.kind for found in report_data.differences.values() for one in found}
    types = [(str(i), kind) for i, kind in enumerate(report_data.entity_types)]
    fields = [_select("kind", _("Kind"), [(kind, title) for kind, title in kind_titles().items() if kind in kinds])]
    if intents:
        fields += [_select("gold", _("Annotated intent"), intents), _select("answer", _("Answered intent"), intents)]
    if types:
        fields.append(_select("type", _("Entity type"), types))
    fields.append(tag("label", _("Text contains"), tag("input", type="search", id="filter-text", autocomplete="off")))
    counter = tag("p", id="shown", role="status", data_message=_("{shown} of {total} shown"))  # the script fills it in
    bar = tag("form", fields, tag("button", _("Show all"), type="reset"), counter, id="filters", hidden=True)
    return inner(bar, error_list(report_data, numbers))


def _select(key: str, title: str, options: Sequence[tuple[str, str]]) -> Html:
    found = [tag("option", _("all"), value=""), *(tag("option", label, value=value) for value, label in options)]
    return tag("label", title, tag("select", found, id=f"filter-{key}"))
