"""Which format a file is of, told by what is in it, and who reads it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cnlu.convert import columns, dialogflow, doccano, label_studio, luis, rasa_json, rasa_markdown, tables
from cnlu.convert.result import Result
from cnlu.convert.source import parse_json, read
from cnlu.errors import DataError

FORMATS = ("doccano", "label-studio", "bio", "rasa-json", "rasa-markdown", "dialogflow", "luis", "csv")


@dataclass(frozen=True)
class Asked:
    """What the user said of the file."""

    path: Path
    format: str | None = None
    encoding: str | None = None
    offsets: str | None = None
    text: str | None = None
    """The column, or Label Studio's key, of the texts"""
    intent: str | None = None
    """The column of the intents"""


def convert(asked: Asked) -> tuple[str, Result]:
    """(format, what was read). Raises DataError where the file cannot be read at all, or nobody knows what it is."""
    result = Result(asked.offsets)
    path = asked.path
    if path.is_dir() or _is_zip(path):
        return _read_folder(asked, result), result
    text = read(path, asked.encoding)
    name = asked.format or detected(str(path), text)
    readers: dict[str, Callable[[str, str, Result], None]] = {
        "doccano": doccano.read_doccano,
        "label-studio": lambda place, text, into: label_studio.read_label_studio(place, text, into, asked.text),
        "bio": columns.read_columns,
        "rasa-json": rasa_json.read_rasa_json,
        "rasa-markdown": rasa_markdown.read_rasa_markdown,
        "dialogflow": dialogflow.read_usersays,
        "luis": luis.read_luis,
        "csv": lambda place, text, into: tables.read_table(place, text, into, (asked.text, asked.intent)),
    }
    readers[name](str(path), text, result)
    return name, result


def detected(place: str, text: str) -> str:
    """Raises DataError where a text is of no format that is known."""
    found = _of_json(place, text) if text.lstrip()[:1] in ("{", "[") else None
    if found is None:
        kinds = (("rasa-markdown", rasa_markdown), ("csv", tables), ("bio", columns))
        found = next((name for name, kind in kinds if kind.looks_like(text)), None)
    if found is None:
        raise DataError(
            f"{place}: what this file is cannot be told from its content; name it with --from {'|'.join(FORMATS)}."
        )
    return found


def _of_json(place: str, text: str) -> str | None:
    kinds = (
        ("rasa-json", rasa_json),
        ("luis", luis),
        ("label-studio", label_studio),
        ("dialogflow", dialogflow),
        ("doccano", doccano),
    )
    first = next(line for line in text.split("\n") if line.strip())
    for part in (first, text):
        try:
            content = parse_json(part, place)
        except DataError:
            continue
        if part is first and _is_ours(content):
            raise DataError(f"{place}: these are cnlu's own JSON lines already; train and check read them as they are.")
        return next((name for name, kind in kinds if kind.looks_like(content)), None)
    return None


def _is_ours(record: object) -> bool:
    return (
        isinstance(record, dict)
        and "text" in record
        and (
            (isinstance(record.get("intent"), str) and "label" not in record and "labels" not in record)
            or any(isinstance(one, dict) and "entity" in one for one in record.get("entities") or [])
        )
    )


def _is_zip(path: Path) -> bool:
    return path.is_file() and zipfile.is_zipfile(path)


def _read_folder(asked: Asked, result: Result) -> str:
    if dialogflow.is_agent(asked.path):
        dialogflow.read_agent(asked.path, result, asked.encoding)
        return "dialogflow"
    if asked.path.is_dir() and columns.is_folder(asked.path):
        columns.read_folder(asked.path, result, asked.encoding)
        return "bio"
    raise DataError(
        f"{asked.path}: is neither an agent of Dialogflow nor a folder with seq.in, seq.out and label; name a file."
    )
