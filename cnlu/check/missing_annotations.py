"""Values that are annotated in some examples and not in others, which confuses a model.

The same characters are not always a value: 学生 is a ticket type in 学生票 but not in 学生放假. A place is therefore
reported only if the examples show that it is an exception, by the share of the value's places that are annotated. Rare
values are judged by the other values of their type too; ordinary words are judged by their own places alone.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from cnlu.check.corpus import Corpus, Line, coverage, percentage, surface
from cnlu.check.findings import Finding, Place
from cnlu.config import CheckConfig
from cnlu.features.lexicon import Lexicon
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.text.chars import char_type
from cnlu.text.segment import Segmenter, parts_of_speech
from cnlu.text.view import view

_PRIOR_WEIGHT = 4
"""Weight of the type's annotated share, in places, when the share of one of its values is estimated"""
_CONVENTION = 3
"""Number of unannotated values in an intent without the type from which this counts as a convention"""
_MIN_PLACES = 10
"""Smallest number of unannotated places for which a type is reported as a whole"""
_MIN_SHARE = 0.05
"""Smallest share of a type's places for which it is reported as a whole"""
_NAMES = ("nr", "ns", "nt", "nz", "t")
"""jieba's parts of speech for names and times: people, places, organizations, other proper nouns, times."""
_GREETING = re.compile("好|快乐|愉快|安康")
_DURATION_PREFIXES = frozenset("一大整")
"""一下午 is a duration and 大晚上 an emphasis, not a time of day"""


@dataclass
class _Value:
    """The places of one value in the examples."""

    types: Counter[str] = field(default_factory=Counter)
    unannotated: int = 0
    annotated_at: list[Place] = field(default_factory=list)
    """Some of the examples that annotate it"""

    @property
    def type(self) -> str:
        return self.types.most_common(1)[0][0]


@dataclass(frozen=True, eq=False)
class _Hit:
    """A place where a value occurs without an annotation."""

    line: Line
    start: int
    end: int
    value: str
    """Normalized"""


def find_missing_annotations(corpus: Corpus) -> Iterator[Finding]:
    """`missing-annotation`, `missing-annotation-intent`, `missing-annotation-type`; test data is evidence too."""
    values = _annotated(corpus)
    hits = _unannotated_hits(corpus, values)
    if not hits:
        return
    intents = _type_intents(corpus)
    hits, conventions = _split_conventions(hits, values, intents)
    for hit in hits:
        values[hit.value].unannotated += 1
    estimator = _Estimator(corpus.config.check, values)
    mistakes = [
        hit
        for hit in hits
        if estimator.is_mistake(hit.value, (values[hit.value].type, hit.line.example.intent) in intents)
    ]
    for hit in sorted(mistakes, key=lambda hit: -estimator.annotated_share(hit.value)):
        yield _missing_annotation(hit, values[hit.value])
    others_by_type: dict[str, list[_Hit]] = defaultdict(list)
    named = set(mistakes)
    for hit in hits:
        if hit not in named and not _is_number(hit.value):
            others_by_type[values[hit.value].type].append(hit)
    for kind, left in others_by_type.items():
        yield from _missing_in_type(kind, left, values)
    for (kind, intent), group in conventions.items():
        yield from _missing_in_intent(kind, intent, [hit for hit in group if estimator.is_name(hit.value)])


def _annotated(corpus: Corpus) -> dict[str, _Value]:
    """Every value of two or more characters that is annotated, or is in a lookup table with the name of a type."""
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
            if not value.types:  # an entry of a table counts as one annotation
                value.types[entry.name] = 1
                value.annotated_at.append(Place(entry.source, entry.text))
    return {text: value for text, value in values.items() if len(text) > 1 and not text.isdecimal()}


def _unannotated_hits(corpus: Corpus, values: dict[str, _Value]) -> list[_Hit]:
    """Places of known values that no annotation touches: the longest value that matches, whole words only."""
    lexicon = Lexicon({"": list(values)}, {}, corpus.normalizer)
    boundaries: _WordBoundaries | None = None
    hits = []
    for line in (*corpus.train, *corpus.test):
        text, covered, seen = line.example.text, coverage(line.example), view(line.example.text)
        for match in lexicon.matches(corpus.normalizer.normalize(seen.text)):
            start, end = seen.to_raw(match.start, match.end)
            if any(covered[start:end]):
                continue
            if _is_phrase(text, start, end, match.entry):
                continue
            boundaries = boundaries or _WordBoundaries(corpus)
            if boundaries.enclose(text, start, end, values[match.entry].type):
                hits.append(_Hit(line, start, end, match.entry))
    return hits


def _is_phrase(text: str, start: int, end: int, value: str) -> bool:
    """Whether a time is part of a greeting, a wish or a duration: 晚上 in 晚上好, 中秋 in 中秋快乐, 下午 in 一下午."""
    if not (_GREETING.match(text, end) or text[start - 1 : start] in _DURATION_PREFIXES):
        return False
    return parts_of_speech().get(value) == "t"


class _WordBoundaries:
    """Decides whether a value is separate from the words around it: 学生 in 学生证 is not."""

    def __init__(self, corpus: Corpus) -> None:
        self._segmenter = Segmenter()
        self._words: tuple[str, set[int]] = ("", set())
        # Neighbours that annotations of the type also have are allowed: 站 after [北京南].
        self._left: set[tuple[str, str]] = set()
        self._right: set[tuple[str, str]] = set()
        for line in (*corpus.train, *corpus.test):
            text = line.example.text
            for entity in line.example.entities:
                self._left.add((entity.entity, text[entity.start - 1 : entity.start]))
                self._right.add((entity.entity, text[entity.end : entity.end + 1]))

    def enclose(self, text: str, start: int, end: int, kind: str) -> bool:
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


def _split_conventions(
    hits: list[_Hit], values: dict[str, _Value], known: set[tuple[str, str | None]]
) -> tuple[list[_Hit], dict[tuple[str, str | None], list[_Hit]]]:
    """(hits that may be mistakes, hits by type and intent where an intent without the type has many of them)."""
    without_type: dict[tuple[str, str | None], list[_Hit]] = defaultdict(list)
    for hit in hits:
        key = values[hit.value].type, hit.line.example.intent
        if key not in known:
            without_type[key].append(hit)
    conventions = {key: group for key, group in without_type.items() if len(group) >= _CONVENTION}
    mistakes = [hit for hit in hits if (values[hit.value].type, hit.line.example.intent) not in conventions]
    return mistakes, conventions


def _type_shares(values: dict[str, _Value]) -> dict[str, float]:
    """For each type, the share of its values' places that are annotated."""
    annotated, all_places = Counter[str](), Counter[str]()
    for value in values.values():
        annotated[value.type] += _annotated_count(value)
        all_places[value.type] += _annotated_count(value) + value.unannotated
    return {kind: annotated[kind] / all_places[kind] for kind in all_places}


def _annotated_count(value: _Value) -> int:
    return sum(value.types.values())


class _Estimator:
    """Decides which unannotated places are mistakes, once all places have been counted."""

    def __init__(self, settings: CheckConfig, values: dict[str, _Value]) -> None:
        self._settings, self._values = settings, values
        self._shares, self._words = _type_shares(values), parts_of_speech()

    def annotated_share(self, text: str) -> float:
        """Estimated probability that a place of the value is annotated, with the type's share as the prior."""
        value = self._values[text]
        total = _annotated_count(value)
        return (total + _PRIOR_WEIGHT * self._shares[value.type]) / (total + value.unannotated + _PRIOR_WEIGHT)

    def is_mistake(self, text: str, has_type: bool) -> bool:
        """Whether an unannotated place is a mistake. `has_type`: whether its intent has the type anywhere."""
        if self.annotated_share(text) < self._settings.missing_annotation_share:
            return False
        value = self._values[text]
        inconsistent = self._shares[value.type] < self._settings.missing_annotation_share
        if has_type and not inconsistent and not _is_common(text, self._words):
            return True
        return (
            _annotated_count(value) / (_annotated_count(value) + value.unannotated)
            >= self._settings.missing_annotation_common_share
        )

    def is_name(self, text: str) -> bool:
        """Whether the characters nearly always are this value."""
        rare_word = _annotated_count(self._values[text]) < _PRIOR_WEIGHT and _is_common(text, self._words)
        return not rare_word and self.is_mistake(text, has_type=True)


def _is_common(value: str, words: dict[str, str]) -> bool:
    """Whether the value is an ordinary word or a number."""
    return _is_number(value) or (value in words and not words[value].startswith(_NAMES))


def _is_number(value: str) -> bool:
    """Whether the value is a number with at most one other character, such as 两张 or 12号. G12 is a name."""
    others = [kind for kind in map(char_type, value) if kind not in ("digit", "hannum")]
    return len(others) < 2 and "latin" not in others


def _missing_annotation(hit: _Hit, value: _Value) -> Finding:
    text = hit.line.example.text
    written, kind = text[hit.start : hit.end], shown(value.type)[1:-1]
    total = _annotated_count(value)
    problem = _(
        "has {value} at {span} without an annotation; in {annotated} of {total} places it is {type}, for example at "
        "{place}",
        value=shown(written),
        span=f"{hit.start}-{hit.end}",
        type=kind,
        annotated=total,
        total=total + value.unannotated,
        place=value.annotated_at[0].source,
    )
    return Finding(
        code="missing-annotation",
        source=hit.line.example.source,
        text=text,
        problem=problem,
        fix=_("annotate {markup}", markup=f"[{written}]({kind})"),
        related=tuple(value.annotated_at),
    )


def _missing_in_intent(kind: str, intent: str | None, group: list[_Hit]) -> Iterator[Finding]:
    if len(group) < _CONVENTION:
        return
    values = _listed(group)
    if intent is None:
        problem = _(
            "is a type that examples without an intent never have, although they contain {values}", values=values
        )
    else:
        problem = _(
            "is a type that {intent} never has, although its examples contain {values}",
            intent=shown(intent),
            values=values,
        )
    yield Finding(
        code="missing-annotation-intent",
        source=group[0].line.example.source,
        text=kind,
        problem=problem,
        fix=_("annotate them, unless they mean something else there"),
        related=tuple(hit.line.place for hit in group),
    )


def _missing_in_type(kind: str, left: list[_Hit], values: dict[str, _Value]) -> Iterator[Finding]:
    annotated = sum(_annotated_count(value) for value in values.values() if value.type == kind)
    if len(left) < _MIN_PLACES or len(left) < _MIN_SHARE * (annotated + len(left)):
        return
    problem = _(
        "is annotated in {share} of the places where its values occur; without an annotation are {values}",
        share=percentage(annotated, annotated + len(left)),
        values=_listed(left),
    )
    yield Finding(
        code="missing-annotation-type",
        source=left[0].line.example.source,
        text=kind,
        problem=problem,
        fix=_("check these places; common words that are only sometimes values need no annotation"),
        related=tuple(hit.line.place for hit in left),
    )


def _listed(hits: list[_Hit], most: int = 5) -> str:
    """The values by their number of unannotated places: “可以” (12), “你好” (3) and 40 more."""
    counts = Counter(hit.value for hit in hits).most_common()
    named = ", ".join(f"{shown(value)} ({count})" for value, count in counts[:most])
    if len(counts) <= most:
        return named
    return _("{listed} and {count} more", listed=named, count=len(counts) - most)
