"""The text of an annotated file, and the position at which a further example is inserted.

Reading a file of many thousand examples takes a second, so the examples are cached and updated with each insertion.
A position is verified by parsing the whole new text: it must give the old examples and the new one. Below a verified
line, or below a line in a literal block of `examples: |`, a further line of the same indentation needs no verification:
YAML makes it one more line of the block, whatever it contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cnlu.data.rasa_yaml import read_yaml_text
from cnlu.data.schema import Example, NluData
from cnlu.data.yaml_writer import to_yaml
from cnlu.errors import CnluError, DataError
from cnlu.i18n import _
from cnlu.io.messages import shown

_ITEM = re.compile(r"([ \t]+)- ")
_LITERAL = re.compile(r" *(- )?examples: *\|[-+]?[ \t]*(#.*)?")


class AlreadyAnnotated(CnluError):
    """The file already has this example."""


class ConflictingAnnotation(CnluError):
    """The file already has this sentence, with another annotation."""


class AnnotatedText:
    """A file's text as lines with their ends, the examples in it, and the line of each example."""

    def __init__(self, path: Path, text: str) -> None:
        """Raises DataError if the text is not training data; `path` is used in messages only."""
        self._path = path
        self._examples = read_yaml_text(text, path).examples if text else []
        self._lines = text.splitlines(keepends=True)
        self._example_of_line: list[Example | None] = [None] * len(self._lines)
        self._by_text: dict[str, Example] = {}
        self._last: dict[str | None, Example] = {}
        self._section_indent: str | None = None
        """The indentation of a section at the end; None until one was verified."""
        self._literal: set[str | None] = set()
        """Intents whose last example is known to be in a literal block."""
        self._ascii, self._escapes = text.isascii(), "\\" in text
        for example in self._examples:
            if _line(example) <= len(self._example_of_line):
                self._example_of_line[_line(example) - 1] = example
            self._by_text.setdefault(example.text, example)
            last = self._last.get(example.intent)
            if last is None or _line(last) <= _line(example):
                self._last[example.intent] = example

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def add(self, example: Example) -> AnnotatedText:
        """The text with the example below the others of its intent, or in a new section at the end; may return `self`.

        Raises AlreadyAnnotated; ConflictingAnnotation; DataError for what Rasa's YAML cannot express; CnluError if the
        file takes no further section.
        """
        document = to_yaml(NluData([example]))
        other = self._by_text.get(example.text)
        if other is not None:
            if (other.intent, other.entities) == (example.intent, example.entities):
                raise AlreadyAnnotated(self._path, _("the file already has this example"))
            problem = _(
                "The file already has this sentence with another annotation, as intent {intent} in line {line}",
                intent=shown(other.intent or ""),
                line=self._line_index(other) + 1,
            )
            raise ConflictingAnnotation("", problem, _("change it there"))
        if not self._lines:
            return self._read(document)
        section = document.split("nlu:\n", 1)[1].strip("\n")
        return self if self._add_unverified(example, section) else self._add_verified(example, section)

    def _add_unverified(self, example: Example, section: str) -> bool:
        """Adds the example at a position that needs no verification; returns False if there is none."""
        # Rasa decodes \uXXXX if a file is all ASCII, so one new line may change how the others are read.
        if self._ascii and (self._escapes or ("\\" in section and section.isascii())):
            return False
        if not _is_line(section):
            return False
        sibling = self._last.get(example.intent)
        if sibling is None:
            if self._section_indent is None:
                return False
            self._insert(len(self._lines), ["\n", *_indented(section, self._section_indent)], example)
            return True
        at = self._line_index(sibling)
        if sibling.metadata is not None or not (example.intent in self._literal or self._in_literal_block(at)):
            return False
        self._literal.add(example.intent)
        self._insert(at + 1, [_indented_like(self._lines[at], section)], example)
        return True

    def _insert(self, at: int, new: list[str], example: Example) -> None:
        """`new` holds whole lines; the last one is the example's."""
        if at and not self._lines[at - 1].endswith("\n"):
            self._lines[at - 1] += "\n"
        self._lines[at:at] = new
        self._example_of_line[at:at] = [*[None] * (len(new) - 1), example]
        self._by_text[example.text] = self._last[example.intent] = example
        self._examples.append(example)
        self._ascii = self._ascii and all(map(str.isascii, new))
        self._escapes = self._escapes or any("\\" in line for line in new)

    def _line_index(self, example: Example) -> int:
        """The index of the example's line."""
        for at, owner in enumerate(self._example_of_line):
            if owner is example:
                return at
        return _line(example) - 1  # another example is on the same line

    def _in_literal_block(self, at: int) -> bool:
        """Whether the line with this index is an item of a block opened by `examples: |`."""
        item = _ITEM.match(self._lines[at])
        if item is None:
            return False
        for line in reversed(self._lines[:at]):
            indent = len(line) - len(line.lstrip(" "))
            if line.strip() and indent < len(item[1]):
                return _LITERAL.fullmatch(line.rstrip("\r\n")) is not None
        return False

    def _add_verified(self, example: Example, section: str) -> AnnotatedText:
        expected = sorted(map(_key, [*self._examples, example]))
        for candidate, indent in self._candidates(example, section):
            try:
                result = self._read(candidate)
            except DataError:
                continue
            if sorted(map(_key, result._examples)) == expected:
                result._section_indent = self._section_indent if indent is None else indent
                return result
        problem = _("sentences can only be appended if `nlu:` is the last section")
        raise CnluError(self._path, problem, _("move it to the end"))

    def _candidates(self, example: Example, section: str) -> Iterator[tuple[str, str | None]]:
        """Yields possible texts, best first, each with the indentation of the section added at the end, if any."""
        sibling = self._last.get(example.intent)
        if sibling is not None and _is_line(section):
            at = self._line_index(sibling)
            if at < len(self._lines) and _ITEM.match(self._lines[at]):
                above = self._lines[at] if self._lines[at].endswith("\n") else self._lines[at] + "\n"
                new = _indented_like(above, section)
                yield "".join([*self._lines[:at], above, new, *self._lines[at + 1 :]]), None
        end = "" if self.text.endswith("\n") else "\n"
        for indent in ("", "  "):  # the list below `nlu:` may be indented
            yield f"{self.text}{end}\n{''.join(_indented(section, indent))}", indent

    def _read(self, text: str) -> AnnotatedText:
        return AnnotatedText(self._path, text)


def _line(example: Example) -> int:
    """The number of the example's line when the file was read."""
    return int(example.source.rpartition(":")[2])


def _is_line(section: str) -> bool:
    """Whether the section's one example is a line of a block, not a mapping with metadata."""
    return "  examples: |\n" in section


def _indented_like(sibling: str, section: str) -> str:
    """The example's line with the indentation of its sibling."""
    item = _ITEM.match(sibling)
    return (item[0] if item else "") + section.rpartition("    - ")[2] + "\n"


def _indented(section: str, by: str) -> list[str]:
    return [f"{by}{line}\n" for line in section.splitlines()]


def _key(example: Example) -> str:
    return repr((example.text, example.intent, example.entities, example.metadata))
