"""Reading Rasa NLU YAML 3.1: examples, synonyms, regexes and lookup tables, each with its file and line.

What Rasa skips with a warning is skipped here with a note; what it reads, this reads the same way.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnlu.data.example_blocks import STRIPPED, block_items
from cnlu.data.limits import refuse_long_text, refuse_wide_spans
from cnlu.data.lookup_files import BESIDE, Reach, doubt_entries, find_table, is_table, read_table
from cnlu.data.markup import parse_markup
from cnlu.data.mistyped_markup import find_lookalikes
from cnlu.data.schema import Entry, Example, NluData
from cnlu.errors import DataError
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text
from cnlu.io.yaml_nodes import Document, Node, mapping, parse_yaml, plain_value, scalar

_SECTIONS = ("intent", "synonym", "regex", "lookup")
_LINE_BREAKS = re.compile("[\x85\u2028\u2029]")


def read_yaml(path: str | Path, into: NluData | None = None, reach: Reach = BESIDE) -> NluData:
    """Add the NLU sections of a YAML file to `into` (a fresh NluData by default) and return it.

    A file without an `nlu:` section is left alone with a note. An intent's metadata counts for each of its
    examples; an example's own keys win. The files of lookup tables must lie within `reach`. Raises DataError, one
    sentence with `file:line`.
    """
    return read_yaml_text(read_text(Path(path)), path, into, reach)


def read_yaml_text(text: str, path: str | Path, into: NluData | None = None, reach: Reach = BESIDE) -> NluData:
    """The same for the text of a file that is, or would be, at `path`."""
    data = NluData() if into is None else into
    _read_text(text, str(path), data, reach)
    data.lookups = {name: list(dict.fromkeys(entries)) for name, entries in data.lookups.items()}
    return data


def _read_text(text: str, place: str, data: NluData, reach: Reach) -> None:
    text = _ascii_escapes(text)
    if not text.strip():
        raise DataError(f"{place}: the file is empty; write an `nlu:` section with examples into it.")
    document = parse_yaml(text, place)
    sections = _nlu_sections(document, text, place)
    if document.root is None or sections is None:
        data.note(place, "left alone, because it has no `nlu:` section.")
        return
    _note_the_rest(document.root, place, data)
    nlu = sections["nlu"]
    if nlu.kind == "scalar" and nlu.text in ("", "null", "~"):
        data.lose(f"{place}:{nlu.line}", "the `nlu:` section is empty.", "add examples, or remove it")
        return
    if nlu.kind != "sequence":
        raise DataError(f"{place}:{nlu.line}: `nlu:` must hold a list; begin each section with `- intent: name`.")
    lines = re.split("\r\n|\r|\n", text)
    for item in nlu.items:
        _read_section(item, place, lines, data, reach)


def _ascii_escapes(text: str) -> str:
    # Rasa decodes \uXXXX before parsing when, and only when, the whole file is ASCII.
    if not text.isascii() or "\\" not in text:
        return text
    try:
        decoded = text.encode("ascii").decode("raw_unicode_escape")
        return decoded.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return text


def _nlu_sections(document: Document, text: str, place: str) -> dict[str, Node] | None:
    """The top-level sections, or None when the file holds no NLU data and so is nobody's business here."""
    root = document.root
    if root is None or root.kind != "mapping" or not any(key.text == "nlu" for key, _ in root.pairs):
        return None
    for line, tag in document.tags:
        raise DataError(
            f"{place}:{line}: the YAML tag `{tag}` asks for an object, and none is ever built; remove the tag."
        )
    if found := _LINE_BREAKS.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise DataError(
            f"{place}:{line}: YAML takes the character U+{ord(found[0]):04X} for a line "
            f"break; remove it, or keep this example in a JSONL file."
        )
    return mapping(root, place, "the file")


def _note_the_rest(root: Node, place: str, data: NluData) -> None:
    for key, node in root.pairs:
        if key.text == "version":
            if not (node.kind == "scalar" and re.fullmatch(r"3(\.\d+)*", node.text)):
                data.note(f"{place}:{key.line}", f"the version is {shown(node.text)}, read as Rasa's 3.1.")
        elif key.text != "nlu":
            data.note(f"{place}:{key.line}", f"left alone the section `{key.text}`.")


def _read_section(node: Node, place: str, lines: list[str], data: NluData, reach: Reach) -> None:
    item, line = mapping(node, place, "an item of `nlu:`"), node.line
    kind = next((key for key in _SECTIONS if key in item), None)
    if kind is None:
        known = ", ".join(_SECTIONS)
        data.lose(
            f"{place}:{line}",
            f"left alone an item of `nlu:` that is none of {known}.",
            "write `- intent: name`, `examples: |` and a line for each",
        )
        return
    name = scalar(item[kind], place, f"the name after `{kind}:`")
    if not name.strip():
        raise DataError(f"{place}:{item[kind].line}: the {kind} has no name; write one after `{kind}:`.")
    keys = ("examples", "metadata", kind) if kind == "intent" else ("examples", kind)
    for key, _ in node.pairs:
        if key.text not in keys:
            data.lose(
                f"{place}:{key.line}",
                f"left alone `{key.text}` of {kind} {shown(name)}.",
                f"keys of it are {', '.join(sorted(keys))}; correct it, or remove it",
                "unknown-key",
            )
    examples = item.get("examples")
    if examples is None or (examples.kind == "scalar" and not examples.text.strip()):
        data.lose(f"{place}:{line}", f"the {kind} {shown(name)} has no examples.", _fix_of_empty(kind, name))
        return
    if kind == "intent":
        data.entries.append(Entry(kind, name.strip(), "", f"{place}:{item[kind].line}"))
        metadata = plain_value(item["metadata"], place) if "metadata" in item else None
        _read_intent(name.strip(), metadata, examples, place, lines, data)
        return
    entries = list(block_items(_as_block(examples, kind), f"{kind} {shown(name)}", place, lines, data))
    if kind == "lookup" and len(entries) == 1 and is_table(entries[0][1]):
        table = find_table(entries[0][1], name, f"{place}:{examples.line}", Path(place), reach)
        _add_table(table, name, data)
        return
    for at, entry in entries:
        _add_entry(kind, name, entry, f"{place}:{at}", data)
    if kind == "lookup":
        doubt_entries(entries, name, place, Path(place), data)


def _fix_of_empty(kind: str, name: str) -> str:
    if kind == "lookup" and is_table(name):
        return f"name the table, and its file behind it: `- lookup: {Path(name).stem}`, `examples: {name}`"
    return "add examples, or remove it"


def _as_block(examples: Node, kind: str) -> Node:
    """The node, with the `- ` that a table's file may do without."""
    if kind == "lookup" and examples.kind == "scalar" and is_table(examples.text.strip()):
        return replace(examples, text="- " + examples.text.strip().removeprefix("-"))
    return examples


def _add_table(table: Path, name: str, data: NluData) -> None:
    """Every cell is an entry; those behind a row's first are synonyms of it, for entities of the table's name."""
    for number, (value, *synonyms) in read_table(table):
        source = f"{table}:{number}"
        for entry in (value, *synonyms):
            _add_entry("lookup", name, entry, source, data)
        for surface in synonyms:
            if surface != value:
                data.entries.append(Entry("synonym", value, surface, source, name))
                data.add_synonym(surface, value, source, name)


def _add_entry(kind: str, name: str, entry: str, source: str, data: NluData) -> None:
    if kind == "synonym":
        surface, entity = _bound(entry) if data.bind else (entry, None)
        data.entries.append(Entry(kind, name, surface, source, entity))
        data.add_synonym(surface, name, source, entity)
        return
    data.entries.append(Entry(kind, name, entry, source))
    (data.regexes if kind == "regex" else data.lookups).setdefault(name, []).append(entry)


def _bound(entry: str) -> tuple[str, str | None]:
    """Surface and type of a synonym written `[大](size)`: it counts for sizes alone."""
    try:
        text, entities = parse_markup(entry, "")
    except DataError:
        return entry, None
    bound = len(entities) == 1 and entities[0].end - entities[0].start == len(text) and entities[0].value == text
    return (text, entities[0].entity) if bound else (entry, None)


def _read_intent(intent: str, metadata: Any, examples: Node, place: str, lines: list[str], data: NluData) -> None:
    if examples.kind == "sequence":
        written = [_list_item(item, metadata, place, data) for item in examples.items]
    else:
        block = block_items(examples, f"intent {shown(intent)}", place, lines, data)
        written = [(at, line, metadata) for at, line in block]
    for at, line, own in written:
        source = f"{place}:{at}"
        try:
            text, entities = parse_markup(line, source, data)
            refuse_long_text(text, source)
            refuse_wide_spans(entities, source)
        except DataError as error:
            data.refuse(source, line, error)
            continue
        data.lookalikes += find_lookalikes(line, source)
        if not text:
            data.lose(
                source, f"left out an empty example of intent {shown(intent)}.", "write a sentence, or remove the line"
            )
            continue
        if text != line and not entities:
            said = "brackets were read as an annotation without an entity, as Rasa reads them."
            data.lose(source, said, "annotate an entity, or move the example to JSONL if the brackets are text")
        data.examples.append(Example(text, intent, tuple(entities), own, source))
        for entity in entities:
            surface = text[entity.start : entity.end]
            if surface != entity.value:
                data.add_synonym(surface, entity.value, source, entity.entity)


def _list_item(item: Node, intent_metadata: Any, place: str, data: NluData) -> tuple[int, str, Any]:
    """Line, annotated text and metadata of an example written as `- text: ...`."""
    if item.kind == "scalar":
        raise DataError(
            f"{place}:{item.line}: an example of a list must be `- text: ...`; or write the "
            f"examples as a block, `examples: |`."
        )
    fields = mapping(item, place, "an example")
    if "text" not in fields:
        raise DataError(f"{place}:{item.line}: the example has no `text`; add `text: ...`.")
    node = fields["text"]
    line = node.line + 1 if node.style in ("|", ">") else node.line
    text = scalar(node, place, "`text`").strip(STRIPPED)
    for key in fields:
        if key not in ("text", "metadata"):
            data.doubt(
                "unknown-key",
                f"{place}:{item.line}",
                text,
                f"has the key {shown(key)}, which is left alone",
                "keys of an example are text and metadata: move it below metadata, or remove it",
            )
    if "metadata" not in fields:
        return line, text, intent_metadata
    own = plain_value(fields["metadata"], place)
    if isinstance(own, dict) and isinstance(intent_metadata, dict):
        own = {**intent_metadata, **own}
    return line, text, intent_metadata if own is None else own
