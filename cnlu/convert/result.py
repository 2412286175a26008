"""The result of a conversion: examples with validated spans, and a list of everything that is not converted."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from itertools import accumulate, pairwise

from cnlu.data.schema import Entity, Example, NluData
from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu.io.messages import shown

CHARACTERS, UTF16 = "characters", "utf16"
"""Units of offsets: code points as in Python, or the 16-bit units of JavaScript and .NET, where 😀 counts as two."""


class NotConvertibleError(Exception):
    """An example cannot be converted; the message is the reason, as a part of a sentence."""


@dataclass(frozen=True)
class Span:
    """An annotation as another tool writes it, `end` exclusive."""

    start: int
    end: int
    kind: str
    value: str | None = None
    """Canonical value, if it differs from the surface"""
    _: KW_ONLY
    role: str | None = None
    group: str | None = None
    surface: str | None = None
    """Text of the span according to the file, to validate the offsets; None: not given"""


@dataclass
class Result:
    """The converted data; the reader of a format adds examples one by one."""

    offsets: str | None = None
    """Unit of offsets that the user names; None: the usual one of the format, checked against the surfaces"""
    data: NluData = field(default_factory=NluData)
    skipped: list[str] = field(default_factory=list)
    """A sentence with its place for each example or entry that is not converted"""
    ignored: Counter[str] = field(default_factory=Counter)
    """Counts of information that cnlu does not use, by description"""

    def add(
        self, place: str, text: object, intents: object = None, spans: Sequence[Span] = (), units: str = CHARACTERS
    ) -> None:
        """Add an example, or skip it if it cannot be converted. `intents`: one name or a list, joined by +."""
        try:
            example = _example(place, text, intents, spans, _units(self.offsets, units))
        except NotConvertibleError as error:
            self.skip(place, str(error))
            return
        if example.text != text:
            self.ignored[_("white space around a text")] += 1
        self.data.examples.append(example)
        for entity in example.entities:
            surface = example.text[entity.start : entity.end]
            if surface != entity.value:
                self.data.add_synonym(surface, entity.value, place, entity.entity)

    def skip(self, place: str, reason: str) -> None:
        """Record that something is not converted; `reason` is a part of a sentence."""
        self.skipped.append(str(CnluError(place, _("not converted: {reason}", reason=reason))))

    def add_synonym(self, place: str, surface: object, value: object) -> None:
        """Add a synonym, or skip it if the surface or the value is empty."""
        if not (_is_name(surface) and _is_name(value)):
            self.skip(place, _("a synonym and its value must not be empty"))
        elif surface != value:
            self.data.add_synonym(str(surface), str(value), place)

    def add_entry(self, place: str, table: dict[str, list[str]], name: object, entry: object) -> None:
        """Add an entry of a lookup table or a pattern of a regex; `table` is `data.lookups` or `data.regexes`."""
        if not (_is_name(name) and _is_name(entry)):
            self.skip(place, _("the entry or the name of its table is empty"))
        elif entry not in table.setdefault(str(name), []):
            table[str(name)].append(str(entry))


def _is_name(word: object) -> bool:
    return isinstance(word, str) and bool(word.strip())


def _units(offsets: str | None, usual: str) -> list[str]:
    """The units to try, in order: the one that the user gives, or the usual one of the format and then the other."""
    return [offsets] if offsets else [usual, *({CHARACTERS, UTF16} - {usual})]


def _example(place: str, text: object, intents: object, spans: Sequence[Span], units: list[str]) -> Example:
    if not isinstance(text, str) or not text.strip():
        raise NotConvertibleError(_("it has no text"))
    offsets = _Offsets(text)
    entities = sorted({_entity(offsets, span, units) for span in spans}, key=lambda e: (e.start, e.end))
    for left, right in pairwise(entities):
        if right.start < left.end:
            first, second = (f"{shown(text[e.start : e.end])} ({shown(e.entity)})" for e in (left, right))
            problem = _(
                "{first} and {second} overlap, but a character can belong to one entity only",
                first=first,
                second=second,
            )
            raise NotConvertibleError(problem)
    intent = _intent(intents)
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    if entities:
        start, end = min(start, entities[0].start), max(end, entities[-1].end)
    moved = (replace(e, start=e.start - start, end=e.end - start) for e in entities)
    return Example(text[start:end], intent, tuple(moved), source=place)


def _intent(intents: object) -> str | None:
    names = [intents] if isinstance(intents, str) or intents is None else intents
    if not isinstance(names, list) or not all(name is None or isinstance(name, str) for name in names):
        raise NotConvertibleError(_("its intent {intent} is not a name", intent=shown(str(intents))))
    return "+".join(dict.fromkeys(name.strip() for name in names if name and name.strip())) or None


class _Offsets:
    """Converts offsets into a text from either unit to characters."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _boundaries(self) -> list[int]:
        """Offsets in UTF-16 units of the beginning of each character, and of the end of the text."""
        return [0, *accumulate(1 + (ch > "\uffff") for ch in self.text)]

    def find(self, start: int, end: int, units: str) -> tuple[int, int] | None:
        """The span in characters; None if it is empty, outside the text, or splits a character."""
        if units == CHARACTERS:
            return (start, end) if 0 <= start < end <= len(self.text) else None
        if not 0 <= start < end <= self._boundaries[-1]:
            return None
        first, last = bisect_left(self._boundaries, start), bisect_left(self._boundaries, end)
        return (first, last) if (self._boundaries[first], self._boundaries[last]) == (start, end) else None


def _entity(offsets: _Offsets, span: Span, units: list[str]) -> Entity:
    if not _is_name(span.kind):
        raise NotConvertibleError(_("the annotation at {span} has no type", span=f"{span.start}-{span.end}"))
    if type(span.start) is not int or type(span.end) is not int:
        problem = _("the start or the end of an annotation {type} is not a whole number", type=shown(span.kind))
        raise NotConvertibleError(problem)
    text = offsets.text
    for unit in units if span.surface is not None else units[:1]:
        characters = offsets.find(span.start, span.end, unit)
        if characters and (span.surface is None or text[slice(*characters)] == span.surface):
            start, end = characters
            return Entity(
                start=start,
                end=end,
                entity=span.kind,
                value=span.value or text[start:end],
                role=span.role or None,
                group=span.group or None,
            )
    raise NotConvertibleError(_mismatch(text, span))


def _mismatch(text: str, span: Span) -> str:
    """Why a span does not match the text, with the probable cause."""
    at = f"{span.start}-{span.end}"
    if span.surface is None or not 0 <= span.start < span.end <= len(text):
        problem = _(
            "the annotation {type} at {span} does not lie in the text of {length} characters",
            type=shown(span.kind),
            span=at,
            length=len(text),
        )
    else:
        problem = _(
            "the annotation {type} at {span} covers {covered}, but the file says {surface}",
            type=shown(span.kind),
            span=at,
            covered=shown(text[span.start : span.end]),
            surface=shown(span.surface),
        )
    if span.surface and span.start >= 0 and text[span.start : span.end + 1] == span.surface:
        return _("{problem}; the end seems to be inclusive", problem=problem)
    if span.surface and span.start > 0 and text[span.start - 1 : span.end - 1] == span.surface:
        return _("{problem}; offsets seem to count from 1", problem=problem)
    return problem
