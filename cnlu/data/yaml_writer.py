"""Writing Rasa NLU YAML 3.1 that Rasa and this package read back as the same data, or refusing to.

Rasa's notation has no escapes: what it cannot express is refused with a sentence that names JSONL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cnlu.data.example_blocks import STRIPPED
from cnlu.data.markup import emit_markup
from cnlu.data.schema import Entity, Example, NluData
from cnlu.errors import DataError
from cnlu.io.messages import shown
from cnlu.io.text_files import write_bytes
from cnlu.io.yaml_nodes import parse_yaml, plain_value

# Rasa decodes \uXXXX throughout a file that is all ASCII; one other character keeps it from that.
_HEADER = '# Rasa NLU 3.1 · cnlu\nversion: "3.1"\nnlu:\n'
# A line of a block keeps printable characters and tabs; every line break YAML or Python knows would end it.
_UNWRITABLE = re.compile("[^\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_PLAIN_NAME = re.compile(r"[^\W\d][\w/.+]*")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}
_FIX = "keep these examples in a JSONL file"


def write_yaml(data: NluData, path: str | Path) -> None:
    """Write `to_yaml(data)` to a file, in one step; raises CnluError when the place cannot be written."""
    write_bytes(Path(path), to_yaml(data).encode("utf-8"))


def to_yaml(data: NluData) -> str:
    """Examples (grouped by intent, in order of first appearance), synonyms, regexes and lookups as YAML.

    Synonyms of one type that the examples' annotated values already say are not repeated; the others are written
    `[surface](type)`. Raises DataError for what Rasa's YAML cannot express.
    """
    groups: dict[str, list[Example]] = {}
    for number, example in enumerate(data.examples, 1):
        if example.intent is None:
            raise DataError(f"{_place(example, number)}: Rasa's YAML has no examples without an intent; {_FIX}.")
        groups.setdefault(example.intent, []).append(example)
    parts = [_HEADER]
    parts += [_intent(intent, examples) for intent, examples in groups.items()]
    for value, surfaces in _synonym_sections(data, groups).items():
        parts.append(_section("synonym", value, surfaces))
    for name, patterns in data.regexes.items():
        parts.append(_section("regex", name, patterns))
    for name, entries in data.lookups.items():
        if len(entries) == 1 and entries[0].lower().endswith(".txt"):
            raise DataError(
                f"lookup {shown(name)}: its only entry {shown(entries[0])} would be read as "
                f"the name of a file; add another entry."
            )
        parts.append(_section("lookup", name, entries))
    if len(parts) == 1:
        raise DataError("there is nothing to write as YAML; give at least one example.")
    return "\n".join(parts)


def _place(example: Example, number: int) -> str:
    return example.source or f"example {number}"


def _intent(intent: str, examples: list[Example]) -> str:
    place = _place(examples[0], 1)
    parts = intent.split("/")
    if intent != intent.strip() or len(parts) > 2 or not all(parts):
        raise DataError(
            f"{place}: Rasa cannot read the intent name {shown(intent)} (it strips spaces "
            f"and takes one `/` between two names); rename it, or {_FIX}."
        )
    head = f"- intent: {_name(intent, place)}\n"
    lines = [_line(example, number) for number, example in enumerate(examples, 1)]
    if all(example.metadata is None for example in examples):
        return head + "  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
    items = [_list_item(line, example) for line, example in zip(lines, examples, strict=True)]
    return head + "  examples:\n" + "".join(items)


def _line(example: Example, number: int) -> str:
    place = _place(example, number)
    line = emit_markup(example.text, example.entities, place)
    _check(line, place, shown(example.text))
    return line


def _check(line: str, place: str, what: str) -> None:
    if found := _UNWRITABLE.search(line):
        raise DataError(
            f"{place}: {what} holds the character U+{ord(found[0]):04X}, which a line of Rasa's YAML cannot; {_FIX}."
        )
    if not line or line != line.strip(STRIPPED):
        raise DataError(f"{place}: {what} is empty or begins or ends with a space, which Rasa strips; {_FIX}.")


def _list_item(line: str, example: Example) -> str:
    item = f"  - text: {_quoted(line)}\n"
    if example.metadata is None:
        return item
    try:
        written = json.dumps(example.metadata, ensure_ascii=False, allow_nan=False)
        root = parse_yaml(written, "").root
        same = root is not None and plain_value(root, "") == example.metadata
    except (TypeError, ValueError, RecursionError, DataError):
        same = False
    if not same or _UNWRITABLE.search(written):
        raise DataError(f"{_place(example, 1)}: the metadata of {shown(example.text)} cannot be kept in YAML; {_FIX}.")
    return item + f"    metadata: {written}\n"


def _synonym_sections(data: NluData, groups: dict[str, list[Example]]) -> dict[str, list[str]]:
    """By value, the lines of its section."""
    by_value: dict[str, list[str]] = {}
    for surface, value in data.synonyms.items():
        by_value.setdefault(value, []).append(surface)
    said = said_synonyms(example for examples in groups.values() for example in examples)
    for kind, synonyms in data.synonyms_of.items():
        for surface, value in synonyms.items():
            if said.get((kind, surface)) != value:
                whole = Entity(0, len(surface), kind, surface)
                by_value.setdefault(value, []).append(emit_markup(surface, [whole], f"synonym {shown(value)}"))
    return by_value


def said_synonyms(examples: Iterable[Example]) -> dict[tuple[str, str], str]:
    """What reading the examples in their order gives: (type, surface) -> value."""
    return {
        (entity.entity, example.text[entity.start : entity.end]): entity.value
        for example in examples
        for entity in example.entities
        if entity.value != example.text[entity.start : entity.end]
    }


def _section(kind: str, name: str, entries: Iterable[str]) -> str:
    place = f"{kind} {shown(name)}"
    lines = list(entries)
    if not lines or not name.strip():
        raise DataError(f"{place}: Rasa skips a {kind} without a name or entries; remove it.")
    for line in lines:
        _check(line, place, f"the entry {shown(line)}")
    return f"- {kind}: {_name(name, place)}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)


def _name(name: str, place: str) -> str:
    """A label as YAML: plain where no reader could take it for anything else, else in double quotes."""
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    written = _quoted(name)
    if found := _UNWRITABLE.search(written):
        raise DataError(
            f"{place}: the name {shown(name)} holds the character U+{ord(found[0]):04X}, "
            f"which YAML cannot; rename it, or {_FIX}."
        )
    return written


def _quoted(text: Any) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a double-quoted YAML scalar
