"""The headline figures, the tables of labels and the table of folds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cnlu.evaluation.bootstrap import Interval
from cnlu.evaluation.page.elements import Html, tag
from cnlu.evaluation.page.sentences import name
from cnlu.evaluation.report_data import ReportData
from cnlu.i18n import _

SHADES = 10


def headline_titles() -> dict[str, tuple[str, str]]:
    """(title, meaning) of the headline figures, by their keys in metrics.json with dots."""
    return {
        "frame_accuracy": (_("Frames right"), _("intent and all entities of a sentence are right")),
        "intent.accuracy": (_("Intent accuracy"), _("the intent is right")),
        "intent.macro_f1": (_("Intent macro F1"), _("mean over intents, rare ones count as much as frequent ones")),
        "entity.f1": (_("Entity F1"), _("start, end and type are right")),
        "entity_role.f1": (_("Entity with role F1"), _("role and group are right too")),
    }


def _figure_titles() -> dict[str, str]:
    return {key: title for key, (title, _meaning) in headline_titles().items()} | {
        "intent.weighted_f1": _("Intent weighted F1"),
        "intent.ece": _("Intent calibration error"),
        "entity.precision": _("Entity precision"),
        "entity.recall": _("Entity recall"),
        "entity_role.precision": _("Entity with role precision"),
        "entity_role.recall": _("Entity with role recall"),
    }


def headline(report_data: ReportData) -> Html:
    """A tile for each headline figure, with its confidence interval."""
    tiles = []
    titles = headline_titles()
    for key, interval in report_data.headline.items():
        title, meaning = titles[key]
        scale = _scale(interval)
        tiles.append(
            tag(
                "div",
                [
                    tag("p", title, class_="title"),
                    tag("p", f"{100 * interval.value:.1f}%", class_="figure"),
                    scale,
                    tag(
                        "p",
                        _("{low:.1f} to {high:.1f}", low=100 * interval.low, high=100 * interval.high),
                        class_="range",
                    ),
                    tag("p", meaning, class_="muted"),
                ],
                class_="tile",
            )
        )
    return tag("div", tiles, class_="tiles")


def _scale(interval: Interval) -> Html:
    """A bar from 0 to 100 % with the interval and the figure."""
    width = max(100 * (interval.high - interval.low), 0.5)
    bars = [
        tag("rect", x="0", y="4", width="100", height="2", class_="grid"),
        tag("rect", x=f"{100 * interval.low:.1f}", y="2", width=f"{width:.1f}", height="6", class_="range"),
        tag("rect", x=f"{min(100 * interval.value, 99.4):.1f}", y="0", width="0.6", height="10", class_="value"),
    ]
    return tag("svg", bars, viewBox="0 0 100 10", preserveAspectRatio="none", aria_hidden="true")


def folds(summary: Mapping[str, Any]) -> Html:
    """The figures of a cross-validation: mean, spread, and the figures of each fold."""
    titles = _figure_titles()
    keys = [key for key in titles if _figure(summary["mean"], key) is not None]
    each = summary["each"]
    head = tag(
        "tr",
        [
            tag("th", title, scope="col")
            for title in ("", _("mean"), _("± spread"), *(_("fold {number}", number=i + 1) for i in range(len(each))))
        ],
    )
    rows = [
        tag(
            "tr",
            tag("th", titles[key], scope="row"),
            tag("td", _percent(_figure(summary["mean"], key))),
            tag("td", _percent(_figure(summary["sd"], key))),
            [tag("td", _percent(_figure(fold, key))) for fold in each],
        )
        for key in keys
    ]
    rows.append(
        tag(
            "tr",
            tag("th", _("Sentences held out"), scope="row"),
            tag("td"),
            tag("td"),
            [tag("td", str(fold["n"])) for fold in each],
        )
    )
    table = tag("table", tag("thead", head), tag("tbody", rows))
    return tag("div", table, class_="scroll fitting", tabindex="0")


def labels(title: str, per_label: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int] | None) -> Html:
    """The labels, worst first; the page's script can sort the columns."""
    ranked = sorted(per_label.items(), key=lambda item: (item[1]["f1"], -item[1]["support"], item[0]))
    columns = [title, _("precision"), _("recall"), _("F1"), _("here")]
    if counts is not None:
        columns.append(_("in training"))
    head = tag("tr", [tag("th", column, scope="col") for column in columns])
    rows = []
    for label, scores in ranked:
        unseen = tag("span", _("not in training"), class_="unseen") if not scores["seen"] else None
        cells = [_share(scores["precision"]), _share(scores["recall"]), _share(scores["f1"], shaded=True)]
        cells.append(tag("td", str(scores["support"]), data_value=scores["support"]))
        if counts is not None:
            cells.append(tag("td", str(counts.get(label, 0)), data_value=counts.get(label, 0)))
        rows.append(tag("tr", tag("th", name(label), " ", unseen, scope="row", data_value=label), cells))
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


def _figure(figures: Mapping[str, Any], key: str) -> float | None:
    """A figure by its key with dots; None if its section is None."""
    section, dot, field = key.partition(".")
    section_figures = figures.get(section)
    if not dot or section_figures is None:
        return section_figures
    return section_figures.get(field)
