"""Detects the format of a file from its content, and reads it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from cnlu.convert import columns, dialogflow, doccano, label_studio, luis, rasa_json, rasa_markdown, tables
from cnlu.convert.result import Result
from cnlu.convert.source import parse_json, read
from cnlu.errors import DataError
from cnlu.i18n import _

FORMATS = ("doccano", "label-studio", "bio", "rasa-json", "rasa-markdown", "dialogflow", "luis", "csv")


@dataclass(frozen=True)
class ConvertOptions:
    """The options of the command."""

    path: Path
    _: KW_ONLY
    format: str | None = None
    encoding: str | None = None
    offsets: str | None = None
    text: str | None = None
    """Column (Label Studio: key) of the texts"""
    intent: str | None = None
    """Column of the intents"""


def convert(options: ConvertOptions) -> tuple[str, Result]:
    """(format, converted data). Raises DataError if the file cannot be read or its format is unknown."""
    result = Result(options.offsets)
    path = options.path
    if path.is_dir() or _is_zip(path):
        return _read_folder(options, result), result
    text = read(path, options.encoding)
    name = options.format or detect_format(str(path), text)
    readers: dict[str, Callable[[str, str, Result], None]] = {
        "doccano": doccano.read_doccano,
        "label-studio": lambda place, text, into: label_studio.read_label_studio(place, text, into, options.text),
        "bio": columns.read_columns,
        "rasa-json": rasa_json.read_rasa_json,
        "rasa-markdown": rasa_markdown.read_rasa_markdown,
        "dialogflow": dialogflow.read_usersays,
        "luis": luis.read_luis,
        "csv": lambda place, text, into: tables.read_table(place, text, into, (options.text, options.intent)),
    }
    readers[name](str(path), text, result)
    return name, result


def detect_format(place: str, text: str) -> str:
    """The format of a text; raises DataError if it is unknown."""
    name = _detect_json(place, text) if text.lstrip()[:1] in ("{", "[") else None
    if name is None:
        kinds = (("rasa-markdown", rasa_markdown), ("csv", tables), ("bio", columns))
        name = next((name for name, kind in kinds if kind.matches(text)), None)
    if name is None:
        fix = _("name it with --from {formats}", formats="|".join(FORMATS))
        raise DataError(place, _("the format cannot be detected from the content"), fix)
    return name


def _detect_json(place: str, text: str) -> str | None:
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
        if part is first and _is_own_format(content):
            problem = _("the file already has the JSON lines format of cnlu")
            raise DataError(place, problem, _("use it with cnlu train and cnlu check without conversion"))
        return next((name for name, kind in kinds if kind.matches(content)), None)
    return None


def _is_own_format(record: object) -> bool:
    return (
        isinstance(record, dict)
        and "text" in record
        and (
            (isinstance(record.get("intent"), str) and "label" not in record and "labels" not in record)
            or any(isinstance(entity, dict) and "entity" in entity for entity in record.get("entities") or [])
        )
    )


def _is_zip(path: Path) -> bool:
    return path.is_file() and zipfile.is_zipfile(path)


def _read_folder(options: ConvertOptions, result: Result) -> str:
    if dialogflow.is_agent(options.path):
        dialogflow.read_agent(options.path, result, options.encoding)
        return "dialogflow"
    if options.path.is_dir() and columns.is_folder(options.path):
        columns.read_folder(options.path, result, options.encoding)
        return "bio"
    problem = _("this is neither a Dialogflow agent nor a folder with seq.in, seq.out and label")
    raise DataError(options.path, problem, _("name a file"))
