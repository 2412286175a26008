"""What surfaces stand for: synonyms and annotated values that do not fit together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cnlu.check.corpus import Corpus, surface
from cnlu.check.findings import Finding, Place
from cnlu.io.messages import shown

_Values = dict[str, list[tuple[Place, str]]]
"""By value, where it is said, and how the surface is written there"""


@dataclass
class _Meanings:
    """What one surface, in whatever width and case, stands for."""

    general: _Values = field(default_factory=lambda: defaultdict(list))
    """As the sections of synonyms say"""
    of_type: dict[str, _Values] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """As annotations and tables say"""
    bare: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """By type, where it is annotated without a value"""


def _meanings(corpus: Corpus) -> dict[str, _Meanings]:
    """By surface, folded."""
    found: dict[str, _Meanings] = defaultdict(_Meanings)
    for entry in corpus.data.entries:
        if entry.kind == "synonym":
            one = found[corpus.synonyms.fold(entry.text)]
            values = one.general if entry.entity is None else one.of_type[entry.entity]
            values[entry.name].append((Place(entry.source, entry.text), entry.text))
    for line in corpus.train:
        for entity in line.example.entities:
            covered = surface(line.example, entity)
            one = found[corpus.synonyms.fold(covered)]
            if entity.value == covered:
                one.bare[entity.entity].append(line.place)
            else:
                one.of_type[entity.entity][entity.value].append((line.place, covered))
    return found


def find_two_values(corpus: Corpus) -> Iterator[Finding]:
    """`two-values`: one surface with two values for the same entities, or values that differ in width or case alone."""
    meanings = _meanings(corpus)
    for one in meanings.values():
        if len(one.general) > 1 or not corpus.data.synonyms_by_type:
            competing = [_united(one.general, *(() if corpus.data.synonyms_by_type else one.of_type.values()))]
        else:
            competing = [_united(own, one.general) for own in one.of_type.values()]
        yield from (_two(values) for values in competing if len(values) > 1)
    yield from _spelled_in_two_ways(corpus, meanings.values())


def _united(*parts: _Values) -> _Values:
    united: _Values = defaultdict(list)
    for values in parts:
        for value, said in values.items():
            united[value] += said
    return united


def _two(values: _Values) -> Finding:
    ranked = sorted(values, key=lambda value: -len(values[value]))
    first, other = ranked[0], ranked[1]
    (at, written), (there, elsewhere) = values[other][0], values[first][0]
    also = f", written {shown(elsewhere)}," if elsewhere != written else ""
    problem = f"stands for {shown(other)} here and for{also} {shown(first)} at {there.source}"
    rest = tuple(place for value in ranked for place, _ in values[value] if place is not at)
    return Finding("two-values", at.source, written, problem, "choose one: the last one read counts", rest)


def _spelled_in_two_ways(corpus: Corpus, meanings: Iterable[_Meanings]) -> Iterator[Finding]:
    spelled: dict[str, dict[str, Place]] = defaultdict(dict)
    for one in meanings:
        for value, said in _united(one.general, *one.of_type.values()).items():
            spelled[corpus.synonyms.fold(value)].setdefault(value, said[0][0])
    for ways in spelled.values():
        (first, there), *others = ways.items()
        for value, place in others:
            problem = f"is a value here, and {shown(first)} at {there.source} differs from it in width or case alone"
            yield Finding("two-values", place.source, value, problem, "write both alike", (there,))


def find_one_type_values(corpus: Corpus) -> Iterator[Finding]:
    """`one-type-value`: 大 is annotated as L of one type, and without a value as another; one finding a surface."""
    for one in _meanings(corpus).values():
        others = [kind for kind in one.bare if kind not in one.of_type]
        if others and one.of_type and not one.general:
            (valued, values), kind = next(iter(one.of_type.items())), others[0]
            (value, ((there, written), *_)), *_ = values.items()
            named, other = shown(kind)[1:-1], shown(valued)[1:-1]
            problem = f"has no value as {named} here, and {shown(value)} as {other} at {there.source}"
            fix = f"list it under `synonym: {shown(value)[1:-1]}` if it means that as {named} too"
            if not corpus.data.synonyms_by_type:
                problem += ", which counts for both"
                fix = f"train with data.synonyms=by_type, unless it means that as {named} too"
            at, *more = one.bare[kind]
            yield Finding("one-type-value", at.source, written, problem, fix, (there, *more))
