"""Values that some examples annotate, and the places where they occur without an annotation."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from cnlu.check.corpus import Corpus, Line, coverage, surface
from cnlu.check.findings import Place
from cnlu.features.lexicon import Lexicon
from cnlu.text.segment import Segmenter, parts_of_speech
from cnlu.text.view import view

_GREETING = re.compile("好|快乐|愉快|安康")
_DURATION_PREFIXES = frozenset("一大整")
"""一下午 is a duration and 大晚上 an emphasis, not a time of day"""


@dataclass
class AnnotatedValue:
    """The places of one value in the examples."""

    types: Counter[str] = field(default_factory=Counter)
    unannotated: int = 0
    annotated_at: list[Place] = field(default_factory=list)
    """Some of the examples that annotate it"""

    @property
    def annotated(self) -> int:
        """Number of annotated places."""
        return sum(self.types.values())

    @property
    def type(self) -> str:
        """The most frequent type."""
        return self.types.most_common(1)[0][0]


@dataclass(frozen=True, eq=False)
class Hit:
    """A place where a value occurs without an annotation."""

    line: Line
    start: int
    end: int
    value: str
    """Normalized"""


def annotated_values(corpus: Corpus) -> dict[str, AnnotatedValue]:
    """Every value of two or more characters that is annotated, or is in a lookup table with the name of a type."""
    values: dict[str, AnnotatedValue] = defaultdict(AnnotatedValue)
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


def unannotated_hits(corpus: Corpus, values: dict[str, AnnotatedValue]) -> list[Hit]:
    """Places of annotated values that no annotation touches: the longest match, whole words only."""
    lexicon = Lexicon({"": list(values)}, {}, corpus.normalizer)
    boundaries: _WordBoundaries | None = None
    hits = []
    for line in (*corpus.train, *corpus.test):
        text, covered, model_text = line.example.text, coverage(line.example), view(line.example.text)
        for match in lexicon.matches(corpus.normalizer.normalize(model_text.text)):
            start, end = model_text.to_raw(match.start, match.end)
            if any(covered[start:end]):
                continue
            if _is_phrase(text, start, end, match.entry):
                continue
            boundaries = boundaries or _WordBoundaries(corpus)
            if boundaries.enclose(text, start, end, values[match.entry].type):
                hits.append(Hit(line, start, end, match.entry))
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

    def enclose(self, text: str, start: int, end: int, entity_type: str) -> bool:
        if self._words[0] != text:
            self._words = text, {edge for span in self._segmenter.spans(text) for edge in span}
        word_edges = self._words[1]
        left = start in word_edges or (entity_type, text[start - 1 : start]) in self._left
        right = end in word_edges or (entity_type, text[end : end + 1]) in self._right
        return left and right and bool({start, end} & word_edges)
