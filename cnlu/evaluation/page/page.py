"""report.html: one self-contained file that is readable without its script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnlu.evaluation.advice import advise
from cnlu.evaluation.differences import kind_titles
from cnlu.evaluation.findings import Finding, Instance
from cnlu.evaluation.page import charts, tables
from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.page.sentences import error_list, marked, sentence
from cnlu.evaluation.page.summary import summary
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _

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
    # The browser applies only this style sheet and script, even if a user's text were rendered as an element.
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
    numbers = {label: i for i, label in enumerate(sorted(labels))}  # also combinations such as a+b
    sections = [
        ("summary", _("Summary"), summary(report_data)),
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


def _advice(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    findings_by_category = advise(report_data)
    if not report_data.wrong:
        return tag("p", _("Every sentence was answered correctly. Harder sentences would be more informative."))
    if not findings_by_category:
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
    for category, findings in findings_by_category.items():
        parts += [
            tag("h3", titles[category]),
            tag("div", [_finding(report_data, finding, numbers) for finding in findings], class_="findings"),
        ]
    return inner(parts)


def _finding(report_data: ReportData, finding: Finding, numbers: Mapping[str, int]) -> Html:
    lines = [tag("li", sentence(point)) for point in finding.points]
    lines += [_instance(report_data, instance) for instance in finding.instances]
    kinds = {"type": {kind: i for i, kind in enumerate(report_data.entity_types)}, "gold": numbers, "answer": numbers}
    filters = {f"data_{key}": kinds[key].get(value) if key in kinds else value for key, value in finding.filter.items()}
    show = (
        tag("button", _("Show these errors"), type="button", class_="show", hidden=True, **filters) if filters else None
    )
    return tag(
        "div",
        tag("p", sentence(finding.problem), class_="problem"),
        tag("p", sentence(finding.advice)),
        tag("ul", lines) if lines else None,
        show,
        class_="finding",
    )


def _instance(report_data: ReportData, instance: Instance) -> Html:
    colours = {kind: i for i, kind in enumerate(report_data.entity_types)}
    text = report_data.examples[instance.number].text
    note = tag("span", f" {instance.note}", class_="muted") if instance.note else None
    return tag("li", marked(text, [instance.span] if instance.span else [], colours), note)


def _intents(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    section: Mapping[str, Any] = report_data.metrics["intent"]
    bins = charts.confidence_bins(report_data)
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
            tag("div", _drawings(bins), class_="figures"),
            charts.figures(bins),
            tag("h3", _("Confidence threshold for a fallback")),
            charts.thresholds(report_data),
        ]
    )


def _drawings(bins: Sequence[charts.Bin]) -> list[Html]:
    """The two drawings about confidences, with captions."""
    return [
        tag(
            "figure",
            tag("figcaption", _("Number of answers by confidence")),
            charts.histogram(bins),
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
            charts.reliability(bins),
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
    kinds = {difference.kind for differences in report_data.differences.values() for difference in differences}
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
    elements = [tag("option", _("all"), value=""), *(tag("option", label, value=value) for value, label in options)]
    return tag("label", title, tag("select", elements, id=f"filter-{key}"))
