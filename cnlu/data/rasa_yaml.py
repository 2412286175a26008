"""Reading Rasa NLU YAML 3.1: examples, synonyms, regexes and lookup tables, each with its file and line.

What Rasa skips with a warning is skipped here with a note; what it reads, this reads the same way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cnlu.data.files import read_text
from cnlu.data.markup import parse_markup
from cnlu.data.schema import Entry, Example, NluData
from cnlu.data.wording import shown
from cnlu.data.yaml_nodes import Document, Node, mapping, parse_yaml, plain_value, scalar
from cnlu.errors import DataError

STRIPPED = "\n\r "
"""What Rasa strips from an example: full-width spaces and tabs stay."""
_SECTIONS = ("intent", "synonym", "regex", "lookup")
_LINE_BREAKS = re.compile("[\x85\u2028\u2029]")


def read_yaml(path: str | Path, into: NluData | None = None) -> NluData:
    """Add the NLU sections of a YAML file to `into` (a fresh NluData by default) and return it.

    A file without an `nlu:` section is left alone with a note. An intent's metadata counts for each of its
    examples; an example's own keys win. Raises DataError, one sentence with `file:line`.
    """
    data = NluData() if into is None else into
    place = str(path)
    text = _ascii_escapes(read_text(Path(path)))
    if not text.strip():
        raise DataError(f"{place}: the file is empty; write an `nlu:` section with examples into it.")
    document = parse_yaml(text, place)
    sections = _nlu_sections(document, text, place)
    if document.root is None or sections is None:
        data.note(place, "left alone, because it has no `nlu:` section.")
        return data
    _note_the_rest(document.root, place, data)
    nlu = sections["nlu"]
    if nlu.kind == "scalar" and nlu.text in ("", "null", "~"):
        data.note(f"{place}:{nlu.line}", "the `nlu:` section is empty.", doubtful=True)
        return data
    if nlu.kind != "sequence":
        raise DataError(f"{place}:{nlu.line}: `nlu:` must hold a list; begin each section with `- "
                        f"intent: name`.")
    lines = re.split("\r\n|\r|\n", text)
    for item in nlu.items:
        _read_section(item, place, lines, data)
    return data


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
        raise DataError(f"{place}:{line}: the YAML tag `{tag}` asks for an object, and none is ever "
                        f"built; remove the tag.")
    if found := _LINE_BREAKS.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise DataError(f"{place}:{line}: YAML takes the character U+{ord(found[0]):04X} for a line "
                        f"break; remove it, or keep this example in a JSONL file.")
    return mapping(root, place, "the file")


def _note_the_rest(root: Node, place: str, data: NluData) -> None:
    for key, node in root.pairs:
        if key.text == "version":
            if not (node.kind == "scalar" and re.fullmatch(r"3(\.\d+)*", node.text)):
                data.note(f"{place}:{key.line}", f"the version is {shown(node.text)}, read as Rasa's 3.1.")
        elif key.text != "nlu":
            data.note(f"{place}:{key.line}", f"left alone the section `{key.text}`.")


def _read_section(node: Node, place: str, lines: list[str], data: NluData) -> None:
    item, line = mapping(node, place, "an item of `nlu:`"), node.line
    kind = next((key for key in _SECTIONS if key in item), None)
    if kind is None:
        known = ", ".join(_SECTIONS)
        data.note(f"{place}:{line}", f"left alone an item of `nlu:` that is none of {known}.", doubtful=True)
        return
    name = scalar(item[kind], place, f"the name after `{kind}:`")
    if not name.strip():
        raise DataError(f"{place}:{item[kind].line}: the {kind} has no name; write one after `{kind}:`.")
    keys = ("examples", "metadata", kind) if kind == "intent" else ("examples", kind)
    for key, _ in node.pairs:
        if key.text not in keys:
            data.note(f"{place}:{key.line}", f"left alone `{key.text}` of {kind} {shown(name)}.", doubtful=True)
    examples = item.get("examples")
    if examples is None or (examples.kind == "scalar" and not examples.text.strip()):
        data.note(f"{place}:{line}", f"the {kind} {shown(name)} has no examples.", doubtful=True)
        return
    if kind == "intent":
        data.entries.append(Entry(kind, name.strip(), "", f"{place}:{item[kind].line}"))
        metadata = plain_value(item["metadata"], place) if "metadata" in item else None
        _read_intent(name.strip(), metadata, examples, place, lines, data)
        return
    if examples.kind == "scalar" and kind == "lookup" and (table := _lookup_file(name, examples, place)):
        entries: Iterator[tuple[int, str]] = iter(_file_entries(table))
        place = str(table)
    else:
        entries = _block_items(examples, f"{kind} {shown(name)}", place, lines, data)
    for at, entry in entries:
        data.entries.append(Entry(kind, name, entry, f"{place}:{at}"))
        if kind == "synonym":
            add_synonym(data, entry, name, f"{place}:{at}")
        elif kind == "regex":
            data.regexes.setdefault(name, []).append(entry)
        else:
            data.lookups.setdefault(name, []).append(entry)
    if name in data.lookups:
        data.lookups[name] = list(dict.fromkeys(data.lookups[name]))


def add_synonym(data: NluData, surface: str, value: str, place: str) -> None:
    """Map `surface` to `value`; the last mapping wins, and a contradiction is noted."""
    earlier = data.synonyms.get(surface)
    if earlier is not None and earlier != value:
        data.note(place, f"the synonym {shown(surface)} stood for {shown(earlier)} and now stands for {shown(value)}.")
    data.synonyms[surface] = value


def _read_intent(
    intent: str, metadata: Any, examples: Node, place: str, lines: list[str], data: NluData
) -> None:
    if examples.kind == "sequence":
        written = [_list_item(item, metadata, place) for item in examples.items]
    else:
        block = _block_items(examples, f"intent {shown(intent)}", place, lines, data)
        written = [(at, line, metadata) for at, line in block]
    for at, line, own in written:
        source = f"{place}:{at}"
        try:
            text, entities = parse_markup(line, source)
        except DataError as error:
            data.refuse(source, line, error)
            continue
        if not text:
            data.note(source, f"left out an empty example of intent {shown(intent)}.", doubtful=True)
            continue
        if text != line and not entities:
            said = "brackets were read as an annotation without an entity, as Rasa reads them."
            data.note(source, said, doubtful=True)
        data.examples.append(Example(text, intent, tuple(entities), own, source))
        for entity in entities:
            surface = text[entity.start : entity.end]
            if surface != entity.value:
                add_synonym(data, surface, entity.value, source)


def _list_item(item: Node, intent_metadata: Any, place: str) -> tuple[int, str, Any]:
    """Line, annotated text and metadata of an example written as `- text: ...`."""
    if item.kind == "scalar":
        raise DataError(f"{place}:{item.line}: an example of a list must be `- text: ...`; or write the "
                        f"examples as a block, `examples: |`.")
    fields = mapping(item, place, "an example")
    if "text" not in fields:
        raise DataError(f"{place}:{item.line}: the example has no `text`; add `text: ...`.")
    node = fields["text"]
    line = node.line + 1 if node.style in ("|", ">") else node.line
    text = scalar(node, place, "`text`").strip(STRIPPED)
    if "metadata" not in fields:
        return line, text, intent_metadata
    own = plain_value(fields["metadata"], place)
    if isinstance(own, dict) and isinstance(intent_metadata, dict):
        own = {**intent_metadata, **own}
    return line, text, intent_metadata if own is None else own


def _block_items(
    examples: Node, what: str, place: str, lines: list[str], data: NluData
) -> Iterator[tuple[int, str]]:
    """Line and text of every `- ...` line of a block."""
    if examples.kind != "scalar":
        raise DataError(f"{place}:{examples.line}: the examples of {what} must be a block of text; write "
                        f"`examples: |` and a line `- ...` for each.")
    at = examples.line - 1
    for offset, line in enumerate(examples.text.splitlines()):
        # Only a literal block keeps one line a line; in the other styles the line is looked for.
        at = examples.line + offset if examples.style == "|" else _seek(line, at, examples, lines)
        if line.startswith("-"):
            yield at + 1, line[1:].strip(STRIPPED)
        elif line.strip():
            data.note(f"{place}:{at + 1}", f"left out a line of {what} that does not begin with `-`.", doubtful=True)


def _seek(item: str, start: int, node: Node, lines: list[str]) -> int:
    """Index of the source line from `start` on where `item` of a folded or quoted scalar begins."""
    head = item.strip()[:8]
    for index in range(start, min(node.end_line, len(lines))):
        if head and head in lines[index]:
            return index
    return start


def _lookup_file(name: str, examples: Node, place: str) -> Path | None:
    """The file a lookup table names instead of entries: `examples: cities.txt` or a single `- cities.txt`."""
    written = [line.strip() for line in examples.text.splitlines() if line.strip()]
    if len(written) != 1 or not written[0].lower().endswith(".txt"):
        return None
    named = written[0].lstrip("-").strip()
    # Beside the YAML file, or from the working directory, where Rasa looks.
    for candidate in (Path(place).parent / named, Path(named)):
        if candidate.is_file():
            return candidate
    raise DataError(f"{place}:{examples.line}: the lookup table {shown(name)} names the file {named}, "
                    f"which is not there; put it beside the YAML file or write the entries inline.")


def _file_entries(table: Path) -> list[tuple[int, str]]:
    lines = [line.strip() for line in read_text(table).split("\n")]
    return [(number, line) for number, line in enumerate(lines, 1) if line]
