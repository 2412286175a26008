"""Values that are annotated with several entity types."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations

from cnlu.check.corpus import Corpus, Line, surface
from cnlu.check.findings import Finding
from cnlu.data.schema import Entity
from cnlu.i18n import _
from cnlu.io.messages import shown

_MIN_USUAL = 10
"""Minimum number of places with the usual type for another type to be reported"""
_MAX_RARE_SHARE = 0.1
"""Largest share of a value's places at which a type is reported"""
_MIN_SHARED_VALUES = 3
"""Types with this many common values share them by design, such as origin and destination cities"""


def find_conflicting_types(corpus: Corpus) -> Iterator[Finding]:
    """`conflicting-type`: 北京 is annotated thirty times as a city and once as a person."""
    places: dict[str, dict[str, list[tuple[Line, Entity]]]] = defaultdict(lambda: defaultdict(list))
    for line in (*corpus.train, *corpus.test):
        for entity in line.example.entities:
            value = corpus.normalizer.normalize(surface(line.example, entity)).text
            places[value][entity.entity].append((line, entity))
    shared = Counter(pair for types in places.values() for pair in combinations(sorted(types), 2))
    for types in places.values():
        usual = max(types, key=lambda kind: len(types[kind]))
        total = sum(map(len, types.values()))
        for kind, occurrences in types.items():
            share_values = shared[min(kind, usual), max(kind, usual)] >= _MIN_SHARED_VALUES
            if (
                kind == usual
                or share_values
                or len(types[usual]) < _MIN_USUAL
                or len(occurrences) > _MAX_RARE_SHARE * total
            ):
                continue
            for line, entity in occurrences:
                yield _finding(line, entity, usual, types[usual])


def _finding(line: Line, entity: Entity, usual: str, others: list[tuple[Line, Entity]]) -> Finding:
    first = others[0][0].example.source
    problem = _(
        "has {value} at {span} annotated as {type}; in {count} other places it is {usual}, for example at {place}",
        value=shown(surface(line.example, entity)),
        span=f"{entity.start}-{entity.end}",
        type=shown(entity.entity)[1:-1],
        count=len(others),
        usual=shown(usual)[1:-1],
        place=first,
    )
    return Finding(
        code="conflicting-type",
        source=line.example.source,
        text=line.example.text,
        problem=problem,
        fix=_("annotate it as {usual}, unless this sentence means the other type", usual=shown(usual)[1:-1]),
        related=tuple(other.place for other, _entity in others[:3]),
    )
