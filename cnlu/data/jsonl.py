"""Reads and writes examples as JSON lines: one object per line, offsets in characters, `end` exclusive.

`{"text": str, "intent": str|null, "entities": [{"start", "end", "entity", "value"?, "role"?, "group"?}],
"metadata"?: any}`. Any text fits, lone surrogates (as \\u escapes) and line breaks included.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from cnlu.data.limits import check_span_length, check_text_length
from cnlu.data.markup import fix_for_key
from cnlu.data.mistyped_markup import find_mistyped_markup
from cnlu.data.schema import Entity, Example, NluData
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text, write_bytes

_KEYS = ("text", "intent", "entities", "metadata")
_ENTITY_KEYS = ("start", "end", "entity", "value", "role", "group")


def read_jsonl(path: str | Path, into: NluData | None = None) -> NluData:
    """Add the examples of a JSON lines file to `into` (a fresh NluData by default) and return it.

    Blank lines are skipped, an unknown key is reported once, values that differ from their surface become synonyms of
    their type. Raises DataError with `file:line`.
    """
    data = NluData() if into is None else into
    text = read_text(Path(path))
    if not text.strip():
        fix = _('write one JSON object per line, {"text": ..., "intent": ...}')
        raise DataError(path, _("the file is empty"), fix)
    unknown = set[tuple[bool, str]]()
    # Split at "\n" only: JSON strings may hold the other characters that str.splitlines() splits at.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            record = _parse(line, place)
            example = _example(record, place)
        except DataError as error:
            data.add_invalid(place, line, error)
            continue
        for of_entity, key in _unknown_keys(record):
            if (of_entity, key) not in unknown:
                unknown.add((of_entity, key))
                _report_unknown_key(key, of_entity, place, data)
        data.mistyped_markup += find_mistyped_markup(example.text, place, jsonl=True)
        data.examples.append(example)
        _note_entities(example, data)
    return data


def _report_unknown_key(key: str, of_entity: bool, place: str, data: NluData) -> None:
    if of_entity:
        problem = _("the key {key} of an entity is unknown and is ignored", key=shown(key))
    else:
        problem = _("the key {key} of an example is unknown and is ignored", key=shown(key))
    data.skip(place, problem, fix_for_key(key, _ENTITY_KEYS if of_entity else _KEYS), "unknown-key")


def _unknown_keys(record: dict[str, Any]) -> Iterator[tuple[bool, str]]:
    """(whether it is a key of an entity, key)"""
    yield from ((False, key) for key in record if key not in _KEYS)
    for entity in record.get("entities") or ():
        yield from ((True, key) for key in entity if key not in _ENTITY_KEYS)


def from_jsonl(text: str, name: str) -> list[Example]:
    """Read examples from a text that `to_jsonl` wrote; `name` is the place in messages, errors as in `read_jsonl`."""
    lines = enumerate(text.split("\n"), 1)
    return [_example(_parse(line, f"{name}:{n}"), f"{name}:{n}") for n, line in lines if line.strip()]


def _parse(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_unique, parse_constant=_reject_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        problem = _("this line is not valid JSON ({reason} at column {column})", reason=error.msg, column=error.colno)
        raise DataError(place, problem, _("write one complete JSON object per line")) from None
    except (ValueError, RecursionError) as error:
        reason = _("it nests too deeply") if isinstance(error, RecursionError) else str(error)
        problem = _("this line cannot be read as JSON ({reason})", reason=reason)
        raise DataError(place, problem, _("correct it")) from None
    if not isinstance(record, dict):
        fix = _('write {"text": "你好", "intent": "greet"}, for example')
        raise DataError(place, _("each line must be a JSON object"), fix)
    return record


def _reject_constant(word: str) -> NoReturn:
    raise ValueError(_("{word} is not valid JSON", word=word))


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(_("the number {number} is too large", number=written[:20]))
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        repeated = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(_('the key "{key}" appears twice', key=repeated))
    return record


def _example(record: dict[str, Any], place: str) -> Example:
    if "text" not in record:
        raise DataError(place, _('the example has no "text"'), _("add it"))
    text, intent = record["text"], record.get("intent")
    if not isinstance(text, str):
        raise DataError(place, _('"text" must be a string'))
    if not text:
        raise DataError(place, _('"text" is empty'), _("write a sentence or remove the line"))
    if intent is not None and not isinstance(intent, str):
        raise DataError(place, _('"intent" must be a string or null'))
    if intent is not None and not intent.strip():
        raise DataError(place, _('"intent" is empty'), _("name one, or write null for an example without an intent"))
    check_text_length(text, place)
    written = record.get("entities")
    if written is not None and not isinstance(written, list):
        raise DataError(place, _('"entities" must be a list of objects'))
    entities = [_entity(item, text, place) for item in written or []]
    check_span_length(entities, place)
    entities.sort(key=lambda entity: entity.start)
    return Example(text, intent, tuple(entities), metadata=record.get("metadata"), source=place)


def _entity(item: Any, text: str, place: str) -> Entity:
    if not isinstance(item, dict):
        raise DataError(place, _('each of "entities" must be an object with "start", "end" and "entity"'))
    start, end = _span(item, len(text), place)
    span = f"{start}-{end}"
    kind = item.get("entity")
    if not isinstance(kind, str) or not kind:
        raise DataError(place, _("the entity at {span} has no type", span=span), _('add "entity": "type"'))
    value = item.get("value", text[start:end])
    for key, content in (("value", value), ("role", item.get("role", "")), ("group", item.get("group", ""))):
        if content is not None and not isinstance(content, str):
            raise DataError(place, _('"{key}" of the entity at {span} must be a string', key=key, span=span))
    return Entity(
        start=start,
        end=end,
        entity=kind,
        value=text[start:end] if value is None else value,
        role=item.get("role") or None,
        group=item.get("group") or None,
    )


def _span(item: dict[str, Any], length: int, place: str) -> tuple[int, int]:
    start, end = item.get("start"), item.get("end")
    # bool is a subclass of int in Python, but `true` is not an offset.
    if type(start) is not int or type(end) is not int:
        problem = _('an entity must have a "start" and an "end" that are whole numbers')
        raise DataError(place, problem, _("give both offsets in characters"))
    if not 0 <= start < end <= length:
        span = f"{start}-{end}"
        problem = _("the span {span} does not lie inside the text of {length} characters", span=span, length=length)
        raise DataError(place, problem, _("count characters from 0; the end is exclusive"))
    return start, end


def _note_entities(example: Example, data: NluData) -> None:
    covered_until = 0
    for entity in example.entities:
        surface = example.text[entity.start : entity.end]
        if entity.value != surface:
            data.add_synonym(surface, entity.value, example.source, entity.entity)
        if entity.start < covered_until:
            data.note(example.source, _("the entity {surface} overlaps another", surface=shown(surface)))
        covered_until = max(covered_until, entity.end)


def write_jsonl(examples: Iterable[Example], path: str | Path) -> None:
    """Write `to_jsonl(examples)` to a file, in one step; raises CnluError when the place cannot be written."""
    write_bytes(Path(path), to_jsonl(examples))


def to_jsonl(examples: Iterable[Example]) -> bytes:
    """Write the examples as JSON lines that are read back as the same examples.

    Raises DataError for metadata that JSON cannot express.
    """
    return b"".join(_line(example, example.source or f"example {number}") for number, example in enumerate(examples, 1))


def _line(example: Example, place: str) -> bytes:
    record: dict[str, Any] = {
        "text": example.text,
        "intent": example.intent,
        "entities": [_fields(entity) for entity in example.entities],
    }
    if example.metadata is not None:
        record["metadata"] = example.metadata
    try:
        line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        problem = _("the metadata cannot be written as JSON ({reason})", reason=error)
        raise DataError(place, problem, _("use strings, numbers, lists and mappings")) from None
    try:
        written = line.encode("utf-8")
    except UnicodeEncodeError:
        # Lone surrogates have no UTF-8 form, only an escape.
        line = json.dumps(record)
        written = line.encode("ascii")
    reread = _example(_parse(line, place), place)
    # Two adjacent lone surrogates would be read as one character, which moves every offset after them.
    if (reread.text, reread.intent, list(reread.entities)) != (
        example.text,
        example.intent,
        sorted(example.entities, key=lambda entity: entity.start),
    ):
        fix = _("write one character instead of two surrogates beyond U+FFFF, and no empty roles or groups")
        raise DataError(place, _("the example would be read back differently"), fix)
    return written + b"\n"


def _fields(entity: Entity) -> dict[str, Any]:
    fields: dict[str, Any] = {"start": entity.start, "end": entity.end}
    fields.update(entity=entity.entity, value=entity.value)
    if entity.role is not None:
        fields["role"] = entity.role
    if entity.group is not None:
        fields["group"] = entity.group
    return fields
