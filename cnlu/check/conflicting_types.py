"""One value, annotated as several types."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations

from cnlu.check.corpus import Corpus, Line, surface
from cnlu.check.findings import Finding
from cnlu.data.schema import Entity
from cnlu.io.messages import shown

_EVIDENCE = 10
"""A value must have its usual type in so many places before another one is odd."""
_RARE = 0.1
"""Share of a value's places up to which a type is odd."""
_KINDRED = 3
"""Types that have this many values in common share them by design, such as a city to go to and one to leave."""


def find_rare_types(corpus: Corpus) -> Iterator[Finding]:
    """`rare-type`: 北京 is a city thirty times and a person once."""
    places: dict[str, dict[str, list[tuple[Line, Entity]]]] = defaultdict(lambda: defaultdict(list))
    for line in (*corpus.train, *corpus.test):
        for entity in line.example.entities:
            value = corpus.normalizer.normalize(surface(line.example, entity)).text
            places[value][entity.entity].append((line, entity))
    shared = Counter(pair for types in places.values() for pair in combinations(sorted(types), 2))
    for types in places.values():
        usual = max(types, key=lambda kind: len(types[kind]))
        total = sum(map(len, types.values()))
        for kind, here in types.items():
            kindred = shared[min(kind, usual), max(kind, usual)] >= _KINDRED
            if kind == usual or kindred or len(types[usual]) < _EVIDENCE or len(here) > _RARE * total:
                continue
            for line, entity in here:
                yield _rare(line, entity, usual, types[usual])


def _rare(line: Line, entity: Entity, usual: str, others: list[tuple[Line, Entity]]) -> Finding:
    covered = shown(surface(line.example, entity))
    kind, usually = shown(entity.entity)[1:-1], shown(usual)[1:-1]
    often = f"{len(others)} other places, as at {others[0][0].example.source}"
    problem = f"has {covered} at {entity.start}-{entity.end} as {kind}, which is {usually} in {often}"
    return Finding(
        "rare-type",
        line.example.source,
        line.example.text,
        problem,
        f"make it {usually}, unless the sentence means the other",
        tuple(other.place for other, _ in others[:3]),
    )
