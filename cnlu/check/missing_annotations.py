"""Values that are annotated in some examples and left bare in others: what a model cannot make sense of.

The same characters may well be no value elsewhere: 学生 is a ticket type in 学生票 and none in 学生放假. So a place is
only named where the examples themselves say that it is an exception, by how often a value is annotated where it stands.
What is rare is judged by the other values of its type too; ordinary words must speak for themselves.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from cnlu.check.corpus import Corpus, Line, cover, share, surface
from cnlu.check.findings import Finding, Place
from cnlu.config import CheckConfig
from cnlu.features.lexicon import Lexicon
from cnlu.io.messages import shown
from cnlu.text.chars import char_type
from cnlu.text.segment import Segmenter, parts_of_speech
from cnlu.text.view import view

_WEIGHT = 4
"""How many places of its own outweigh what the type's other values say about one."""
_CONVENTION = 3
"""With so many bare values in an intent that never has the type, that is how the intent is annotated."""
_MANY = 10
"""Bare places that make a type worth a word as a whole, and the share of all its places."""
_MUCH = 0.05
_NAMES = ("nr", "ns", "nt", "nz", "t")
"""jieba's parts of speech of what is hardly ever anything but a value: people, places, bodies, brands, times."""
_GREETING = re.compile("好|快乐|愉快|安康")
_ALL_OF_IT = frozenset("一大整")
"""一下午 and 大晚上 are no times of day but how long, or how late."""


@dataclass
class _Value:
    """What the examples say of one value."""

    types: Counter[str] = field(default_factory=Counter)
    bare: int = 0
    annotated_at: list[Place] = field(default_factory=list)
    """Some of the examples that annotate it."""

    @property
    def type(self) -> str:
        return self.types.most_common(1)[0][0]


@dataclass(frozen=True, eq=False)
class _Hit:
    """A place where a value stands and nothing is annotated."""

    line: Line
    start: int
    end: int
    value: str
    """Normalised."""


def find_bare_values(corpus: Corpus) -> Iterator[Finding]:
    """`bare-value`, `bare-in-intent`, `bare-type`; the test is judged by training and itself together."""
    values = _annotated(corpus)
    hits = _bare_hits(corpus, values)
    if not hits:
        return
    intents = _type_intents(corpus)
    hits, conventions = _by_convention(hits, values, intents)
    for hit in hits:
        values[hit.value].bare += 1
    judge = _Judge(corpus.config.check, values)
    slips = [
        hit for hit in hits if judge.is_slip(hit.value, (values[hit.value].type, hit.line.example.intent) in intents)
    ]
    for hit in sorted(slips, key=lambda hit: -judge.strength(hit.value)):
        yield _bare_value(hit, values[hit.value])
    rest: dict[str, list[_Hit]] = defaultdict(list)
    named = set(slips)
    for hit in hits:
        if hit not in named and not _is_number(hit.value):
            rest[values[hit.value].type].append(hit)
    for kind, left in rest.items():
        yield from _bare_type(kind, left, values)
    for (kind, intent), group in conventions.items():
        yield from _in_intent(kind, intent, [hit for hit in group if judge.is_name(hit.value)])


def _annotated(corpus: Corpus) -> dict[str, _Value]:
    """Every value of two or more characters that is annotated or stands in a lookup table of a type's name."""
    values: dict[str, _Value] = defaultdict(_Value)
    types = set()
    for line in (*corpus.train, *corpus.test):
        for entity in line.example.entities:
            types.add(entity.entity)
            value = values[corpus.normalizer.normalize(view(surface(line.example, entity)).text).text]
            value.types[entity.entity] += 1
            if len(value.annotated_at) < 3:
                value.annotated_at.append(line.place)
    for entry in corpus.data.entries:
        if entry.kind == "lookup" and entry.name in types:
            value = values[corpus.normalizer.normalize(view(entry.text).text).text]
            if not value.types:  # the table says what it is, once
                value.types[entry.name] = 1
                value.annotated_at.append(Place(entry.source, entry.text))
    return {text: value for text, value in values.items() if len(text) > 1 and not text.isdecimal()}


def _bare_hits(corpus: Corpus, values: dict[str, _Value]) -> list[_Hit]:
    """Where a known value stands and no annotation touches it: the longest value that fits, whole words only."""
    lexicon = Lexicon({"": list(values)}, {}, corpus.normalizer)
    edges: _Edges | None = None
    hits = []
    for line in (*corpus.train, *corpus.test):
        text, covered, seen = line.example.text, cover(line.example), view(line.example.text)
        for match in lexicon.matches(corpus.normalizer.normalize(seen.text)):
            start, end = seen.to_raw(match.start, match.end)
            if any(covered[start:end]):
                continue
            if _is_phrase(text, start, end, match.entry):
                continue
            edges = edges or _Edges(corpus)
            if edges.fit(text, start, end, values[match.entry].type):
                hits.append(_Hit(line, start, end, match.entry))
    return hits


def _is_phrase(text: str, start: int, end: int, value: str) -> bool:
    """Whether a time stands in a greeting, a wish or a duration: 晚上 in 晚上好, 中秋 in 中秋快乐, 下午 in 一下午."""
    if not (_GREETING.match(text, end) or text[start - 1 : start] in _ALL_OF_IT):
        return False
    return parts_of_speech().get(value) == "t"


class _Edges:
    """Whether a value stands free of the words around it: 学生 does not in 学生证."""

    def __init__(self, corpus: Corpus) -> None:
        self._segmenter = Segmenter()
        self._words: tuple[str, set[int]] = ("", set())
        # A neighbour that annotations of the type have too is no obstacle: 站 after [北京南].
        self._left: set[tuple[str, str]] = set()
        self._right: set[tuple[str, str]] = set()
        for line in (*corpus.train, *corpus.test):
            text = line.example.text
            for entity in line.example.entities:
                self._left.add((entity.entity, text[entity.start - 1 : entity.start]))
                self._right.add((entity.entity, text[entity.end : entity.end + 1]))

    def fit(self, text: str, start: int, end: int, kind: str) -> bool:
        if self._words[0] != text:
            self._words = text, {edge for span in self._segmenter.spans(text) for edge in span}
        cuts = self._words[1]
        left = start in cuts or (kind, text[start - 1 : start]) in self._left
        right = end in cuts or (kind, text[end : end + 1]) in self._right
        return left and right and bool({start, end} & cuts)


def _type_intents(corpus: Corpus) -> set[tuple[str, str | None]]:
    return {
        (entity.entity, line.example.intent)
        for lines in corpus.parts
        for line in lines
        for entity in line.example.entities
    }


def _by_convention(
    hits: list[_Hit], values: dict[str, _Value], known: set[tuple[str, str | None]]
) -> tuple[list[_Hit], dict[tuple[str, str | None], list[_Hit]]]:
    """The hits that may be slips, and by type and intent those in intents that never have the type, many of them."""
    foreign: dict[tuple[str, str | None], list[_Hit]] = defaultdict(list)
    for hit in hits:
        key = values[hit.value].type, hit.line.example.intent
        if key not in known:
            foreign[key].append(hit)
    conventions = {key: group for key, group in foreign.items() if len(group) >= _CONVENTION}
    slips = [hit for hit in hits if (values[hit.value].type, hit.line.example.intent) not in conventions]
    return slips, conventions


def _type_shares(values: dict[str, _Value]) -> dict[str, float]:
    """Of each type, the share of the places of its values that are annotated."""
    annotated, all_places = Counter[str](), Counter[str]()
    for value in values.values():
        annotated[value.type] += _total(value)
        all_places[value.type] += _total(value) + value.bare
    return {kind: annotated[kind] / all_places[kind] for kind in all_places}


def _total(value: _Value) -> int:
    return sum(value.types.values())


class _Judge:
    """Which bare places are exceptions, when all of them have been counted."""

    def __init__(self, settings: CheckConfig, values: dict[str, _Value]) -> None:
        self._settings, self._values = settings, values
        self._shares, self._words = _type_shares(values), parts_of_speech()

    def strength(self, text: str) -> float:
        """The chance that a place of the value is annotated, the type's share standing in for what was not seen."""
        value = self._values[text]
        total = _total(value)
        return (total + _WEIGHT * self._shares[value.type]) / (total + value.bare + _WEIGHT)

    def is_slip(self, text: str, at_home: bool) -> bool:
        """`at_home`: whether the intent of the bare place ever has the type."""
        if self.strength(text) < self._settings.bare_share:
            return False
        value = self._values[text]
        careless = self._shares[value.type] < self._settings.bare_share
        if at_home and not careless and not _is_common(text, self._words):
            return True
        return _total(value) / (_total(value) + value.bare) >= self._settings.bare_common_share

    def is_name(self, text: str) -> bool:
        """Whether the characters are hardly ever anything but this value."""
        seldom = _total(self._values[text]) < _WEIGHT and _is_common(text, self._words)
        return not seldom and self.is_slip(text, at_home=True)


def _is_common(value: str, words: dict[str, str]) -> bool:
    """Whether the value is an ordinary word of the language, or a number."""
    return _is_number(value) or (value in words and not words[value].startswith(_NAMES))


def _is_number(value: str) -> bool:
    """两张, 12号: not even the same things are counted everywhere. G12 is a name."""
    others = [kind for kind in map(char_type, value) if kind not in ("digit", "hannum")]
    return len(others) < 2 and "latin" not in others


def _bare_value(hit: _Hit, value: _Value) -> Finding:
    text = hit.line.example.text
    written, kind = text[hit.start : hit.end], shown(value.type)[1:-1]
    total = _total(value)
    often = f"{total} of {total + value.bare} places, as at {value.annotated_at[0].source}"
    problem = f"has {shown(written)} at {hit.start}-{hit.end} bare, which is {kind} in {often}"
    return Finding(
        "bare-value", hit.line.example.source, text, problem, f"annotate [{written}]({kind})", tuple(value.annotated_at)
    )


def _in_intent(kind: str, intent: str | None, group: list[_Hit]) -> Iterator[Finding]:
    if len(group) < _CONVENTION:
        return
    named = shown(intent) if intent is not None else "examples without an intent"
    problem = f"is a type that {named} never has, though {_listed(group)} stand there"
    yield Finding(
        "bare-in-intent",
        group[0].line.example.source,
        kind,
        problem,
        "annotate them, unless they mean something else there",
        tuple(hit.line.place for hit in group),
    )


def _bare_type(kind: str, left: list[_Hit], values: dict[str, _Value]) -> Iterator[Finding]:
    annotated = sum(_total(value) for value in values.values() if value.type == kind)
    if len(left) < _MANY or len(left) < _MUCH * (annotated + len(left)):
        return
    problem = (
        f"is annotated in {share(annotated, annotated + len(left))} of the places where values of it stand; "
        f"bare are {_listed(left)}"
    )
    yield Finding(
        "bare-type",
        left[0].line.example.source,
        kind,
        problem,
        "look through these places; common words that are values now and then may stay bare",
        tuple(hit.line.place for hit in left),
    )


def _listed(hits: list[_Hit], most: int = 5) -> str:
    """The values by how often they stand bare: “可以” (12), “你好” (3) and 40 others."""
    counts = Counter(hit.value for hit in hits).most_common()
    named = ", ".join(f"{shown(value)} ({count})" for value, count in counts[:most])
    return named if len(counts) <= most else f"{named} and {len(counts) - most} more"
