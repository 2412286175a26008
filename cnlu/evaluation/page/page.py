"""report.html: one file that needs nothing else, and no script to be read."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cnlu.evaluation.advice import Finding, Instance, advise
from cnlu.evaluation.differences import KINDS
from cnlu.evaluation.page import charts, tables
from cnlu.evaluation.page.elements import Html, inner, tag
from cnlu.evaluation.page.sentences import error_list, marked, name, words
from cnlu.evaluation.report_data import ReportData

FOLDER = Path(__file__).parent
SORTS = {
    "labels": "Labels that training never saw",
    "intents": "Intents",
    "entities": "Entities",
    "annotations": "Annotations to look at",
}


def render(report_data: ReportData) -> bytes:
    """The page, UTF-8. The same study gives the same bytes; nothing in it is fetched from elsewhere."""
    style, script = ((FOLDER / file).read_text("utf-8") for file in ("style.css", "script.js"))
    # Should a text ever come out as an element, the browser still runs nothing but these two.
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("title", f"Report: {report_data.subject}"),
        tag("style", Html(style)),
    )
    body = tag("body", tag("main", _parts(report_data)), tag("script", Html(script)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n".encode()


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _parts(report_data: ReportData) -> list[Html]:
    metrics = report_data.metrics
    labels = {
        *(metrics["intent"] or {"per_label": {}})["per_label"],
        *(gold for _, gold, _, _ in report_data.intents),
        *(answer for _, _, answer, _ in report_data.intents if answer is not None),
    }
    numbers = {label: i for i, label in enumerate(sorted(labels))}  # a+b has no line of its own in the table of intents
    sections = [
        ("summary", "Summary", _summary(report_data)),
        ("advice", "What to do next", _advice(report_data, numbers)),
        ("intents", "Intents", _intents(report_data, numbers) if metrics["intent"] else None),
        ("entities", "Entities", _entities(report_data) if metrics["entity"] else None),
        ("wrong", f"Wrong sentences ({len(report_data.wrong)})", _errors(report_data, numbers)),
    ]
    present = [(key, title, content) for key, title, content in sections if content is not None]
    links = tag("nav", [tag("a", title, href=f"#{key}") for key, title, _ in present], aria_label="Parts of the report")
    top = tag("header", tag("h1", "Evaluation report"), tag("p", report_data.subject, class_="quiet"), links)
    return [top, *(tag("section", tag("h2", title), content, id=key) for key, title, content in present)]


def _summary(report_data: ReportData) -> Html:
    parts = [
        *_warnings(report_data),
        tables.headline(report_data),
        tag("p", " ".join(_remarks(report_data)), class_="quiet"),
    ]
    if "folds" in report_data.metrics:
        parts += [
            tag("h3", "Fold by fold"),
            tables.folds(report_data.metrics["folds"]),
            tag(
                "p",
                "Every sentence was answered by a model that had not learned from it. Spread: standard "
                "deviation over the folds.",
                class_="quiet",
            ),
        ]
    return inner(parts)


def _remarks(report_data: ReportData) -> list[str]:
    """How to read the figures, a sentence each."""
    metrics, total = report_data.metrics, len(report_data.examples)
    said = [
        f"{total} sentence{'s' * (total != 1)}, {len(report_data.wrong)} of them answered wrongly.",
        "The bar and the figures below it: where the figure would lie in 95 of 100 test sets of this size, by the luck "
        "of which sentences are in it.",
    ]
    if any(one.low == one.high for one in report_data.headline.values()):
        said.append("A bar without width only says that no sentence came out the other way.")
    if total < 100:
        said.append("So few sentences say little: do not choose between two models by them.")
    if metrics["intent"] is None:
        said.append("Nothing is said of intents: no example has one.")
    if metrics["entity"] is None:
        said.append("Nothing is said of entities: there are none, annotated or answered.")
    if lost := metrics["unreachable_entities"]:
        said.append(f"{lost} annotated entities can be in no answer: others overlap them, or an edge is not read.")
    return said


def _warnings(report_data: ReportData) -> list[Html]:
    """Where the model was trained on other labels altogether, the figures say nothing of it."""
    found = []
    labels = report_data.labels
    for key, section, what, known in (
        ("per_label", "intent", "intents", labels.intents if labels else []),
        ("per_type", "entity", "entity types", labels.entities if labels else []),
    ):
        asked = [scores for scores in (report_data.metrics[section] or {key: {}})[key].values() if scores["support"]]
        if asked and not any(scores["seen"] for scores in asked):
            others = ("It knows others, such as ", _some(known)) if known else (f"It knows no {what} at all",)
            found.append(
                tag(
                    "p",
                    f"None of the {what} of these examples was in this model's training, so none can be right. ",
                    others,
                    ". Was another model meant, or are they examples for another bot?",
                    class_="warning",
                )
            )
    return found


def _some(labels: Sequence[str]) -> list[Html]:
    return [inner(", " if i else "", name(label)) for i, label in enumerate(labels[:3])]


def _advice(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    found = advise(report_data)
    if not report_data.wrong:
        return tag("p", "Every sentence was answered rightly. Harder ones would tell more.")
    if not found:
        return tag("p", "The errors have nothing in common that could be said in general: read them below.")
    parts: list[Html] = []
    if report_data.counts is None:
        parts.append(
            tag(
                "p",
                "How many examples each label had in training is not known of this model; train it again to see.",
                class_="quiet",
            )
        )
    for sort, findings in found.items():
        parts += [
            tag("h3", SORTS[sort]),
            tag("div", [_finding(report_data, one, numbers) for one in findings], class_="findings"),
        ]
    return inner(parts)


def _finding(report_data: ReportData, one: Finding, numbers: Mapping[str, int]) -> Html:
    lines = [tag("li", words(point)) for point in one.points]
    lines += [_instance(report_data, instance) for instance in one.instances]
    kinds = {"type": {kind: i for i, kind in enumerate(report_data.entity_types)}, "gold": numbers, "answer": numbers}
    wanted = {f"data_{key}": kinds[key].get(value) if key in kinds else value for key, value in one.filter.items()}
    show = tag("button", "Show these errors", type="button", class_="show", hidden=True, **wanted) if wanted else None
    return tag(
        "div",
        tag("p", words(one.what), class_="what"),
        tag("p", words(one.advice)),
        tag("ul", lines) if lines else None,
        show,
        class_="finding",
    )


def _instance(report_data: ReportData, one: Instance) -> Html:
    colours = {kind: i for i, kind in enumerate(report_data.entity_types)}
    text = report_data.examples[one.number].text
    note = tag("span", f" {one.note}", class_="quiet") if one.note else None
    return tag("li", marked(text, [one.span] if one.span else [], colours), note)


def _intents(report_data: ReportData, numbers: Mapping[str, int]) -> Html:
    section: Mapping[str, Any] = report_data.metrics["intent"]
    found = charts.bins(report_data)
    drawings = [
        tag(
            "figure",
            tag("figcaption", "How many answers had which confidence"),
            charts.histogram(found),
            tag("p", tag("span", "right", class_="key good"), tag("span", "wrong", class_="key bad"), class_="quiet"),
        ),
        tag(
            "figure",
            tag("figcaption", "How often answers of that confidence were right"),
            charts.reliability(found),
            tag("p", "On the line: honest. Below it: surer than right. Larger circles: more answers.", class_="quiet"),
        ),
    ]
    return inner(
        tables.labels("intent", section["per_label"], report_data.counts["intents"] if report_data.counts else None),
        tag("h3", "Which is taken for which"),
        charts.matrix(report_data, numbers),
        tag("h3", "Confidence"),
        tag(
            "p",
            f"On average a confidence is {section['ece']:.1%} away from how often such answers are right "
            "(calibration error).",
            class_="quiet",
        ),
        tag("div", drawings, class_="figures"),
        charts.figures(found),
        tag("h3", "If unsure, ask again"),
        charts.thresholds(report_data),
    )


def _entities(report_data: ReportData) -> Html:
    counts = report_data.counts["entities"] if report_data.counts else None
    parts = [tables.labels("entity type", report_data.metrics["entity"]["per_type"], counts)]
    if report_data.metrics["entity_role"]:
        parts += [
            tag("h3", "With roles and groups"),
            tables.labels("type:role#group", report_data.metrics["entity_role"]["per_type"], None),
        ]
    return inner(parts)


def _errors(report_data: ReportData, numbers: Mapping[str, int]) -> Html | None:
    if not report_data.wrong:
        return None
    intents = [(str(i), label) for label, i in numbers.items()]
    kinds = {one.kind for found in report_data.differences.values() for one in found}
    types = [(str(i), kind) for i, kind in enumerate(report_data.entity_types)]
    fields = [_select("kind", "Kind", [(kind, title) for kind, title in KINDS.items() if kind in kinds])]
    if intents:
        fields += [_select("gold", "Annotated intent", intents), _select("answer", "Answered intent", intents)]
    if types:
        fields.append(_select("type", "Entity type", types))
    fields.append(tag("label", "Text contains", tag("input", type="search", id="filter-text", autocomplete="off")))
    counter = tag("p", id="shown", role="status")
    bar = tag("form", fields, tag("button", "Show all", type="reset"), counter, id="filters", hidden=True)
    return inner(bar, error_list(report_data, numbers))


def _select(key: str, title: str, options: Sequence[tuple[str, str]]) -> Html:
    found = [tag("option", "all", value=""), *(tag("option", label, value=value) for value, label in options)]
    return tag("label", title, tag("select", found, id=f"filter-{key}"))
