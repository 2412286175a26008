"""The items of a block of examples, `- ...` each, with their line numbers and the issues noticed in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cnlu.data.schema import NluData
from cnlu.errors import DataError
from cnlu.i18n import _, n_
from cnlu.io.messages import shown
from cnlu.io.yaml_nodes import Node

STRIPPED = "\n\r "
"""What Rasa strips from an example: full-width spaces and tabs stay."""

_COMMENT = re.compile(r"\s#(?=\s|[^\s#\dA-Za-z])[^#]*\Z|\s\s#[^#]*\Z|\A#\s")
"""Text like a YAML comment, which a literal block cannot have; #1 is a number, #话题# and #topic are topics."""
_ITEM_START = re.compile(r"\s*(?:examples\s*:\s*)?(?:[\"']\s*)?-")
"""A line of a file that begins an item"""
_MAX_SEARCHED_LINES = 100
"""Number of lines, after the previous item, that are searched for the next one"""


def block_items(examples: Node, section: str, place: str, lines: list[str], data: NluData) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) of every `- ...` line of a block.

    `section` names the section in messages, `lines` are the lines of the file. A line with `#` first is a comment;
    any other line without `-` is skipped with an issue. Raises DataError if the block is not text.
    """
    if examples.kind != "scalar":
        raise DataError(
            f"{place}:{examples.line}",
            _("the examples of {section} must be a block of text", section=section),
            _("write `examples: |` and a line `- ...` for each"),
        )
    source = _Source(examples, lines)
    count = 0
    for offset, line in enumerate(examples.text.splitlines()):
        # Only a literal block keeps the lines of the file; in the other styles, search for the line.
        at = examples.line + offset + 1 if examples.style == "|" else source.seek(line) + 1
        if line.startswith("-"):
            count += 1
            item = line[1:].strip(STRIPPED)
            if not section.startswith("regex") and (comment := _COMMENT.search(item)):
                problem = _("has the comment {comment}, which is read as text", comment=shown(comment[0].strip()))
                fix = _("put the comment on a line of its own that begins with #")
                data.add_issue("inline-comment", f"{place}:{at}", item, problem, fix)
            yield at, item
        elif line.strip() and not line.lstrip().startswith("#"):
            data.skip(
                f"{place}:{at}",
                _("a line of {section} does not begin with `-` and is skipped", section=section),
                _("begin it with `- `, or indent it to continue the previous line"),
            )
    if examples.style != "|":
        _report_folded_block(count, source, section, f"{place}:{examples.line}", data)


def _report_folded_block(count: int, source: _Source, section: str, place: str, data: NluData) -> None:
    written = source.count_items()
    if written > max(count, 1):
        problem = n_(
            "has {lines} lines, which its YAML style joins into {count} item",
            "has {lines} lines, which its YAML style joins into {count} items",
            count,
            lines=written,
        )
        data.add_issue("folded-block", place, section, problem, _("write `examples: |`, which keeps every line"))


class _Source:
    """The lines of the file that hold a scalar."""

    def __init__(self, node: Node, lines: list[str]) -> None:
        self._node, self._lines = node, lines
        self._line, self._column, self._reach = node.line - 1, 0, 0

    def seek(self, item: str) -> int:
        """Index of the line where an item begins; the line of the previous item if it is not found after that."""
        head, column = item.strip()[:8], self._column
        end = min(self._line + _MAX_SEARCHED_LINES, self._node.end_line, len(self._lines))
        for index in range(self._line, end if head else 0):
            position = self._lines[index].find(head, column, column + 1000 + self._reach)
            if position >= 0:
                self._line, self._column, self._reach = index, position + len(head), 6 * len(item)  # \uXXXX at most
                break
            column = 0
        return self._line

    def count_items(self) -> int:
        """Number of lines that look like the beginning of an item."""
        if self._node.style != ">":
            return sum(bool(_ITEM_START.match(line)) for line in self._lines[self._node.line - 1 : self._node.end_line])
        count, indent = 0, 0
        for line in self._lines[self._node.line : self._node.end_line]:
            if stripped := line.strip():
                depth = len(line) - len(line.lstrip(" "))
                indent = indent or depth
                if depth < max(indent, 1):
                    break
                count += stripped.startswith("-")
        return count
