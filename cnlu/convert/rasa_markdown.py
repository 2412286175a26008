"""Reads the Markdown format of Rasa before 2.0: `## intent:name` and examples with the same markup as in YAML."""

from __future__ import annotations

import re

from cnlu.convert.rasa_json import table_lines
from cnlu.convert.result import Result, Span
from cnlu.data.markup import parse_markup
from cnlu.errors import DataError
from cnlu.i18n import _

_HEAD = re.compile(r"##\s*(intent|synonym|regex|lookup)\s*:\s*(.+)")
_ITEM = re.compile(r"\s*[-*+]\s*(.*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def matches(text: str) -> bool:
    """Whether a text has a section in Rasa's format."""
    return any(_HEAD.match(line) for line in text.split("\n"))


def read_rasa_markdown(place: str, text: str, result: Result) -> None:
    """Read the four kinds of sections; lines outside of them are counted as ignored."""
    kind = name = ""
    # Keep the line breaks of comments, so that line numbers stay correct.
    text = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
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
            result.ignored[_("lines outside of the sections")] += 1
        elif item := _ITEM.match(line):
            _read_item(kind, name, item[1].strip(), at, result)
        elif kind == "lookup":
            for entry in table_lines(place, at, line, result):
                result.add_entry(at, result.data.lookups, name, entry)
        else:
            result.skip(at, _("a line of {section} does not begin with -", section=f"{kind} {name}"))


def _read_item(kind: str, name: str, line: str, at: str, result: Result) -> None:
    if kind == "synonym":
        result.add_synonym(at, line, name)
    elif kind in ("regex", "lookup"):
        result.add_entry(at, result.data.regexes if kind == "regex" else result.data.lookups, name, line)
    else:
        try:
            text, entities = parse_markup(line, at)
        except DataError as error:
            result.skipped.append(str(error))
            return
        spans = [Span(e.start, e.end, e.entity, e.value, role=e.role, group=e.group) for e in entities]
        result.add(at, text, name, spans)
