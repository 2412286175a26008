"""The text of an annotated file, and where in it a further example goes.

Reading a file of many thousand examples takes a second, so what is known of it is kept and grows with what is written.
A place is verified by reading all of the text with the example in it: the old examples and the new one must come back.
Below a line that was verified so, or that stands in a literal block of `examples: |`, a further line of the same
indentation needs no such reading: YAML makes it one more line of the block, whatever stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cnlu.data.rasa_yaml import read_yaml_text
from cnlu.data.schema import Example, NluData
from cnlu.data.yaml_writer import to_yaml
from cnlu.errors import CnluError, DataError
from cnlu.io.messages import shown

_ITEM = re.compile(r"([ \t]+)- ")
_LITERAL = re.compile(r" *(- )?examples: *\|[-+]?[ \t]*(#.*)?")


class AlreadyAnnotated(CnluError):
    """The file has this very example."""


class ConflictingAnnotation(CnluError):
    """The file has this sentence with another annotation."""


class AnnotatedText:
    """A file's text as lines with their ends, the examples in it, and the line of each."""

    def __init__(self, path: Path, text: str) -> None:
        """Raises DataError for what is no training data; `path` is for its sentences alone."""
        self._path = path
        self._examples = read_yaml_text(text, path).examples if text else []
        self._lines = text.splitlines(keepends=True)
        self._owner: list[Example | None] = [None] * len(self._lines)
        self._by_text: dict[str, Example] = {}
        self._last: dict[str | None, Example] = {}
        self._tail: str | None = None
        """How far a section at the end is indented; None until one was verified."""
        self._literal: set[str | None] = set()
        """Intents whose last example is known to stand in a literal block."""
        self._ascii, self._escapes = text.isascii(), "\\" in text
        for example in self._examples:
            if _line(example) <= len(self._owner):
                self._owner[_line(example) - 1] = example
            self._by_text.setdefault(example.text, example)
            last = self._last.get(example.intent)
            if last is None or _line(last) <= _line(example):
                self._last[example.intent] = example

    @property
    def text(self) -> str:
        return "".join(self._lines)

    def add(self, example: Example) -> AnnotatedText:
        """The text with the example below the others of its intent, else in a section at the end; perhaps this object.

        Raises AlreadyAnnotated, ConflictingAnnotation, DataError for what Rasa's YAML cannot express, and CnluError for a file
        that takes no further section.
        """
        alone = to_yaml(NluData([example]))
        other = self._by_text.get(example.text)
        if other is not None:
            if (other.intent, other.entities) == (example.intent, example.entities):
                raise AlreadyAnnotated("the example is there")
            raise ConflictingAnnotation(
                f"The file has this sentence already, annotated otherwise, as intent {shown(other.intent or '')} "
                f"in line {self._place(other) + 1}; change it there."
            )
        if not self._lines:
            return self._read(alone)
        section = alone.split("nlu:\n", 1)[1].strip("\n")
        return self if self._add_known(example, section) else self._add_verified(example, section)

    def _add_known(self, example: Example, section: str) -> bool:
        """Adds it where no reading is needed, if there is such a place."""
        # Rasa decodes \uXXXX where a file is all ASCII, so that one line may change how the others are read.
        if self._ascii and (self._escapes or ("\\" in section and section.isascii())):
            return False
        if not _is_line(section):
            return False
        sibling = self._last.get(example.intent)
        if sibling is None:
            if self._tail is None:
                return False
            self._insert(len(self._lines), ["\n", *_indented(section, self._tail)], example)
            return True
        at = self._place(sibling)
        if sibling.metadata is not None or not (example.intent in self._literal or self._in_literal_block(at)):
            return False
        self._literal.add(example.intent)
        self._insert(at + 1, [_like(self._lines[at], section)], example)
        return True

    def _insert(self, at: int, new: list[str], example: Example) -> None:
        """`new` are whole lines, the last of them the example's."""
        if at and not self._lines[at - 1].endswith("\n"):
            self._lines[at - 1] += "\n"
        self._lines[at:at] = new
        self._owner[at:at] = [*[None] * (len(new) - 1), example]
        self._by_text[example.text] = self._last[example.intent] = example
        self._examples.append(example)
        self._ascii = self._ascii and all(map(str.isascii, new))
        self._escapes = self._escapes or any("\\" in line for line in new)

    def _place(self, example: Example) -> int:
        """The index of the example's line."""
        for at, owner in enumerate(self._owner):
            if owner is example:
                return at
        return _line(example) - 1  # another one stands on its line too

    def _in_literal_block(self, at: int) -> bool:
        """Whether the line with this index is an item of a block that an `examples: |` above it opens."""
        item = _ITEM.match(self._lines[at])
        if item is None:
            return False
        for line in reversed(self._lines[:at]):
            indent = len(line) - len(line.lstrip(" "))
            if line.strip() and indent < len(item[1]):
                return _LITERAL.fullmatch(line.rstrip("\r\n")) is not None
        return False

    def _add_verified(self, example: Example, section: str) -> AnnotatedText:
        wanted = sorted(map(_key, [*self._examples, example]))
        for candidate, tail in self._candidates(example, section):
            try:
                found = self._read(candidate)
            except DataError:
                continue
            if sorted(map(_key, found._examples)) == wanted:
                found._tail = self._tail if tail is None else tail
                return found
        raise CnluError(
            f"{self._path}: sentences can only be appended where `nlu:` is the last section; move it to the end."
        )

    def _candidates(self, example: Example, section: str) -> Iterator[tuple[str, str | None]]:
        """Texts, the neatest first, and how far a section at the end is indented in them (None: there is none)."""
        sibling = self._last.get(example.intent)
        if sibling is not None and _is_line(section):
            at = self._place(sibling)
            if at < len(self._lines) and _ITEM.match(self._lines[at]):
                above = self._lines[at] if self._lines[at].endswith("\n") else self._lines[at] + "\n"
                new = _like(above, section)
                yield "".join([*self._lines[:at], above, new, *self._lines[at + 1 :]]), None
        end = "" if self.text.endswith("\n") else "\n"
        for tail in ("", "  "):  # as the list below `nlu:` is indented
            yield f"{self.text}{end}\n{''.join(_indented(section, tail))}", tail

    def _read(self, text: str) -> AnnotatedText:
        return AnnotatedText(self._path, text)


def _line(example: Example) -> int:
    """The number of its line when the text was read."""
    return int(example.source.rpartition(":")[2])


def _is_line(section: str) -> bool:
    """Whether the one example of the section is a line of a block (and no mapping with metadata)."""
    return "  examples: |\n" in section


def _like(sibling: str, section: str) -> str:
    """The example's line, indented as its sibling."""
    item = _ITEM.match(sibling)
    return (item[0] if item else "") + section.rpartition("    - ")[2] + "\n"


def _indented(section: str, by: str) -> list[str]:
    return [f"{by}{line}\n" for line in section.splitlines()]


def _key(example: Example) -> str:
    return repr((example.text, example.intent, example.entities, example.metadata))
