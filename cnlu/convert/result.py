"""What a conversion gives: examples whose spans were looked at, and everything that could not be converted, by name."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise

from cnlu.data.schema import Entity, Example, NluData
from cnlu.io.messages import shown

CHARACTERS, UTF16 = "characters", "utf16"
"""How offsets count: code points as Python does, or the 16-bit units of JavaScript and .NET, where 😀 is two."""


class Unusable(Exception):
    """An example that cannot be converted; the words say why."""


@dataclass(frozen=True)
class Span:
    """An annotation as another tool writes it, `end` exclusive."""

    start: int
    end: int
    kind: str
    value: str | None = None
    """What it stands for, where that is not what was said"""
    role: str | None = None
    group: str | None = None
    said: str | None = None
    """The words that the file itself has for it, to compare; None: none"""


@dataclass
class Result:
    """Filled by the reader of a format, example by example."""

    offsets: str | None = None
    """How the user says offsets count; None: as is usual in the format, and as the words that stand beside them tell"""
    data: NluData = field(default_factory=NluData)
    lost: list[str] = field(default_factory=list)
    """A sentence for each example or entry that was not converted, with its place"""
    left_out: Counter[str] = field(default_factory=Counter)
    """What the examples have beside and cnlu has no use for, with how often"""

    def add(
        self, place: str, text: object, intents: object = None, spans: Sequence[Span] = (), units: str = CHARACTERS
    ) -> None:
        """One more example, or one more that is lost. `intents`: a name or several; several are joined by +."""
        try:
            example = _example(place, text, intents, spans, self.offsets, units)
        except Unusable as why:
            self.lose(place, str(why))
            return
        if example.text != text:
            self.left_out["white space around a text"] += 1
        self.data.examples.append(example)
        for entity in example.entities:
            surface = example.text[entity.start : entity.end]
            if surface != entity.value:
                self.data.add_synonym(surface, entity.value, place, entity.entity)

    def lose(self, place: str, why: str) -> None:
        """Something at a place that cannot be converted, and why, the rest of a sentence."""
        self.lost.append(f"{place}: not converted: {why}.")

    def synonym(self, place: str, surface: object, value: object) -> None:
        if not (_is_name(surface) and _is_name(value)):
            self.lose(place, "a synonym and what it stands for must both be words")
        elif surface != value:
            self.data.add_synonym(str(surface), str(value), place)

    def entry(self, place: str, table: dict[str, list[str]], name: object, entry: object) -> None:
        """An entry of a lookup table or a pattern of a regex, in `data.lookups` or `data.regexes`."""
        if not (_is_name(name) and _is_name(entry)):
            self.lose(place, "the entry or its table has no name")
        elif entry not in table.setdefault(str(name), []):
            table[str(name)].append(str(entry))


def _is_name(word: object) -> bool:
    return isinstance(word, str) and bool(word.strip())


def _example(
    place: str, text: object, intents: object, spans: Sequence[Span], offsets: str | None, units: str
) -> Example:
    if not isinstance(text, str) or not text.strip():
        raise Unusable("it has no text")
    places = _Places(text)
    entities = sorted({_entity(places, span, offsets, units) for span in spans}, key=lambda e: (e.start, e.end))
    for one, other in pairwise(entities):
        if other.start < one.end:
            pair = " and ".join(f"{shown(text[e.start : e.end])} ({shown(e.entity)})" for e in (one, other))
            raise Unusable(f"{pair} overlap, and a character belongs to one entity")
    intent = _intent(intents)
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    if entities:
        start, end = min(start, entities[0].start), max(end, entities[-1].end)
    moved = (Entity(e.start - start, e.end - start, e.entity, e.value, e.role, e.group) for e in entities)
    return Example(text[start:end], intent, tuple(moved), source=place)


def _intent(intents: object) -> str | None:
    names = [intents] if isinstance(intents, str) or intents is None else intents
    if not isinstance(names, list) or not all(name is None or isinstance(name, str) for name in names):
        raise Unusable(f"its intent {shown(str(intents))} is no name")
    return "+".join(dict.fromkeys(name.strip() for name in names if name and name.strip())) or None


class _Places:
    """Offsets into a text, in either way of counting."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _ends(self) -> list[int]:
        """Where each character begins in UTF-16, and where the last ends."""
        return [0, *accumulate(1 + (ch > "\uffff") for ch in self.text)]

    def find(self, start: int, end: int, units: str) -> tuple[int, int] | None:
        """The span in characters; None where it is empty or does not lie in the text on whole characters."""
        if units == CHARACTERS:
            return (start, end) if 0 <= start < end <= len(self.text) else None
        if not 0 <= start < end <= self._ends[-1]:
            return None
        found = bisect_left(self._ends, start), bisect_left(self._ends, end)
        return found if (self._ends[found[0]], self._ends[found[1]]) == (start, end) else None


def _entity(places: _Places, span: Span, offsets: str | None, units: str) -> Entity:
    if not _is_name(span.kind):
        raise Unusable(f"the annotation at {span.start}-{span.end} has no type")
    if type(span.start) is not int or type(span.end) is not int:
        raise Unusable(f"an annotation of {shown(span.kind)} has no whole numbers for where it starts and ends")
    text = places.text
    tried = [offsets] if offsets else [units, *({CHARACTERS, UTF16} - {units})]
    for way in tried if span.said is not None else tried[:1]:
        found = places.find(span.start, span.end, way)
        if found and (span.said is None or text[slice(*found)] == span.said):
            return Entity(*found, span.kind, span.value or text[slice(*found)], span.role or None, span.group or None)
    raise Unusable(_why(text, span))


def _why(text: str, span: Span) -> str:
    """Why a span does not fit, with what it may have been meant as."""
    at = f"the annotation {shown(span.kind)} at {span.start}-{span.end}"
    if span.said is None or not 0 <= span.start < span.end <= len(text):
        why = f"{at} does not lie in the text of {len(text)} characters"
    else:
        why = f"{at} covers {shown(text[span.start : span.end])}, but the file says {shown(span.said)}"
    if span.said and span.start >= 0 and text[span.start : span.end + 1] == span.said:
        return f"{why}; the end seems to be inclusive here"
    if span.said and span.start > 0 and text[span.start - 1 : span.end - 1] == span.said:
        return f"{why}; offsets seem to count from 1 here"
    return why
