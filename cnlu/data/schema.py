"""The examples as plain data, which the readers of files produce and every later stage uses."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, NamedTuple

from cnlu.errors import CnluError, DataError
from cnlu.i18n import _
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
    """The canonical value; the surface `text[start:end]` unless the annotation gives another."""
    _: KW_ONLY
    role: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Example:
    """One annotated sentence."""

    text: str
    intent: str | None = None
    entities: tuple[Entity, ...] = ()
    """Sorted by start."""
    _: KW_ONLY
    metadata: Any = None
    source: str = field(default="", compare=False)
    """`file:line`, for messages."""


class Entry(NamedTuple):
    """One entry of a section of a file; repeats and contradictions are kept."""

    kind: str
    """"synonym", "regex" or "lookup"; "intent" for the head of an intent's section."""
    name: str
    """The name after `synonym:`, `regex:`, `lookup:` or `intent:`."""
    text: str
    """The surface, pattern or table entry; empty for an intent."""
    source: str
    """`file:line`, for messages."""
    entity: str | None = None
    """The entity type that a synonym applies to; None: all types"""


class Issue(NamedTuple):
    """A problem noticed while reading a file: a line is skipped, or read in a way that is probably not intended."""

    code: str
    """Code of the finding that `cnlu check` reports for it"""
    source: str
    """`file:line`, for messages"""
    text: str
    """The example, entry or section; may be empty"""
    problem: str
    """What is wrong, as a part of a sentence; the text is its subject"""
    fix: str
    """What to do about it, as a part of a sentence"""
    noted: bool = False
    """Whether `NluData.notes` has a note about it already"""


class InvalidExample(NamedTuple):
    """A line whose example cannot be read."""

    source: str
    """`file:line`"""
    line: str
    """The line as written"""
    problem: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class MistypedMarkup:
    """Text that looks like an annotation but is not one: `[小杯]（cup）`."""

    source: str
    """`file:line`, for messages"""
    text: str
    """The line as written"""
    written: str
    correction: str
    """The annotation that the user probably meant; empty in a JSONL file, where text holds no annotations"""
    entity: str
    """Entity type that the annotation would have"""


@dataclass
class NluData:
    """Everything read from the user's files."""

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, str] = field(default_factory=dict)
    """surface -> canonical value, for entities of all types: from `synonym:` sections."""
    regexes: dict[str, list[str]] = field(default_factory=dict)
    """name -> patterns, in file order."""
    lookups: dict[str, list[str]] = field(default_factory=dict)
    """name -> entries, in file order without repeats."""
    _: KW_ONLY
    notes: list[str] = field(default_factory=list)
    """One sentence, with its `file:line`, for everything that was ignored or looks suspicious."""
    entries: list[Entry] = field(default_factory=list, compare=False)
    """Sections of YAML files and their entries, with their lines."""
    issues: list[Issue] = field(default_factory=list, compare=False)
    """Problems noticed while reading."""
    invalid: list[InvalidExample] | None = field(default=None, compare=False)
    """Examples that cannot be read; None: the first of them raises an error instead."""
    mistyped_markup: list[MistypedMarkup] = field(default_factory=list, compare=False)
    """Text that looks like an annotation but is not one."""
    synonyms_of: dict[str, dict[str, str]] = field(default_factory=dict)
    """Entity type -> surface -> canonical value, for entities of that type alone: from annotated values and tables."""
    synonyms_by_type: bool = field(default=True, compare=False)
    """Whether an annotated value applies to its own entity type only; otherwise to all types, as in Rasa."""

    def note(self, source: str, problem: str, fix: str = "") -> None:
        """Add a note about a place; `problem` and `fix` are parts of a sentence without a full stop."""
        self.notes.append(str(CnluError(source, problem, fix)))

    def skip(self, source: str, problem: str, fix: str, code: str = "skipped-example") -> None:
        """Add a note and an issue about something that is skipped or probably misread."""
        self.note(source, problem)
        self.issues.append(Issue(code, source, "", problem, fix, noted=True))

    def add_issue(self, code: str, source: str, text: str, problem: str, fix: str) -> None:
        """Add an issue that `load_data` summarizes in a note."""
        self.issues.append(Issue(code, source, text, problem, fix))

    def add_synonym(self, surface: str, value: str, source: str, entity_type: str | None = None) -> None:
        """Map `surface` to `value`, for entities of one type or, without a type, of all types.

        The last mapping wins; a note reports a contradiction.
        """
        by_type = entity_type is not None and self.synonyms_by_type
        table = self.synonyms_of.setdefault(str(entity_type), {}) if by_type else self.synonyms
        earlier = table.get(surface)
        if earlier is not None and earlier != value:
            message = _(
                "the synonym {surface} stood for {earlier} and now stands for {value}",
                surface=shown(surface),
                earlier=shown(earlier),
                value=shown(value),
            )
            self.note(source, message)
        table[surface] = value

    def add_invalid(self, source: str, line: str, error: DataError) -> None:
        """Raise `error`, which is about the example on one line, or add it to `invalid` if that is a list."""
        if self.invalid is None:
            raise error
        self.invalid.append(InvalidExample(source, line, error.problem, error.fix))
