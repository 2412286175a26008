"""The examples as plain data: what every reader produces and every later room consumes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cnlu.errors import DataError
from cnlu.io.messages import shown


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
    entity: str | None = None
    """The one type that a synonym counts for; None: all"""


class Doubt(NamedTuple):
    """Something of a file that is lost, or read in a way that is hardly meant."""

    code: str
    """Of the finding that `cnlu check` makes of it"""
    source: str
    """`file:line`, for messages"""
    text: str
    """The example, entry or section; may be empty"""
    problem: str
    """What is wrong: a sentence without its end, whose subject is the text"""
    fix: str
    """What to do about it, an order without its end"""
    noted: bool = False
    """Whether a note of its own tells it already"""


@dataclass(frozen=True)
class Lookalike:
    """What looks like an annotation and is none: `[小杯]（cup）`."""

    source: str
    """`file:line`, for messages"""
    text: str
    """The line as written"""
    written: str
    meant: str
    """The annotation that is meant; empty where it cannot be said, or stands in a JSONL file"""
    entity: str
    """What would be its type"""


@dataclass
class NluData:
    """Everything read from the user's files."""

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, str] = field(default_factory=dict)
    """surface -> canonical value, whatever the type: from `synonym:` sections."""
    regexes: dict[str, list[str]] = field(default_factory=dict)
    """name -> patterns, in file order."""
    lookups: dict[str, list[str]] = field(default_factory=dict)
    """name -> entries, in file order without repeats."""
    notes: list[str] = field(default_factory=list)
    """What was left alone or looked odd, one sentence each with its file:line."""
    entries: list[Entry] = field(default_factory=list, compare=False)
    """Where the sections of YAML files and their entries stand."""
    doubts: list[Doubt] = field(default_factory=list, compare=False)
    """What is lost, or read in an unlikely way."""
    refused: list[tuple[str, str, str]] | None = field(default=None, compare=False)
    """`file:line`, line and sentence of each example that cannot be read; None where the first of them is an error."""
    lookalikes: list[Lookalike] = field(default_factory=list, compare=False)
    """What looks like an annotation and is read as text."""
    synonyms_of: dict[str, dict[str, str]] = field(default_factory=dict)
    """Entity type -> surface -> canonical value, for entities of that type alone: from annotated values and tables."""
    bind: bool = field(default=True, compare=False)
    """Whether an annotated value counts for its own type alone; else, as Rasa reads it, for all of them."""

    def note(self, source: str, said: str) -> None:
        """Adds a note about a place, `said` being the rest of the sentence."""
        self.notes.append(f"{source}: {said}")

    def lose(self, source: str, said: str, fix: str, code: str = "lost-example") -> None:
        """Adds a note about something that is lost, or read in an unlikely way, and what to do about it."""
        self.note(source, said)
        self.doubts.append(Doubt(code, source, "", said.rstrip("."), fix, True))

    def doubt(self, code: str, source: str, text: str, problem: str, fix: str) -> None:
        """Adds something that is read in an unlikely way."""
        self.doubts.append(Doubt(code, source, text, problem, fix))

    def add_synonym(self, surface: str, value: str, source: str, kind: str | None = None) -> None:
        """Map `surface` to `value`, for entities of a type or, without one, of all; the last mapping wins.

        A contradiction is noted.
        """
        table = self.synonyms if kind is None or not self.bind else self.synonyms_of.setdefault(kind, {})
        earlier = table.get(surface)
        if earlier is not None and earlier != value:
            said = f"the synonym {shown(surface)} stood for {shown(earlier)} and now stands for {shown(value)}."
            self.note(source, said)
        table[surface] = value

    def refuse(self, source: str, line: str, error: DataError) -> None:
        """Raises `error`, which concerns the example of one line, or keeps it where such errors are collected."""
        if self.refused is None:
            raise error
        self.refused.append((source, line, str(error).removeprefix(f"{source}: ")))
