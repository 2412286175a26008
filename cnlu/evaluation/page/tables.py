"""The headline figures, tables of labels, tables of folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnlu.evaluation.page.elements import Html, tag
from cnlu.evaluation.page.sentences import name
from cnlu.evaluation.report_data import ReportData

TITLES = {
    "frame_accuracy": ("Frames right", "intent and all entities of a sentence are right"),
    "intent.accuracy": ("Intent accuracy", "the intent is right"),
    "intent.macro_f1": ("Intent macro F1", "the mean over intents, rare ones counting as much"),
    "entity.f1": ("Entity F1", "same start, end and type"),
    "entity_role.f1": ("Entity with role F1", "role and group are right, too"),
}
OTHERS = {
    "intent.weighted_f1": "Intent weighted F1",
    "intent.ece": "Intent calibration error",
    "entity.precision": "Entity precision",
    "entity.recall": "Entity recall",
    "entity_role.precision": "Entity with role precision",
    "entity_role.recall": "Entity with role recall",
}
SHADES = 10


def headline(report_data: ReportData) -> Html:
    """A tile a figure, with the interval that the luck of the sentences leaves."""
    tiles = []
    for key, found in report_data.headline.items():
        title, meaning = TITLES[key]
        scale = tag(
            "svg",
            tag("rect", x="0", y="4", width="100", height="2", class_="grid"),
            tag(
                "rect",
                x=f"{100 * found.low:.1f}",
                y="2",
                width=f"{max(100 * (found.high - found.low), 0.5):.1f}",
                height="6",
                class_="range",
            ),
            tag("rect", x=f"{min(100 * found.value, 99.4):.1f}", y="0", width="0.6", height="10", class_="value"),
            viewBox="0 0 100 10",
            preserveAspectRatio="none",
            aria_hidden="true",
        )
        tiles.append(
            tag(
                "div",
                tag("p", title, class_="title"),
                tag("p", f"{100 * found.value:.1f}%", class_="figure"),
                scale,
                tag("p", f"{100 * found.low:.1f} to {100 * found.high:.1f}", class_="range"),
                tag("p", meaning, class_="quiet"),
                class_="tile",
            )
        )
    return tag("div", tiles, class_="tiles")


def folds(summary: Mapping[str, Any]) -> Html:
    """A cross-validation's figures: mean, spread, and each fold's."""
    titles = {key: title for key, (title, _) in TITLES.items()} | OTHERS
    keys = [key for key in titles if _at(summary["mean"], key) is not None]
    each = summary["each"]
    head = tag(
        "tr",
        [
            tag("th", title, scope="col")
            for title in ("", "mean", "± spread", *(f"fold {i + 1}" for i in range(len(each))))
        ],
    )
    rows = [
        tag(
            "tr",
            tag("th", titles[key], scope="row"),
            tag("td", _percent(_at(summary["mean"], key))),
            tag("td", _percent(_at(summary["sd"], key))),
            [tag("td", _percent(_at(one, key))) for one in each],
        )
        for key in keys
    ]
    rows.append(
        tag(
            "tr",
            tag("th", "Sentences held out", scope="row"),
            tag("td"),
            tag("td"),
            [tag("td", str(one["n"])) for one in each],
        )
    )
    table = tag("table", tag("thead", head), tag("tbody", rows))
    return tag("div", table, class_="scroll fitting", tabindex="0")


def labels(title: str, per_label: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int] | None) -> Html:
    """Worst first; columns can be sorted by the page's script."""
    ranked = sorted(per_label.items(), key=lambda item: (item[1]["f1"], -item[1]["support"], item[0]))
    columns = [title, "precision", "recall", "F1", "here", *(["in training"] if counts is not None else [])]
    head = tag("tr", [tag("th", column, scope="col") for column in columns])
    rows = []
    for label, scores in ranked:
        marks = tag("span", "not in training", class_="unseen") if not scores["seen"] else None
        cells = [_share(scores["precision"]), _share(scores["recall"]), _share(scores["f1"], shaded=True)]
        cells.append(tag("td", str(scores["support"]), data_value=scores["support"]))
        if counts is not None:
            cells.append(tag("td", str(counts.get(label, 0)), data_value=counts.get(label, 0)))
        rows.append(tag("tr", tag("th", name(label), " ", marks, scope="row", data_value=label), cells))
    return tag(
        "div",
        tag("table", tag("thead", head), tag("tbody", rows), class_="labels sortable"),
        class_="scroll",
        tabindex="0",
    )


def _share(share: float, shaded: bool = False) -> Html:
    shade = f"shade f{round(SHADES * share)}" if shaded else None
    return tag("td", _percent(share), class_=shade, data_value=f"{share:.6f}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


def _at(figures: Mapping[str, Any], key: str) -> float | None:
    """A figure by its key with dots; None where its section is."""
    section, dot, field = key.partition(".")
    found = figures.get(section)
    return found if not dot else None if found is None else found.get(field)
