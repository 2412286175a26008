"""Rasa's Markdown of before 2.0: `## intent:name` and lines of examples in the markup that YAML still has."""

from __future__ import annotations

import re

from cnlu.convert.rasa_json import table_lines
from cnlu.convert.result import Result, Span
from cnlu.data.markup import parse_markup
from cnlu.errors import DataError

_HEAD = re.compile(r"##\s*(intent|synonym|regex|lookup)\s*:\s*(.+)")
_ITEM = re.compile(r"\s*[-*+]\s*(.*)")
_REMARK = re.compile(r"<!--.*?-->", re.DOTALL)


def looks_like(text: str) -> bool:
    """Whether a text has a section of Rasa's."""
    return any(_HEAD.match(line) for line in text.split("\n"))


def read_rasa_markdown(place: str, text: str, result: Result) -> None:
    """What stands in none of the four kinds of sections is left out, which is counted."""
    kind = name = ""
    # A remark keeps its line breaks, so that lines keep their numbers.
    text = _REMARK.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(text.split("\n"), 1):
        at = f"{place}:{number}"
        line = line.strip()
        if head := _HEAD.match(line):
            kind, name = head[1], head[2].strip()
        elif line.startswith("#"):
            kind = ""
        elif not line:
            continue
        elif not kind:
            result.left_out["lines outside of the sections"] += 1
        elif item := _ITEM.match(line):
            _read_item(kind, name, item[1].strip(), at, result)
        elif kind == "lookup":
            for entry in table_lines(place, at, line, result):
                result.entry(at, result.data.lookups, name, entry)
        else:
            result.lose(at, f"a line of {kind} {name} does not begin with -")


def _read_item(kind: str, name: str, line: str, at: str, result: Result) -> None:
    if kind == "synonym":
        result.synonym(at, line, name)
    elif kind in ("regex", "lookup"):
        result.entry(at, result.data.regexes if kind == "regex" else result.data.lookups, name, line)
    else:
        try:
            text, entities = parse_markup(line, at)
        except DataError as error:
            result.lost.append(str(error))
            return
        spans = [Span(e.start, e.end, e.entity, e.value, e.role, e.group) for e in entities]
        result.add(at, text, name, spans)
