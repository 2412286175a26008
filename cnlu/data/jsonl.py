"""Examples as JSON lines: one object a line, offsets in characters, `end` exclusive.

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

from cnlu.data.limits import refuse_long_text, refuse_wide_spans
from cnlu.data.markup import fix_of_key
from cnlu.data.mistyped_markup import find_lookalikes
from cnlu.data.schema import Entity, Example, NluData
from cnlu.errors import DataError
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text, write_bytes

_KEYS = ("text", "intent", "entities", "metadata")
_ENTITY_KEYS = ("start", "end", "entity", "value", "role", "group")


def read_jsonl(path: str | Path, into: NluData | None = None) -> NluData:
    """Add the examples of a JSON lines file to `into` (a fresh NluData by default) and return it.

    Blank lines are skipped, keys that mean nothing here are noted once, values that differ from their surface
    become synonyms of their type. Raises DataError, one sentence with `file:line`.
    """
    data = NluData() if into is None else into
    text = read_text(Path(path))
    if not text.strip():
        raise DataError(f'{path}: the file is empty; write one JSON object a line, {{"text": ..., "intent": ...}}.')
    unknown = set[tuple[str, str]]()
    # Only "\n" ends a line: JSON strings may hold the other characters that str.splitlines() breaks at.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            record = _parse(line, place)
            example = _example(record, place)
        except DataError as error:
            data.refuse(place, line, error)
            continue
        for what, key in _unknown_keys(record):
            if (what, key) not in unknown:
                unknown.add((what, key))
                fix = fix_of_key(key, _KEYS if what == "an example" else _ENTITY_KEYS)
                data.lose(
                    place, f"the key {shown(key)} of {what} means nothing here and is left alone.", fix, "unknown-key"
                )
        data.lookalikes += find_lookalikes(example.text, place, jsonl=True)
        data.examples.append(example)
        _note_entities(example, data)
    return data


def _unknown_keys(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(what it is a key of, key)"""
    yield from (("an example", key) for key in record if key not in _KEYS)
    for entity in record.get("entities") or ():
        yield from (("an entity", key) for key in entity if key not in _ENTITY_KEYS)


def from_jsonl(text: str, name: str) -> list[Example]:
    """The examples that `to_jsonl` wrote as `text`; `name` is where it comes from. Raises DataError as `read_jsonl`."""
    lines = enumerate(text.split("\n"), 1)
    return [_example(_parse(line, f"{name}:{n}"), f"{name}:{n}") for n, line in lines if line.strip()]


def _parse(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line, object_pairs_hook=_unique, parse_constant=_refuse, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{place}: this line is not valid JSON ({error.msg} at column {error.colno}); "
            f"write one complete JSON object a line."
        ) from None
    except (ValueError, RecursionError) as error:
        reason = "it nests too deeply" if isinstance(error, RecursionError) else str(error)
        raise DataError(f"{place}: this line cannot be read as JSON ({reason}); correct it.") from None
    if not isinstance(record, dict):
        raise DataError(f'{place}: each line must be a JSON object, like {{"text": "你好", "intent": "greet"}}.')
    return record


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise ValueError(f"the number {written[:20]} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f'the key "{twice}" comes twice')
    return record


def _example(record: dict[str, Any], place: str) -> Example:
    if "text" not in record:
        raise DataError(f'{place}: the example has no "text"; add it.')
    text, intent = record["text"], record.get("intent")
    if not isinstance(text, str):
        raise DataError(f'{place}: "text" must be a string.')
    if not text:
        raise DataError(f'{place}: "text" is empty; write a sentence or remove the line.')
    if intent is not None and not isinstance(intent, str):
        raise DataError(f'{place}: "intent" must be a string or null.')
    if intent is not None and not intent.strip():
        raise DataError(f'{place}: "intent" is empty; name one, or write null for an example without an intent.')
    refuse_long_text(text, place)
    written = record.get("entities")
    if written is not None and not isinstance(written, list):
        raise DataError(f'{place}: "entities" must be a list of objects.')
    entities = [_entity(item, text, place) for item in written or []]
    refuse_wide_spans(entities, place)
    entities.sort(key=lambda entity: entity.start)
    return Example(text, intent, tuple(entities), record.get("metadata"), place)


def _entity(item: Any, text: str, place: str) -> Entity:
    if not isinstance(item, dict):
        raise DataError(f'{place}: each of "entities" must be an object with "start", "end" and "entity".')
    start, end = item.get("start"), item.get("end")
    # bool is an int to Python, but `true` is no offset.
    if type(start) is not int or type(end) is not int:
        raise DataError(
            f'{place}: "start" and "end" of an entity must both be there and be whole numbers of characters.'
        )
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"{place}: the span {start}-{end} does not lie inside the text of {len(text)} "
            f"characters; offsets count characters from 0 and the end is exclusive."
        )
    kind = item.get("entity")
    if not isinstance(kind, str) or not kind:
        raise DataError(f'{place}: the entity at {start}-{end} needs its type; add "entity": "type".')
    value = item.get("value", text[start:end])
    for key, given in (("value", value), ("role", item.get("role", "")), ("group", item.get("group", ""))):
        if given is not None and not isinstance(given, str):
            raise DataError(f'{place}: "{key}" of the entity at {start}-{end} must be a string.')
    surface = text[start:end]
    return Entity(
        start, end, kind, surface if value is None else value, item.get("role") or None, item.get("group") or None
    )


def _note_entities(example: Example, data: NluData) -> None:
    reached = 0
    for entity in example.entities:
        surface = example.text[entity.start : entity.end]
        if entity.value != surface:
            data.add_synonym(surface, entity.value, example.source, entity.entity)
        if entity.start < reached:
            data.note(example.source, f"the entity {shown(surface)} overlaps another.")
        reached = max(reached, entity.end)


def write_jsonl(examples: Iterable[Example], path: str | Path) -> None:
    """Write `to_jsonl(examples)` to a file, in one step; raises CnluError when the place cannot be written."""
    write_bytes(Path(path), to_jsonl(examples))


def to_jsonl(examples: Iterable[Example]) -> bytes:
    """The examples as JSON lines, which read back as the same examples.

    Raises DataError for metadata that is not JSON.
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
        raise DataError(
            f"{place}: the metadata cannot be written as JSON ({error}); use strings, numbers, lists and mappings."
        ) from None
    try:
        written = line.encode("utf-8")
    except UnicodeEncodeError:
        # Lone surrogates have no UTF-8, only an escape.
        line = json.dumps(record)
        written = line.encode("ascii")
    again = _example(_parse(line, place), place)
    # Two lone surrogates side by side would come back as one character and move every offset after them.
    if (again.text, again.intent, list(again.entities)) != (
        example.text,
        example.intent,
        sorted(example.entities, key=lambda entity: entity.start),
    ):
        raise DataError(
            f"{place}: the example would read back differently; write characters beyond "
            f"U+FFFF as one character instead of two surrogates, and no empty roles or groups."
        )
    return written + b"\n"


def _fields(entity: Entity) -> dict[str, Any]:
    fields: dict[str, Any] = {"start": entity.start, "end": entity.end}
    fields.update(entity=entity.entity, value=entity.value)
    if entity.role is not None:
        fields["role"] = entity.role
    if entity.group is not None:
        fields["group"] = entity.group
    return fields
