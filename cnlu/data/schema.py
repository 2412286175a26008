"""The examples as plain data: what every reader produces and every later room consumes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


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
