"""Reads the JSON format of Rasa before 2.0: `rasa_nlu_data` with examples, synonyms, regexes and lookup tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnlu.convert.result import NotConvertibleError, Result, Span
from cnlu.convert.source import Located, objects, parse_json, read
from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu.io.messages import shown

_EXAMPLES = ("common_examples", "intent_examples", "entity_examples")


def matches(content: object) -> bool:
    """Whether the JSON is in Rasa's format."""
    return isinstance(content, dict) and isinstance(content.get("rasa_nlu_data"), dict)


def read_rasa_json(place: str, text: str, result: Result) -> None:
    """Read a file; raises DataError if it is not valid JSON."""
    content = parse_json(text, place)["rasa_nlu_data"]
    for example in (example for key in _EXAMPLES for example in objects(content.get(key))):
        at = f"{place}:{example.line}"
        try:
            spans = [_span(entity, example.get("text")) for entity in objects(example.get("entities"))]
        except NotConvertibleError as error:
            result.skip(at, str(error))
            continue
        result.add(at, example.get("text"), example.get("intent") or None, spans)
    for synonym in objects(content.get("entity_synonyms")):
        for surface in synonym.get("synonyms") or []:
            result.add_synonym(f"{place}:{synonym.line}", surface, synonym.get("value"))
    for regex in objects(content.get("regex_features")):
        result.add_entry(f"{place}:{regex.line}", result.data.regexes, regex.get("name"), regex.get("pattern"))
    for table in objects(content.get("lookup_tables")):
        _read_table(place, table, result)


def _span(written: Located, text: Any) -> Span:
    """The span, with its canonical `value`.

    If the value matches only with an inclusive end or with offsets from 1, the offsets are wrong; the value is then the
    surface that the file gives.
    """
    start, end, value = written.get("start", -1), written.get("end", -1), written.get("value")
    if type(start) is int and type(end) is int and isinstance(text, str) and isinstance(value, str) and value:
        shifted_texts = [text[start : end + 1], text[start - 1 : end - 1] if start > 0 else ""]
        if text[start:end] != value and value in shifted_texts:
            return Span(start, end, str(written.get("entity") or ""), surface=value)
    if value is not None and not isinstance(value, str):
        value = str(value)
    kind = str(written.get("entity") or "")
    return Span(start, end, kind, value, role=written.get("role"), group=written.get("group"))


def _read_table(place: str, table: Located, result: Result) -> None:
    at, elements = f"{place}:{table.line}", table.get("elements")
    for element in elements if isinstance(elements, list) else table_lines(place, at, elements, result):
        result.add_entry(at, result.data.lookups, table.get("name"), element)


def table_lines(place: str, at: str, file_name: object, result: Result) -> list[str]:
    """The entries of the lookup file that the file `place` names; it must be in the folder of `place` or below."""
    folder = Path(place).parent.resolve()
    path = (folder / str(file_name)).resolve() if isinstance(file_name, str) and "\0" not in file_name else None
    if path is None or folder not in path.parents or not path.is_file():
        problem = _(
            "the file {file} of the lookup table is not in the folder of the file that names it",
            file=shown(str(file_name)),
        )
        result.skip(at, problem)
        return []
    try:
        return [line.strip() for line in read(path, None).split("\n") if line.strip()]
    except CnluError as error:
        result.skipped.append(str(error))
        return []
