"""Rasa's JSON of before 2.0: `rasa_nlu_data` with examples, synonyms, regexes and lookup tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cnlu.convert.result import Result, Span, Unusable
from cnlu.convert.source import Located, objects, parse_json, read
from cnlu.errors import CnluError
from cnlu.io.messages import shown

_EXAMPLES = ("common_examples", "intent_examples", "entity_examples")


def looks_like(content: object) -> bool:
    """Whether JSON is Rasa's."""
    return isinstance(content, dict) and isinstance(content.get("rasa_nlu_data"), dict)


def read_rasa_json(place: str, text: str, result: Result) -> None:
    """Raises DataError where the whole is no JSON."""
    content = parse_json(text, place)["rasa_nlu_data"]
    for example in (one for key in _EXAMPLES for one in objects(content.get(key))):
        at = f"{place}:{example.line}"
        try:
            spans = [_span(one, example.get("text")) for one in objects(example.get("entities"))]
        except Unusable as why:
            result.lose(at, str(why))
            continue
        result.add(at, example.get("text"), example.get("intent") or None, spans)
    for one in objects(content.get("entity_synonyms")):
        for surface in one.get("synonyms") or []:
            result.synonym(f"{place}:{one.line}", surface, one.get("value"))
    for one in objects(content.get("regex_features")):
        result.entry(f"{place}:{one.line}", result.data.regexes, one.get("name"), one.get("pattern"))
    for one in objects(content.get("lookup_tables")):
        _read_table(place, one, result)


def _span(written: Located, text: Any) -> Span:
    """`value` is what the words stand for. Where it stands one character beside the span, the offsets are wrong."""
    start, end, value = written.get("start", -1), written.get("end", -1), written.get("value")
    if type(start) is int and type(end) is int and isinstance(text, str) and isinstance(value, str) and value:
        beside = [text[start : end + 1], text[start - 1 : end - 1] if start > 0 else ""]
        if text[start:end] != value and value in beside:
            return Span(start, end, str(written.get("entity") or ""), said=value)
    if value is not None and not isinstance(value, str):
        value = str(value)
    return Span(start, end, str(written.get("entity") or ""), value, written.get("role"), written.get("group"))


def _read_table(place: str, table: Located, result: Result) -> None:
    at, elements = f"{place}:{table.line}", table.get("elements")
    for element in elements if isinstance(elements, list) else table_lines(place, at, elements, result):
        result.entry(at, result.data.lookups, table.get("name"), element)


def table_lines(place: str, at: str, named: object, result: Result) -> list[str]:
    """The entries of a file beside the one that names it; it must lie in the same folder or below."""
    folder = Path(place).parent.resolve()
    path = (folder / str(named)).resolve() if isinstance(named, str) and "\0" not in named else None
    if path is None or folder not in path.parents or not path.is_file():
        result.lose(at, f"the lookup table's file {shown(str(named))} is not there, beside the file that names it")
        return []
    try:
        return [line.strip() for line in read(path, None).split("\n") if line.strip()]
    except CnluError as error:
        result.lost.append(str(error))
        return []
