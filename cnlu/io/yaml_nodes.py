"""Parses YAML into plain nodes with line numbers; no object is ever constructed from a tag.

Scalars stay as written: an intent called `yes`, `null` or `123` is that string. The tree is built from parser
events, so nesting is bounded and aliases are never followed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import yaml

from cnlu.errors import DataError
from cnlu.i18n import _
from cnlu.io.messages import shown

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 100
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CORE_TAG = re.compile(r"!|tag:yaml\.org,2002:(str|map|seq|int|float|bool|null)")
_INT = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass
class Node:
    """A scalar (`text`), a sequence (`items`), a mapping (`pairs`) or an alias (none of these)."""

    kind: str
    line: int
    """Line of its first character, from 1."""
    _: KW_ONLY
    end_line: int = 0
    text: str = ""
    style: str = ""
    """`|`, `>`, `"`, `'`, or empty for a plain scalar."""
    items: list[Node] = field(default_factory=list)
    pairs: list[tuple[Node, Node]] = field(default_factory=list)


@dataclass
class Document:
    """The one document of a file."""

    root: Node | None
    """None if the file has only comments."""
    tags: list[tuple[int, str]] = field(default_factory=list)
    """Tags that ask for objects, with their lines; the caller refuses them if it uses the file."""


def parse_yaml(text: str, path: str) -> Document:
    """The node tree of `text`; raises DataError (`path:line`) for what YAML does not allow."""
    if match := _FORBIDDEN.search(text):
        line = text.count("\n", 0, match.start()) + 1
        problem = _("YAML does not allow the character {character}", character=f"U+{ord(match[0]):04X}")
        raise DataError(f"{path}:{line}", problem, _("remove it, or keep this example in a JSONL file"))
    try:
        return _build(yaml.parse(text, Loader=_Loader), path)
    except yaml.MarkedYAMLError as error:
        raise _invalid(error, text, path) from None
    except yaml.YAMLError as error:
        raise DataError(path, _("this is not YAML ({reason})", reason=error), _("correct it")) from None


def _invalid(error: yaml.MarkedYAMLError, text: str, path: str) -> DataError:
    """The error for text that is not YAML, at the line with the mistake."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.split("\n")
    written = lines[line - 1] if line <= len(lines) else ""
    blank = written[: len(written) - len(written.lstrip())]
    if "\t" in blank or (mark and written[mark.column : mark.column + 1] == "\t"):
        return DataError(f"{path}:{line}", _("a tab is used where YAML requires spaces"), _("indent with spaces"))
    if line_break := re.search("[\x85\u2028\u2029]", text):
        line = text.count("\n", 0, line_break.start()) + 1
        character = f"U+{ord(line_break[0]):04X}"
        problem = _(
            "YAML takes the character {character} for a line break, which breaks this line", character=character
        )
        fix = _("remove that character, or keep the example in a JSONL file")
        return DataError(f"{path}:{line}", problem, fix)
    problem = _("this is not valid YAML ({reason})", reason=(error.problem or "it does not parse").rstrip("."))
    return DataError(f"{path}:{line}", problem, _("check the indentation, colons and quotes"))


def _build(events: Iterator[Any], path: str) -> Document:
    document = Document(None)
    parents: list[Node] = []
    keys: list[Node | None] = []  # for each open collection, a mapping's key whose value comes next
    for event in events:
        kind = type(event).__name__
        line = event.start_mark.line + 1
        if kind == "DocumentStartEvent" and document.root is not None:
            raise DataError(f"{path}:{line}", _("a second YAML document starts here"), _("put it in a file of its own"))
        if kind in ("SequenceEndEvent", "MappingEndEvent"):
            parents.pop()
            keys.pop()
            continue
        node = _node(kind, event, line, document)
        if node is None:
            continue
        if not parents:
            document.root = node
        elif parents[-1].kind == "sequence":
            parents[-1].items.append(node)
        elif keys[-1] is None:
            keys[-1] = node
        else:
            parents[-1].pairs.append((keys[-1], node))
            keys[-1] = None
        if node.kind in ("sequence", "mapping"):
            parents.append(node)
            keys.append(None)
            if len(parents) > _MAX_DEPTH:
                problem = _("the YAML nests deeper than {count} levels", count=_MAX_DEPTH)
                raise DataError(f"{path}:{line}", problem, _("flatten it"))
    return document


def _node(kind: str, event: Any, line: int, document: Document) -> Node | None:
    tag = getattr(event, "tag", None)
    if tag and not _CORE_TAG.fullmatch(tag):
        document.tags.append((line, tag))
    if kind == "ScalarEvent":
        return Node("scalar", line, end_line=event.end_mark.line + 1, text=event.value, style=event.style or "")
    if kind == "SequenceStartEvent":
        return Node("sequence", line)
    if kind == "MappingStartEvent":
        return Node("mapping", line)
    return Node("alias", line) if kind == "AliasEvent" else None


def mapping(node: Node, path: str, what: str) -> dict[str, Node]:
    """A mapping's values by key; raises DataError for anything else and for a repeated key."""
    if node.kind != "mapping":
        values = {"what": what, "found": _described(node)}
        problem = _("{what} must be a mapping (`key: value` lines), not {found}", **values)
        raise DataError(f"{path}:{node.line}", problem, _("correct it"))
    entries: dict[str, tuple[int, Node]] = {}
    for key, value in node.pairs:
        name = scalar(key, path, _("a key"))
        if name in entries:
            problem = _("the key {key} is already on line {line}", key=shown(name), line=entries[name][0])
            raise DataError(f"{path}:{key.line}", problem, _("merge the two or remove one"))
        entries[name] = (key.line, value)
    return {name: value for name, (_, value) in entries.items()}


def scalar(node: Node, path: str, what: str) -> str:
    """A scalar's text as written; raises DataError for anything else."""
    if node.kind != "scalar":
        problem = _("{what} must be text, not {found}", what=what, found=_described(node))
        raise DataError(f"{path}:{node.line}", problem, _("write it out"))
    return node.text


def _described(node: Node) -> str:
    return {
        "alias": _("an alias (*name), which is not followed"),
        "scalar": shown(node.text),
        "sequence": _("a list"),
        "mapping": _("a mapping"),
    }[node.kind]


def plain_value(node: Node, path: str) -> Any:
    """Free-form data, such as metadata, as dicts, lists, strings, numbers, booleans and None (as in YAML 1.2)."""
    if node.kind == "mapping":
        return {key: plain_value(value, path) for key, value in mapping(node, path, "metadata").items()}
    if node.kind == "sequence":
        return [plain_value(item, path) for item in node.items]
    text = scalar(node, path, "metadata")
    if node.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    number = float(text) if _FLOAT.fullmatch(text) else math.inf
    return number if math.isfinite(number) else text  # JSON cannot hold the number 1e999
