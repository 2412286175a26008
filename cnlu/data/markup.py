"""One example line in Rasa's annotation: `去[北京](city)`, and back.

Four forms follow a bracketed surface: `(type)`, `(type:value)`, a JSON object with "entity", "role", "group"
and "value", and a list `[{...}, {...}]` of such objects for several annotations of one span. The notation has
no escapes, so a text that happens to look like it cannot be written; writing refuses it.
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
from cnlu.io.messages import shown

_CLOSING = {"(": ")", "{": "}", "[": "]"}
_FIELDS = re.compile(r"\{([^}]+)\}")
_SHORT_TYPE = re.compile(r"[^:)\r\n]+")
_SHORT_VALUE = re.compile(r"[^)\r\n]+")
_KEYS = ("entity", "role", "group", "value")
_INSTEAD = "keep this example in a JSONL file"


def parse_markup(line: str, place: str, data: NluData | None = None) -> tuple[str, list[Entity]]:
    """The plain text of an annotated line and its entities, offsets in characters of the plain text.

    `place` is `file:line` for messages; keys that mean nothing become doubts of `data`. Raises DataError for an
    annotation that is not valid JSON or lacks its entity type.
    """
    last = {end: line.rfind(end) for end in _CLOSING.values()}  # so that nothing is looked for where there is none
    known = _Line(line, place, last, data)
    pieces: list[str] = []
    entities: list[Entity] = []
    read = at = length = 0
    # A surface runs from the first `[` to the first `]` and may hold more of the former: nothing nests.
    while (opening := line.find("[", at)) >= 0 and (closing := line.find("]", opening)) >= 0:
        at = closing + 1
        surface = line[opening + 1 : closing]
        start = length + opening - read
        if not surface or not (found := _annotation(known, at, surface, start)):
            continue
        entities += found[0]
        pieces += (line[read:opening], surface)
        length = start + len(surface)
        read = at = found[1]
    pieces.append(line[read:])
    return "".join(pieces), entities


class _Line(NamedTuple):
    """A line that is read."""

    text: str
    place: str
    last: dict[str, int]
    """Where each closing bracket stands for the last time"""
    data: NluData | None


def _annotation(line: _Line, at: int, surface: str, start: int) -> tuple[list[Entity], int] | None:
    """The entities of the annotation at `at` and where it ends, or None where Rasa 3.6 sees none."""
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
    whole = inside[: inside.rfind("}") + 1]
    return [_from_fields(fields, surface, start, line) for fields in _FIELDS.findall(whole)], closing + 1


def _from_fields(written: str, surface: str, start: int, line: _Line) -> Entity:
    place = line.place
    what = f"the annotation {shown(written)} of {shown(surface)}"
    try:
        fields = json.loads(f"{{{written}}}")
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not readable"
        raise DataError(
            f'{place}: {what} is not valid JSON ({reason}); write [text]{{"entity": "type", "value": '
            f'"value"}}, or, if no annotation is meant, {_INSTEAD}.'
        ) from None
    for key in ("entity", "role", "group"):
        if key in fields and not isinstance(fields[key], str):
            raise DataError(f'{place}: "{key}" in {what} must be a string in double quotes.')
    if not fields.get("entity"):
        raise DataError(f'{place}: {what} names no entity type; add "entity": "type".')
    for key in fields:
        if key not in _KEYS and line.data is not None:
            line.data.doubt(
                "unknown-key",
                place,
                line.text,
                f"has the key {shown(key)} in the annotation of {shown(surface)}, which is left alone",
                fix_of_key(key, _KEYS),
            )
    value = fields.get("value", surface)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise DataError(f'{place}: "value" in {what} must be a string or a number.')
    return Entity(
        start,
        start + len(surface),
        fields["entity"],
        str(value),
        fields.get("role") or None,
        fields.get("group") or None,
    )


def fix_of_key(key: str, known: Sequence[str]) -> str:
    """What to do about a key that means nothing, among those that mean something."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    return f"write {near[0]}, or remove it" if near else f"keys are {', '.join(known)}; correct it, or remove it"


def emit_markup(text: str, entities: Sequence[Entity], place: str) -> str:
    """The annotated line that reads back as exactly `text` and `entities`.

    Raises DataError, naming JSONL, when there is no such line: overlapping spans, a `]` inside a surface, or
    a text that itself looks like an annotation.
    """
    ordered = sorted(entities, key=lambda entity: entity.start)
    pieces: list[str] = []
    written = 0
    for (start, end), group in groupby(ordered, key=lambda entity: (entity.start, entity.end)):
        if start < written or not start < end <= len(text):
            raise DataError(
                f"{place}: the entity at {start}-{end} of {shown(text)} overlaps another or "
                f"lies outside the text, which Rasa's YAML cannot express; {_INSTEAD}."
            )
        pieces += (text[written:start], f"[{text[start:end]}]", _annotations(list(group), text[start:end]))
        written = end
    pieces.append(text[written:])
    line = "".join(pieces)
    # There are no escapes, so reading it back is the only complete test of what brackets do to each other.
    if _reads_as(line) != (text, ordered):
        raise DataError(
            f"{place}: {shown(text)} would be read differently in Rasa's YAML, which has no "
            f"escape for brackets; {_INSTEAD}."
        )
    return line


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
