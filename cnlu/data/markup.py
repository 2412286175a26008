"""Reads and writes one example line in Rasa's annotation: `去[北京](city)`.

Four forms follow a bracketed surface: `(type)`, `(type:value)`, a JSON object with "entity", "role", "group"
and "value", and a list `[{...}, {...}]` of such objects for several annotations of one span. The notation has
no escapes, so a text that looks like an annotation cannot be written and raises an error.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from cnlu.data.schema import Entity, NluData
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown

_CLOSING = {"(": ")", "{": "}", "[": "]"}
_FIELDS = re.compile(r"\{([^}]+)\}")
_SHORT_TYPE = re.compile(r"[^:)\r\n]+")
_SHORT_VALUE = re.compile(r"[^)\r\n]+")
_KEYS = ("entity", "role", "group", "value")


def parse_markup(line: str, place: str, data: NluData | None = None) -> tuple[str, list[Entity]]:
    """The plain text of an annotated line and its entities, offsets in characters of the plain text.

    `place` is `file:line` for messages; unknown keys become issues of `data`. Raises DataError for an annotation
    that is not valid JSON or has no entity type.
    """
    last = {end: line.rfind(end) for end in _CLOSING.values()}  # avoids searching for a bracket that is not there
    context = _AnnotatedLine(line, place, last, data)
    pieces: list[str] = []
    entities: list[Entity] = []
    copied = at = length = 0
    # A surface reaches from the first `[` to the first `]` and may hold more `[`: brackets do not nest.
    while (opening := line.find("[", at)) >= 0 and (closing := line.find("]", opening)) >= 0:
        at = closing + 1
        surface = line[opening + 1 : closing]
        start = length + opening - copied
        if not surface or not (annotation := _annotation(context, at, surface, start)):
            continue
        entities += annotation[0]
        pieces += (line[copied:opening], surface)
        length = start + len(surface)
        copied = at = annotation[1]
    pieces.append(line[copied:])
    return "".join(pieces), entities


class _AnnotatedLine(NamedTuple):
    """A line that is being read."""

    text: str
    place: str
    last: dict[str, int]
    """Last position of each closing bracket"""
    data: NluData | None


def _annotation(line: _AnnotatedLine, at: int, surface: str, start: int) -> tuple[list[Entity], int] | None:
    """The entities of the annotation at `at` and its end, or None if Rasa 3.6 does not read one there."""
    opening = line.text[at : at + 1]
    end = _CLOSING.get(opening)
    if end is None or line.last[end] <= at:
        return None
    closing = line.text.find(end, at + 1)
    inside = line.text[at + 1 : closing]
    if opening == "(":
        kind, colon, value = inside.partition(":")
        if not kind or (colon and not value):
            return None
        return [Entity(start, start + len(surface), kind, value or surface)], closing + 1
    if opening == "{":
        return ([_from_fields(inside, surface, start, line)], closing + 1) if inside else None
    if "\n" in inside:
        return None
    objects = inside[: inside.rfind("}") + 1]
    return [_from_fields(fields, surface, start, line) for fields in _FIELDS.findall(objects)], closing + 1


def _from_fields(written: str, surface: str, start: int, line: _AnnotatedLine) -> Entity:
    fields = _parse_fields(written, surface, line.place)
    names = {"annotation": shown(written), "surface": shown(surface)}
    for key in ("entity", "role", "group"):
        if key in fields and not isinstance(fields[key], str):
            problem = _('"{key}" in the annotation {annotation} of {surface} must be a string', key=key, **names)
            raise DataError(line.place, problem, _("write it in double quotes"))
    if not fields.get("entity"):
        problem = _("the annotation {annotation} of {surface} has no entity type", **names)
        raise DataError(line.place, problem, _('add "entity": "type"'))
    _report_unknown_keys(fields, surface, line)
    value = fields.get("value", surface)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        problem = _('"value" in the annotation {annotation} of {surface} must be a string or a number', **names)
        raise DataError(line.place, problem)
    return Entity(
        start=start,
        end=start + len(surface),
        entity=fields["entity"],
        value=str(value),
        role=fields.get("role") or None,
        group=fields.get("group") or None,
    )


def _parse_fields(written: str, surface: str, place: str) -> dict[str, Any]:
    try:
        fields: dict[str, Any] = json.loads(f"{{{written}}}")
    except (ValueError, RecursionError) as error:
        problem = _(
            "the annotation {annotation} of {surface} is not valid JSON ({reason})",
            annotation=shown(written),
            surface=shown(surface),
            reason=error.msg if isinstance(error, json.JSONDecodeError) else _("not readable"),
        )
        fix = _(
            'write [text]{"entity": "type", "value": "value"}, or, if it is not an annotation, keep this example in a '
            "JSONL file"
        )
        raise DataError(place, problem, fix) from None
    return fields


def _report_unknown_keys(fields: dict[str, Any], surface: str, line: _AnnotatedLine) -> None:
    for key in fields:
        if key not in _KEYS and line.data is not None:
            problem = _(
                "has the unknown key {key} in the annotation of {surface}, which is ignored",
                key=shown(key),
                surface=shown(surface),
            )
            line.data.add_issue("unknown-key", line.place, line.text, problem, fix_for_key(key, _KEYS))


def fix_for_key(key: str, known_keys: Sequence[str]) -> str:
    """The fix for an unknown key, given the known ones."""
    similar = difflib.get_close_matches(key, known_keys, n=1, cutoff=0.75)
    if similar:
        return _("write {key}, or remove it", key=similar[0])
    return _("use one of the keys {keys}, or remove it", keys=", ".join(known_keys))


def emit_markup(text: str, entities: Sequence[Entity], place: str) -> str:
    """The annotated line that reads back as exactly `text` and `entities`.

    Raises DataError, which recommends JSONL, if there is no such line: overlapping spans, a `]` inside a surface, or
    a text that itself looks like an annotation.
    """
    ordered = sorted(entities, key=lambda entity: entity.start)
    pieces: list[str] = []
    written = 0
    for (start, end), group in groupby(ordered, key=lambda entity: (entity.start, entity.end)):
        if start < written or not start < end <= len(text):
            problem = _(
                "the entity at {span} of {text} overlaps another or lies outside the text, which Rasa's YAML cannot "
                "express",
                span=f"{start}-{end}",
                text=shown(text),
            )
            raise DataError(place, problem, _fix_use_jsonl())
        pieces += (text[written:start], f"[{text[start:end]}]", _annotations(list(group), text[start:end]))
        written = end
    pieces.append(text[written:])
    line = "".join(pieces)
    # Without escapes, only reading the line back shows whether its brackets are read as intended.
    if _reads_as(line) != (text, ordered):
        problem = _(
            "{text} would be read differently in Rasa's YAML, which has no escape for brackets", text=shown(text)
        )
        raise DataError(place, problem, _fix_use_jsonl())
    return line


def _fix_use_jsonl() -> str:
    return _("keep this example in a JSONL file")


def _reads_as(line: str) -> tuple[str, list[Entity]] | None:
    try:
        return parse_markup(line, "")
    except DataError:
        return None


def _annotations(entities: list[Entity], surface: str) -> str:
    if len(entities) > 1:
        return "[" + ", ".join(_fields(entity, surface) for entity in entities) + "]"
    entity = entities[0]
    plain = entity.role is None and entity.group is None and _SHORT_TYPE.fullmatch(entity.entity)
    if plain and entity.value == surface:
        return f"({entity.entity})"
    if plain and _SHORT_VALUE.fullmatch(entity.value):
        return f"({entity.entity}:{entity.value})"
    return _fields(entity, surface)


def _fields(entity: Entity, surface: str) -> str:
    fields: dict[str, Any] = {"entity": entity.entity}
    if entity.role is not None:
        fields["role"] = entity.role
    if entity.group is not None:
        fields["group"] = entity.group
    if entity.value != surface:
        fields["value"] = entity.value
    # A closing bracket inside a string would end the annotation early; JSON can spell it as an escape.
    inside = json.dumps(fields, ensure_ascii=False)[1:-1]
    return "{" + inside.replace("}", "\\u007d").replace("]", "\\u005d") + "}"
