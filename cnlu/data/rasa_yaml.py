"""Reads Rasa NLU YAML 3.1: examples, synonyms, regexes and lookup tables, each with its file and line.

What Rasa skips with a warning is skipped with a note; everything else is read as Rasa reads it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnlu.data.example_blocks import STRIPPED, block_items
from cnlu.data.limits import check_span_length, check_text_length
from cnlu.data.lookup_files import OWN_FOLDER, AllowedFolders, find_table, is_table, read_table, report_file_entries
from cnlu.data.markup import parse_markup
from cnlu.data.mistyped_markup import find_mistyped_markup
from cnlu.data.schema import Entry, Example, NluData
from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text
from cnlu.io.yaml_nodes import Document, Node, mapping, parse_yaml, plain_value, scalar

_SECTIONS = ("intent", "synonym", "regex", "lookup")
_LINE_BREAKS = re.compile("[\x85\u2028\u2029]")


def read_yaml(path: str | Path, into: NluData | None = None, allowed: AllowedFolders = OWN_FOLDER) -> NluData:
    """Add the NLU sections of a YAML file to `into` (a fresh NluData by default) and return it.

    A file without an `nlu:` section is ignored with a note. An intent's metadata applies to each of its examples;
    an example's own keys win. The files of lookup tables must be in the `allowed` folders. Raises DataError
    with `file:line`.
    """
    return read_yaml_text(read_text(Path(path)), path, into, allowed)


def read_yaml_text(
    text: str, path: str | Path, into: NluData | None = None, allowed: AllowedFolders = OWN_FOLDER
) -> NluData:
    """As `read_yaml`, for the text of a file that is, or would be, at `path`."""
    data = NluData() if into is None else into
    _read_text(text, str(path), data, allowed)
    data.lookups = {name: list(dict.fromkeys(entries)) for name, entries in data.lookups.items()}
    return data


def _read_text(text: str, place: str, data: NluData, allowed: AllowedFolders) -> None:
    text = _ascii_escapes(text)
    if not text.strip():
        raise DataError(place, _("the file is empty"), _("write an `nlu:` section with examples into it"))
    document = parse_yaml(text, place)
    sections = _nlu_sections(document, text, place)
    if document.root is None or sections is None:
        data.note(place, _("the file is ignored because it has no `nlu:` section"))
        return
    _note_other_sections(document.root, place, data)
    nlu = sections["nlu"]
    if nlu.kind == "scalar" and nlu.text in ("", "null", "~"):
        data.skip(f"{place}:{nlu.line}", _("the `nlu:` section is empty"), _("add examples, or remove it"))
        return
    if nlu.kind != "sequence":
        raise DataError(
            f"{place}:{nlu.line}", _("`nlu:` must hold a list"), _("begin each section with `- intent: name`")
        )
    lines = re.split("\r\n|\r|\n", text)
    for item in nlu.items:
        _read_section(item, place, lines, data, allowed)


def _ascii_escapes(text: str) -> str:
    # Rasa decodes \uXXXX before parsing if and only if the whole file is ASCII.
    if not text.isascii() or "\\" not in text:
        return text
    try:
        decoded = text.encode("ascii").decode("raw_unicode_escape")
        return decoded.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        return text


def _nlu_sections(document: Document, text: str, place: str) -> dict[str, Node] | None:
    """The top-level sections, or None if the file has no NLU data; such a file is not validated."""
    root = document.root
    if root is None or root.kind != "mapping" or not any(key.text == "nlu" for key, _ in root.pairs):
        return None
    for line, tag in document.tags:
        problem = _("the YAML tag `{tag}` asks for an object, which is not supported", tag=tag)
        raise DataError(f"{place}:{line}", problem, _("remove the tag"))
    if match := _LINE_BREAKS.search(text):
        line = text.count("\n", 0, match.start()) + 1
        problem = _("YAML reads the character {character} as a line break", character=f"U+{ord(match[0]):04X}")
        raise DataError(f"{place}:{line}", problem, _("remove it, or keep this example in a JSONL file"))
    return mapping(root, place, _("the file"))


def _note_other_sections(root: Node, place: str, data: NluData) -> None:
    for key, node in root.pairs:
        if key.text == "version":
            if not (node.kind == "scalar" and re.fullmatch(r"3(\.\d+)*", node.text)):
                message = _("the version is {version}; the file is read as version 3.1", version=shown(node.text))
                data.note(f"{place}:{key.line}", message)
        elif key.text != "nlu":
            data.note(f"{place}:{key.line}", _("the section `{name}` is ignored", name=key.text))


def _read_section(node: Node, place: str, lines: list[str], data: NluData, allowed: AllowedFolders) -> None:
    item = mapping(node, place, _("an item of `nlu:`"))
    kind = next((key for key in _SECTIONS if key in item), None)
    if kind is None:
        problem = _("an item of `nlu:` has none of the keys {keys} and is ignored", keys=", ".join(_SECTIONS))
        fix = _("write `- intent: name`, `examples: |` and one line for each example")
        data.skip(f"{place}:{node.line}", problem, fix)
        return
    name = scalar(item[kind], place, _("the name after `{key}:`", key=kind))
    if not name.strip():
        problem = _("the section `{kind}:` has no name", kind=kind)
        raise DataError(f"{place}:{item[kind].line}", problem, _("write one after `{kind}:`", kind=kind))
    _report_unknown_keys(node, kind, name, place, data)
    examples = item.get("examples")
    if examples is None or (examples.kind == "scalar" and not examples.text.strip()):
        problem = _("the section {section} has no examples", section=_section_name(kind, name))
        data.skip(f"{place}:{node.line}", problem, _fix_for_empty(kind, name))
        return
    if kind == "intent":
        data.entries.append(Entry(kind, name.strip(), "", f"{place}:{item[kind].line}"))
        metadata = plain_value(item["metadata"], place) if "metadata" in item else None
        _read_intent(name.strip(), metadata, examples, place=place, lines=lines, data=data)
        return
    entries = list(block_items(_as_block(examples, kind), _section_name(kind, name), place, lines, data))
    if kind == "lookup" and len(entries) == 1 and is_table(entries[0][1]):
        table = find_table(entries[0][1], name, f"{place}:{examples.line}", Path(place), allowed)
        _add_table(table, name, data)
        return
    for at, entry in entries:
        _add_entry(kind, name, entry, f"{place}:{at}", data)
    if kind == "lookup":
        report_file_entries(entries, name, place, Path(place), data)


def _section_name(kind: str, name: str) -> str:
    return f"{kind} {shown(name)}"


def _report_unknown_keys(node: Node, kind: str, name: str, place: str, data: NluData) -> None:
    known_keys = ("examples", "metadata", kind) if kind == "intent" else ("examples", kind)
    for key, _value in node.pairs:
        if key.text not in known_keys:
            problem = _("the key `{key}` of {section} is ignored", key=key.text, section=_section_name(kind, name))
            fix = _("use one of the keys {keys}, or remove it", keys=", ".join(sorted(known_keys)))
            data.skip(f"{place}:{key.line}", problem, fix, "unknown-key")


def _fix_for_empty(kind: str, name: str) -> str:
    if kind == "lookup" and is_table(name):
        return _(
            "give the table a name and then its file: `- lookup: {name}`, `examples: {file}`",
            name=Path(name).stem,
            file=name,
        )
    return _("add examples, or remove it")


def _as_block(examples: Node, kind: str) -> Node:
    """The node, with `- ` added before the name of a table's file, where it is optional."""
    if kind == "lookup" and examples.kind == "scalar" and is_table(examples.text.strip()):
        return replace(examples, text="- " + examples.text.strip().removeprefix("-"))
    return examples


def _add_table(table: Path, name: str, data: NluData) -> None:
    """Add every cell as an entry; the cells after the first are its synonyms, for entities of the table's name."""
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
        surface, entity = _typed_surface(entry) if data.synonyms_by_type else (entry, None)
        data.entries.append(Entry(kind, name, surface, source, entity))
        data.add_synonym(surface, name, source, entity)
        return
    data.entries.append(Entry(kind, name, entry, source))
    (data.regexes if kind == "regex" else data.lookups).setdefault(name, []).append(entry)


def _typed_surface(entry: str) -> tuple[str, str | None]:
    """Surface and entity type of a synonym written `[大](size)`, which applies to sizes only."""
    try:
        text, entities = parse_markup(entry, "")
    except DataError:
        return entry, None
    typed = len(entities) == 1 and entities[0].end - entities[0].start == len(text) and entities[0].value == text
    return (text, entities[0].entity) if typed else (entry, None)


def _read_intent(intent: str, metadata: Any, examples: Node, *, place: str, lines: list[str], data: NluData) -> None:
    if examples.kind == "sequence":
        written = [_list_item(item, metadata, place, data) for item in examples.items]
    else:
        block = block_items(examples, _section_name("intent", intent), place, lines, data)
        written = [(at, line, metadata) for at, line in block]
    for at, line, own_metadata in written:
        _read_example(line, intent, own_metadata, f"{place}:{at}", data)


def _read_example(line: str, intent: str, metadata: Any, source: str, data: NluData) -> None:
    try:
        text, entities = parse_markup(line, source, data)
        check_text_length(text, source)
        check_span_length(entities, source)
    except DataError as error:
        data.add_invalid(source, line, error)
        return
    data.mistyped_markup += find_mistyped_markup(line, source)
    if not text:
        problem = _("an example of intent {intent} is empty and is skipped", intent=shown(intent))
        data.skip(source, problem, _("write a sentence, or remove the line"))
        return
    if text != line and not entities:
        problem = _("brackets are read as an annotation without an entity, as in Rasa")
        data.skip(source, problem, _("annotate an entity, or move the example to JSONL if the brackets are text"))
    data.examples.append(Example(text, intent, tuple(entities), metadata=metadata, source=source))
    for entity in entities:
        surface = text[entity.start : entity.end]
        if surface != entity.value:
            data.add_synonym(surface, entity.value, source, entity.entity)


def _list_item(item: Node, intent_metadata: Any, place: str, data: NluData) -> tuple[int, str, Any]:
    """Line number, annotated text and metadata of an example written as `- text: ...`."""
    if item.kind == "scalar":
        problem = _("an example in a list must be `- text: ...`")
        raise DataError(f"{place}:{item.line}", problem, _("add `text:`, or write a block, `examples: |`"))
    fields = mapping(item, place, _("an example"))
    if "text" not in fields:
        raise DataError(f"{place}:{item.line}", _("the example has no `text`"), _("add `text: ...`"))
    node = fields["text"]
    line = node.line + 1 if node.style in ("|", ">") else node.line
    text = scalar(node, place, "`text`").strip(STRIPPED)
    for key in fields:
        if key not in ("text", "metadata"):
            problem = _("has the unknown key {key}, which is ignored", key=shown(key))
            fix = _("move it below metadata, or remove it: the keys of an example are text and metadata")
            data.add_issue("unknown-key", f"{place}:{item.line}", text, problem, fix)
    if "metadata" not in fields:
        return line, text, intent_metadata
    example_metadata = plain_value(fields["metadata"], place)
    if isinstance(example_metadata, dict) and isinstance(intent_metadata, dict):
        example_metadata = {**intent_metadata, **example_metadata}
    return line, text, intent_metadata if example_metadata is None else example_metadata
