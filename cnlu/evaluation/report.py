"""The output of an evaluation: tables for the terminal, and files with the figures and all errors."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnlu.data.schema import Example
from cnlu.evaluation.differences import differences
from cnlu.evaluation.frames import Frame, RoleSpan, frame_is_right, in_text_order, paired_frames
from cnlu.i18n import _, n_
from cnlu.io import atomic_directory
from cnlu.io.terminal_table import align, display_width, pad

METRICS, ERRORS, PAGE = "metrics.json", "errors.jsonl", "report.html"

REPORT_FILES = frozenset({METRICS, ERRORS, PAGE})
"""The files of a report; a directory with any other file is not replaced."""

_NAME_WIDTH = 40
"""Maximum width of a name in terminal columns; a longer one is cut."""


def find_errors(gold: Sequence[Example], predicted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The wrong frames, in order: {"text", "source", "wrong", "gold", "predicted"}.

    `wrong` describes the differences, always in English, because programs read errors.jsonl. `gold` and `predicted`
    hold intent and entities as JSON data.
    """
    return [
        {
            "text": example.text,
            "source": example.source,
            "wrong": _descriptions(example.text, *frames),
            "gold": _as_json(example.text, frames[0]),
            "predicted": _as_json(example.text, frames[1])
            | {"confidence": (result.get("intent") or {}).get("confidence")},
        }
        for example, result, frames in zip(gold, predicted, paired_frames(gold, predicted), strict=True)
        if not frame_is_right(*frames)
    ]


def _descriptions(text: str, gold: Frame, predicted: Frame) -> list[str]:
    descriptions = []
    for difference in differences(gold, predicted):
        annotated, answered = (span and _description(text, span) for span in (difference.gold, difference.predicted))
        if difference.kind == "intent":
            descriptions.append(f"intent: {predicted.intent} instead of {gold.intent}")
        elif answered is None:
            descriptions.append(f"entity: missed {annotated}")
        elif annotated is None:
            descriptions.append(f"entity: invented {answered}")
        else:
            descriptions.append(f"entity: {answered} instead of {annotated}")
    return descriptions


def _description(text: str, span: RoleSpan) -> str:
    start, end, kind, role, group = span
    parts = [
        kind,
        *(f"{name}={value}" for name, value in (("role", role), ("group", group)) if value is not None),
    ]
    return f"[{text[start:end]}]({' '.join(parts)}) at {start}-{end}"


def _as_json(text: str, frame: Frame) -> dict[str, Any]:
    entities = []
    for start, end, kind, role, group in in_text_order(frame.entities):
        entity: dict[str, Any] = {"start": start, "end": end, "entity": kind, "text": text[start:end]}
        entity |= {key: value for key, value in (("role", role), ("group", group)) if value is not None}
        entities.append(entity)
    return {"intent": frame.intent, "entities": entities}


def write_report(
    out_dir: str | Path,
    metrics: Mapping[str, Any],
    errors: Iterable[Mapping[str, Any]],
    force: bool = False,
    page: bytes | None = None,
) -> None:
    """Writes metrics.json, errors.jsonl (one wrong frame per line) and `page`, if given, as report.html.

    The directory is written completely or not at all. Raises UsageError as `check_report_out` does, and CnluError if
    writing fails.
    """
    check_report_out(out_dir, force)
    lines = b"".join(_json_bytes(error) + b"\n" for error in errors)
    files = {METRICS: _json_bytes(metrics, indent=1) + b"\n", ERRORS: lines}
    if page is not None:
        files[PAGE] = page
    try:
        atomic_directory.write_dir(atomic_directory.resolve(out_dir), files)
    except OSError as error:
        raise atomic_directory.could_not_write(out_dir, "report", error) from error


def check_report_out(out_dir: str | Path, force: bool = False) -> None:
    """Checks that `write_report` can write the directory; call it before the evaluation.

    Raises UsageError if `out_dir` exists and `force` is not set, if it holds anything but an earlier report, and if its
    parent cannot be written.
    """
    atomic_directory.check_out(out_dir, force, "report", _is_report)


def _is_report(directory: Path) -> bool:
    names = {entry.name for entry in directory.iterdir()}
    return METRICS in names and names <= REPORT_FILES


def _json_bytes(value: Any, indent: int | None = None) -> bytes:
    """Readable UTF-8; text with lone surrogates, which UTF-8 cannot encode, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, allow_nan=False).encode()


def format_report(metrics: Mapping[str, Any], limit: int = 15) -> str:
    """The tables for the terminal: headline figures, then intents and entity types, the worst `limit` of each."""
    blocks = [_headline(metrics)]
    intent, entity, role = metrics["intent"], metrics["entity"], metrics["entity_role"]
    if intent:
        blocks.append(_label_table(_("intent"), intent["per_label"], limit))
    if entity:
        blocks.append(_label_table(_("entity"), entity["per_type"], limit))
    if role:
        blocks.append(_label_table(_("entity with role"), role["per_type"], limit))
    return "\n\n".join(blocks)


def figure_titles() -> dict[str, str]:
    """Titles of the figures in the terminal, by their keys in metrics.json: section, or section.field."""
    return {
        "frame_accuracy": _("frames right"),
        "intent.accuracy": _("intent accuracy"),
        "intent.macro_f1": _("intent macro F1"),
        "intent.weighted_f1": _("intent weighted F1"),
        "intent.ece": _("intent calibration error"),
        "entity.precision": _("entity precision"),
        "entity.recall": _("entity recall"),
        "entity.f1": _("entity F1"),
        "entity_role.precision": _("entity with role precision"),
        "entity_role.recall": _("entity with role recall"),
        "entity_role.f1": _("entity with role F1"),
    }


def _headline(metrics: Mapping[str, Any]) -> str:
    titles = figure_titles()
    rows = [(_("sentences"), str(metrics["n"])), (titles["frame_accuracy"], _percent(metrics["frame_accuracy"]))]
    if metrics["intent"]:
        fields = ("accuracy", "macro_f1", "ece")
        rows += [(titles[f"intent.{field}"], _percent(metrics["intent"][field])) for field in fields]
    for key in ("entity", "entity_role"):
        if section := metrics[key]:
            precision, recall = _percent(section["precision"]), _percent(section["recall"])
            detail = _("(precision {precision}, recall {recall})", precision=precision, recall=recall)
            rows.append((titles[f"{key}.f1"], f"{_percent(section['f1'])}  {detail}"))
    if metrics["unreachable_entities"]:
        rows.append((_("unreachable entities"), str(metrics["unreachable_entities"])))
    if unseen := metrics["unseen_labels"]:
        rows.append((_("labels not in training"), n_("{count} annotation", "{count} annotations", unseen)))
    width = max(display_width(title) for title, _value in rows)
    return "\n".join(f"{pad(title, width)}  {value}" for title, value in rows)


def _label_table(title: str, per_label: Mapping[str, Mapping[str, Any]], limit: int) -> str:
    """One row per label, the worst F1 first; labels with the same F1 by descending frequency."""
    ranked = sorted(per_label.items(), key=lambda item: (item[1]["f1"], -item[1]["support"], item[0]))
    rows = [[title, _("precision"), _("recall"), _("F1"), _("gold")]]
    for label, scores in ranked[:limit]:
        name = _fit(_printable(label))
        if not scores["seen"]:
            name = _("{label} (not in training)", label=name)
        figures = [_percent(scores[key]) for key in ("precision", "recall", "f1")]
        rows.append([name, *figures, str(scores["support"])])
    lines = align(rows)
    hidden = len(ranked) - limit
    if hidden > 0:
        lines.append(
            n_("... and {count} more that is no worse", "... and {count} more that are no worse", hidden),
        )
    return "\n".join(lines)


def _fit(text: str) -> str:
    if display_width(text) <= _NAME_WIDTH:
        return text
    while display_width(text) > _NAME_WIDTH - 1:
        text = text[:-1]
    return text + "…"


def _printable(text: str) -> str:
    """The text with U+FFFD for control characters and lone surrogates, which would break the terminal."""
    return "".join("\ufffd" if unicodedata.category(ch) in ("Cc", "Cs", "Cf") else ch for ch in text)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
