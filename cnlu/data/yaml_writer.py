"""Writes Rasa NLU YAML 3.1 that Rasa and this package read back as the same data.

Rasa's notation has no escapes: data that it cannot express raises an error that recommends JSONL.
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
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.io.text_files import write_bytes
from cnlu.io.yaml_nodes import parse_yaml, plain_value

# Rasa decodes \uXXXX in a file that is pure ASCII; the character `·` prevents this.
_HEADER = '# Rasa NLU 3.1 · cnlu\nversion: "3.1"\nnlu:\n'
# A line of a block may hold printable characters and tabs; every line break of YAML or Python would end it.
_UNWRITABLE = re.compile("[^\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_PLAIN_NAME = re.compile(r"[^\W\d][\w/.+]*")
_RESERVED = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


def write_yaml(data: NluData, path: str | Path) -> None:
    """Write `to_yaml(data)` to a file atomically; raises CnluError if the file cannot be written."""
    write_bytes(Path(path), to_yaml(data).encode("utf-8"))


def to_yaml(data: NluData) -> str:
    """Examples (grouped by intent, in order of first appearance), synonyms, regexes and lookups as YAML.

    Synonyms of one type that follow from the examples' annotated values are not repeated; the others are written
    `[surface](type)`. Raises DataError for data that Rasa's YAML cannot express.
    """
    groups: dict[str, list[Example]] = {}
    for number, example in enumerate(data.examples, 1):
        if example.intent is None:
            problem = _("Rasa's YAML has no examples without an intent")
            raise DataError(_place(example, number), problem, _fix_use_jsonl())
        groups.setdefault(example.intent, []).append(example)
    parts = [_HEADER]
    parts += [_intent(intent, examples) for intent, examples in groups.items()]
    for value, surfaces in _synonym_sections(data, groups).items():
        parts.append(_section("synonym", value, surfaces))
    for name, patterns in data.regexes.items():
        parts.append(_section("regex", name, patterns))
    for name, entries in data.lookups.items():
        if len(entries) == 1 and entries[0].lower().endswith(".txt"):
            problem = _("its only entry {entry} would be read as the name of a file", entry=shown(entries[0]))
            raise DataError(f"lookup {shown(name)}", problem, _("add another entry"))
        parts.append(_section("lookup", name, entries))
    if len(parts) == 1:
        raise DataError("", _("there is nothing to write as YAML"), _("give at least one example"))
    return "\n".join(parts)


def _place(example: Example, number: int) -> str:
    return example.source or f"example {number}"


def _fix_use_jsonl() -> str:
    return _("keep these examples in a JSONL file")


def _fix_rename() -> str:
    return _("rename it, or keep these examples in a JSONL file")


def _intent(intent: str, examples: list[Example]) -> str:
    place = _place(examples[0], 1)
    parts = intent.split("/")
    if intent != intent.strip() or len(parts) > 2 or not all(parts):
        problem = _(
            "Rasa cannot read the intent name {name} (it strips spaces and accepts one `/` between two names)",
            name=shown(intent),
        )
        raise DataError(place, problem, _fix_rename())
    head = f"- intent: {_name(intent, place)}\n"
    lines = [_line(example, number) for number, example in enumerate(examples, 1)]
    if all(example.metadata is None for example in examples):
        return head + "  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
    items = [_list_item(line, example) for line, example in zip(lines, examples, strict=True)]
    return head + "  examples:\n" + "".join(items)


def _line(example: Example, number: int) -> str:
    place = _place(example, number)
    line = emit_markup(example.text, example.entities, place)
    _check_line(line, place, shown(example.text))
    return line


def _check_line(line: str, place: str, text: str) -> None:
    if match := _UNWRITABLE.search(line):
        problem = _(
            "{text} has the character {character}, which a line of Rasa's YAML cannot hold",
            text=text,
            character=f"U+{ord(match[0]):04X}",
        )
        raise DataError(place, problem, _fix_use_jsonl())
    if not line or line != line.strip(STRIPPED):
        problem = _("{text} is empty or begins or ends with a space, which Rasa strips", text=text)
        raise DataError(place, problem, _fix_use_jsonl())


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
        problem = _("the metadata of {text} cannot be written as YAML", text=shown(example.text))
        raise DataError(_place(example, 1), problem, _fix_use_jsonl())
    return item + f"    metadata: {written}\n"


def _synonym_sections(data: NluData, groups: dict[str, list[Example]]) -> dict[str, list[str]]:
    """The lines of each synonym section, by value."""
    by_value: dict[str, list[str]] = {}
    for surface, value in data.synonyms.items():
        by_value.setdefault(value, []).append(surface)
    annotated = annotated_synonyms(example for examples in groups.values() for example in examples)
    for kind, synonyms in data.synonyms_of.items():
        for surface, value in synonyms.items():
            if annotated.get((kind, surface)) != value:
                whole = Entity(0, len(surface), kind, surface)
                by_value.setdefault(value, []).append(emit_markup(surface, [whole], f"synonym {shown(value)}"))
    return by_value


def annotated_synonyms(examples: Iterable[Example]) -> dict[tuple[str, str], str]:
    """The synonyms that result from reading the examples in order: (type, surface) -> value."""
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
        raise DataError(place, _("Rasa skips a section without a name or entries"), _("remove it"))
    for line in lines:
        _check_line(line, place, shown(line))
    return f"- {kind}: {_name(name, place)}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)


def _name(name: str, place: str) -> str:
    """A label as YAML: plain if that is unambiguous, otherwise in double quotes."""
    if _PLAIN_NAME.fullmatch(name) and name.lower() not in _RESERVED:
        return name
    written = _quoted(name)
    if match := _UNWRITABLE.search(written):
        problem = _(
            "the name {name} has the character {character}, which YAML cannot hold",
            name=shown(name),
            character=f"U+{ord(match[0]):04X}",
        )
        raise DataError(place, problem, _fix_rename())
    return written


def _quoted(text: Any) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a double-quoted YAML scalar
