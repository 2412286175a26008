"""What a person sees of an evaluation: tables in the terminal, and files with the figures and every error."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnlu.data.schema import Example
from cnlu.evaluation.differences import differences
from cnlu.evaluation.frames import Frame, RoleSpan, frame_is_right, in_text_order, paired_frames
from cnlu.io import atomic_directory

METRICS, ERRORS, PAGE = "metrics.json", "errors.jsonl", "report.html"

REPORT_FILES = frozenset({METRICS, ERRORS, PAGE})
"""What a report may consist of; a directory with anything else in it is not replaced."""

_NAME_WIDTH = 40
"""Columns of the longest name shown; longer ones are cut."""


def find_errors(gold: Sequence[Example], predicted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every wrong frame, in order: {"text", "source", "wrong", "gold", "predicted"}.

    `wrong` lists in words what differs; `gold` and `predicted` hold intent and entities as JSON data.
    """
    return [
        {
            "text": example.text,
            "source": example.source,
            "wrong": _in_all_words(example.text, *frames),
            "gold": _as_json(example.text, frames[0]),
            "predicted": _as_json(example.text, frames[1])
            | {"confidence": (result.get("intent") or {}).get("confidence")},
        }
        for example, result, frames in zip(gold, predicted, paired_frames(gold, predicted), strict=True)
        if not frame_is_right(*frames)
    ]


def _in_all_words(text: str, gold: Frame, predicted: Frame) -> list[str]:
    found = []
    for one in differences(gold, predicted):
        annotated, answered = (span and _in_words(text, span) for span in (one.gold, one.predicted))
        if one.kind == "intent":
            found.append(f"intent: {predicted.intent} instead of {gold.intent}")
        elif answered is None:
            found.append(f"entity: missed {annotated}")
        elif annotated is None:
            found.append(f"entity: invented {answered}")
        else:
            found.append(f"entity: {answered} instead of {annotated}")
    return found


def _in_words(text: str, span: RoleSpan) -> str:
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
    """Writes metrics.json, errors.jsonl (one wrong frame a line) and `page`, if any, as report.html.

    They come as a whole directory or not at all.

    Raises UsageError as `check_report_out` does, CnluError when the disk refuses.
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
    """Refuses, before the evaluation runs, a directory that `write_report` could not write in the end.

    Raises UsageError when `out_dir` exists and `force` is not set, when it holds anything but an earlier
    report, and when its parent cannot be written.
    """
    atomic_directory.check_out(out_dir, force, "report", _is_report)


def _is_report(directory: Path) -> bool:
    names = {entry.name for entry in directory.iterdir()}
    return METRICS in names and names <= REPORT_FILES


def _json_bytes(value: Any, indent: int | None = None) -> bytes:
    """UTF-8 that a person can read; text with lone surrogates, which UTF-8 cannot hold, is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent, allow_nan=False).encode()


def format_report(metrics: Mapping[str, Any], limit: int = 15) -> str:
    """The terminal's table: headline, then intents and entity types, worst first, up to `limit` of each."""
    blocks = [_headline(metrics)]
    intent, entity, role = metrics["intent"], metrics["entity"], metrics["entity_role"]
    if intent:
        blocks.append(_label_table("intent", intent["per_label"], limit))
    if entity:
        blocks.append(_label_table("entity", entity["per_type"], limit))
    if role:
        blocks.append(_label_table("entity with role", role["per_type"], limit))
    return "\n\n".join(blocks)


def _headline(metrics: Mapping[str, Any]) -> str:
    intent, entity, role = metrics["intent"], metrics["entity"], metrics["entity_role"]
    rows = [("sentences", str(metrics["n"])), ("frames right", _percent(metrics["frame_accuracy"]))]
    if intent:
        rows += [
            ("intent accuracy", _percent(intent["accuracy"])),
            ("intent macro F1", _percent(intent["macro_f1"])),
            ("intent calibration error", _percent(intent["ece"])),
        ]
    for title, section in (("entity", entity), ("entity with role", role)):
        if section:
            detail = f"precision {_percent(section['precision'])}, recall {_percent(section['recall'])}"
            rows.append((f"{title} F1", f"{_percent(section['f1'])}  ({detail})"))
    if metrics["unreachable_entities"]:
        rows.append(("unreachable entities", str(metrics["unreachable_entities"])))
    if metrics["unseen_labels"]:
        rows.append(("labels not in training", f"{metrics['unseen_labels']} annotations"))
    width = max(len(title) for title, _ in rows)
    return "\n".join(f"{title:<{width}}  {value}" for title, value in rows)


def _label_table(title: str, per_label: Mapping[str, Mapping[str, Any]], limit: int) -> str:
    """One row a label, worst F1 first, among equals the more frequent first."""
    ranked = sorted(per_label.items(), key=lambda item: (item[1]["f1"], -item[1]["support"], item[0]))
    rows = [[title, "precision", "recall", "F1", "gold"]]
    for label, scores in ranked[:limit]:
        name = _fit(_printable(label)) + ("" if scores["seen"] else " (not in training)")
        figures = [_percent(scores[key]) for key in ("precision", "recall", "f1")]
        rows.append([name, *figures, str(scores["support"])])
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *figures in rows:
        cells = [" " * (width - len(cell)) + cell for cell, width in zip(figures, widths[1:], strict=True)]
        lines.append("  ".join([name + " " * (widths[0] - display_width(name)), *cells]))
    hidden = len(ranked) - limit
    if hidden > 0:
        lines.append(f"... and {hidden} more that did no worse")
    return "\n".join(lines)


def display_width(text: str) -> int:
    """Terminal columns: two for wide and full-width characters, none for combining ones."""
    return sum(0 if unicodedata.combining(ch) else 2 if unicodedata.east_asian_width(ch) in "WF" else 1 for ch in text)


def _fit(text: str) -> str:
    if display_width(text) <= _NAME_WIDTH:
        return text
    while display_width(text) > _NAME_WIDTH - 1:
        text = text[:-1]
    return text + "…"


def _printable(text: str) -> str:
    """Control characters and lone surrogates shown as a replacement mark; they would break the terminal."""
    return "".join("\ufffd" if unicodedata.category(ch) in ("Cc", "Cs", "Cf") else ch for ch in text)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
