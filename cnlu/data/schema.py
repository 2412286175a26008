"""The examples as plain data: what every reader produces and every later room consumes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cnlu.errors import DataError


@dataclass(frozen=True)
class Entity:
    """An annotated span of an example's raw text."""

    start: int
    """First character (Python `str` index into the raw text)."""
    end: int
    """One past the last character."""
    entity: str
    """Entity type."""
    value: str
    """The canonical value; the surface `text[start:end]` unless the annotation says otherwise."""
    role: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Example:
    """One annotated sentence."""

    text: str
    intent: str | None = None
    entities: tuple[Entity, ...] = ()
    """Sorted by start."""
    metadata: Any = None
    source: str = field(default="", compare=False)
    """`file:line`, for messages."""


class Entry(NamedTuple):
    """One thing as it is written in a section of a file, repeats and contradictions included."""

    kind: str
    """"synonym", "regex" or "lookup"; "intent" for the head of an intent's section."""
    name: str
    """What stands after `synonym:`, `regex:`, `lookup:` or `intent:`."""
    text: str
    """The surface, pattern or table entry; empty for an intent."""
    source: str
    """`file:line`, for messages."""


@dataclass
class NluData:
    """Everything read from the user's files."""

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, str] = field(default_factory=dict)
    """surface -> canonical value, from `synonym:` sections and annotated values."""
    regexes: dict[str, list[str]] = field(default_factory=dict)
    """name -> patterns, in file order."""
    lookups: dict[str, list[str]] = field(default_factory=dict)
    """name -> entries, in file order without repeats."""
    notes: list[str] = field(default_factory=list)
    """What was left alone or looked odd, one sentence each with its file:line."""
    entries: list[Entry] = field(default_factory=list, compare=False)
    """Where the sections of YAML files and their entries stand."""
    doubts: list[tuple[str, str]] = field(default_factory=list, compare=False)
    """`file:line` and sentence of those notes that speak of examples: lost, or read in an unlikely way."""
    refused: list[tuple[str, str, str]] | None = field(default=None, compare=False)
    """`file:line`, line and sentence of each example that cannot be read; None where the first of them is an error."""

    def note(self, source: str, said: str, doubtful: bool = False) -> None:
        """Adds a note about a place, `said` being the rest of the sentence."""
        self.notes.append(f"{source}: {said}")
        if doubtful:
            self.doubts.append((source, said))

    def refuse(self, source: str, line: str, error: DataError) -> None:
        """Raises `error`, which concerns the example of one line, or keeps it where such errors are collected."""
        if self.refused is None:
            raise error
        self.refused.append((source, line, str(error).removeprefix(f"{source}: ")))
