"""The lines of a block of examples, `- ...` each, with their places and what is odd about them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cnlu.data.schema import NluData
from cnlu.errors import DataError
from cnlu.io.messages import shown
from cnlu.io.yaml_nodes import Node

STRIPPED = "\n\r "
"""What Rasa strips from an example: full-width spaces and tabs stay."""

_REMARK = re.compile(r"\s#(?=\s|[^\s#\dA-Za-z])[^#]*\Z|\s\s#[^#]*\Z|\A#\s")
"""A remark as YAML has it outside of a block; #1 is a number, #话题# and #topic are topics."""
_BEGINS = re.compile(r"\s*(?:examples\s*:\s*)?(?:[\"']\s*)?-")
"""A line of a file that begins an item."""
_NEAR = 100
"""Lines within which an item is looked for behind the one before it."""


def block_items(examples: Node, what: str, place: str, lines: list[str], data: NluData) -> Iterator[tuple[int, str]]:
    """Line, from 1, and text of every `- ...` line of a block.

    `what` names the section in messages, `lines` are those of the file. A line that begins with `#` is a remark; any
    other without `-` is lost, and noted. Raises DataError for what is no text.
    """
    if examples.kind != "scalar":
        raise DataError(
            f"{place}:{examples.line}: the examples of {what} must be a block of text; write "
            f"`examples: |` and a line `- ...` for each."
        )
    source = _Source(examples, lines)
    count = 0
    for offset, line in enumerate(examples.text.splitlines()):
        # Only a literal block keeps one line a line; in the other styles the line is looked for.
        at = examples.line + offset + 1 if examples.style == "|" else source.seek(line) + 1
        if line.startswith("-"):
            count += 1
            item = line[1:].strip(STRIPPED)
            if not what.startswith("regex") and (found := _REMARK.search(item)):
                said = f"has {shown(found[0].strip())}, a remark that is read as a part of it"
                fix = "put the remark on a line of its own, which begins with #"
                data.doubt("remark", f"{place}:{at}", item, said, fix)
            yield at, item
        elif line.strip() and not line.lstrip().startswith("#"):
            data.lose(
                f"{place}:{at}",
                f"left out a line of {what} that does not begin with `-`.",
                "begin it with `- `, or indent it as a part of the line before",
            )
    if examples.style != "|":
        _doubt_folded(count, source, what, f"{place}:{examples.line}", data)


def _doubt_folded(count: int, source: _Source, what: str, place: str, data: NluData) -> None:
    written = source.begun()
    if written > max(count, 1):
        said = f"has {written} lines, which its style joins into {count} item{'s' if count != 1 else ''}"
        data.doubt("folded-block", place, what, said, "write `examples: |`, which keeps every line")


class _Source:
    """A scalar as it stands in the file."""

    def __init__(self, node: Node, lines: list[str]) -> None:
        self._node, self._lines = node, lines
        self._line, self._column, self._reach = node.line - 1, 0, 0

    def seek(self, item: str) -> int:
        """Index of the line where an item begins, looked for a little behind the one before; else that one's."""
        head, column = item.strip()[:8], self._column
        end = min(self._line + _NEAR, self._node.end_line, len(self._lines))
        for index in range(self._line, end if head else 0):
            found = self._lines[index].find(head, column, column + 1000 + self._reach)
            if found >= 0:
                self._line, self._column, self._reach = index, found + len(head), 6 * len(item)  # \uXXXX at most
                break
            column = 0
        return self._line

    def begun(self) -> int:
        """How many of its lines look as if they began an item."""
        if self._node.style != ">":
            return sum(bool(_BEGINS.match(line)) for line in self._lines[self._node.line - 1 : self._node.end_line])
        count, indent = 0, 0
        for line in self._lines[self._node.line : self._node.end_line]:
            if bare := line.strip():
                depth = len(line) - len(line.lstrip(" "))
                indent = indent or depth
                if depth < max(indent, 1):
                    break
                count += bare.startswith("-")
        return count
