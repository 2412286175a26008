"""Synonyms and annotated values that contradict each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cnlu.check.corpus import Corpus, surface
from cnlu.check.findings import Finding, Place
from cnlu.i18n import _
from cnlu.io.messages import shown

_Values = dict[str, list[tuple[Place, str]]]
"""By value: the places that give it, and the surface as written there"""


@dataclass
class _SurfaceValues:
    """The values of one surface; width and case are ignored."""

    general: _Values = field(default_factory=lambda: defaultdict(list))
    """From sections of synonyms"""
    of_type: dict[str, _Values] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    """By entity type, from annotations and tables"""
    without_value: dict[str, list[Place]] = field(default_factory=lambda: defaultdict(list))
    """By entity type, the places that annotate it without a value"""


def _values_by_surface(corpus: Corpus) -> dict[str, _SurfaceValues]:
    """The values by folded surface."""
    by_surface: dict[str, _SurfaceValues] = defaultdict(_SurfaceValues)
    for entry in corpus.data.entries:
        if entry.kind == "synonym":
            surface_values = by_surface[corpus.synonyms.fold(entry.text)]
            values = surface_values.general if entry.entity is None else surface_values.of_type[entry.entity]
            values[entry.name].append((Place(entry.source, entry.text), entry.text))
    for line in corpus.train:
        for entity in line.example.entities:
            covered = surface(line.example, entity)
            surface_values = by_surface[corpus.synonyms.fold(covered)]
            if entity.value == covered:
                surface_values.without_value[entity.entity].append(line.place)
            else:
                surface_values.of_type[entity.entity][entity.value].append((line.place, covered))
    return by_surface


def find_two_values(corpus: Corpus) -> Iterator[Finding]:
    """`two-values`: a surface with two values for the same entities, or values that differ only in width or case."""
    by_surface = _values_by_surface(corpus)
    for surface_values in by_surface.values():
        if len(surface_values.general) > 1 or not corpus.data.synonyms_by_type:
            competing = [
                _merged(
                    surface_values.general, *(() if corpus.data.synonyms_by_type else surface_values.of_type.values())
                )
            ]
        else:
            competing = [_merged(own, surface_values.general) for own in surface_values.of_type.values()]
        yield from (_two_values(values) for values in competing if len(values) > 1)
    yield from _spelled_in_two_ways(corpus, by_surface.values())


def _merged(*parts: _Values) -> _Values:
    merged: _Values = defaultdict(list)
    for values in parts:
        for value, places in values.items():
            merged[value] += places
    return merged


def _two_values(values: _Values) -> Finding:
    ranked = sorted(values, key=lambda value: -len(values[value]))
    first, other = ranked[0], ranked[1]
    (place, written), (first_place, first_written) = values[other][0], values[first][0]
    names = {"value": shown(other), "other": shown(first), "place": first_place.source}
    if first_written == written:
        problem = _("stands for {value} here and for {other} at {place}", **names)
    else:
        problem = _(
            "stands for {value} here and, written {surface}, for {other} at {place}",
            surface=shown(first_written),
            **names,
        )
    return Finding(
        code="two-values",
        source=place.source,
        text=written,
        problem=problem,
        fix=_("choose one: the last one read is used"),
        related=tuple(other for value in ranked for other, _surface in values[value] if other is not place),
    )


def _spelled_in_two_ways(corpus: Corpus, surfaces: Iterable[_SurfaceValues]) -> Iterator[Finding]:
    spellings_by_value: dict[str, dict[str, Place]] = defaultdict(dict)
    for surface_values in surfaces:
        for value, places in _merged(surface_values.general, *surface_values.of_type.values()).items():
            spellings_by_value[corpus.synonyms.fold(value)].setdefault(value, places[0][0])
    for spellings in spellings_by_value.values():
        (first, first_place), *others = spellings.items()
        for value, place in others:
            problem = _(
                "is a value here, and {other} at {place} differs from it only in width or case",
                other=shown(first),
                place=first_place.source,
            )
            fix = _("write both in the same way")
            yield Finding("two-values", place.source, value, problem, fix, related=(first_place,))


def find_one_type_values(corpus: Corpus) -> Iterator[Finding]:
    """`one-type-value`: 大 has the value L as one type and no value as another; one finding per surface."""
    for surface_values in _values_by_surface(corpus).values():
        others = [kind for kind in surface_values.without_value if kind not in surface_values.of_type]
        if others and surface_values.of_type and not surface_values.general:
            (other_type, values), kind = next(iter(surface_values.of_type.items())), others[0]
            (value, ((value_place, written), *_places)), *_values = values.items()
            place, *more_places = surface_values.without_value[kind]
            names = {"type": shown(kind)[1:-1], "other": shown(other_type)[1:-1]}
            yield Finding(
                code="one-type-value",
                source=place.source,
                text=written,
                problem=_one_type_problem(corpus, value, value_place.source, names),
                fix=_one_type_fix(corpus, value, names["type"]),
                related=(value_place, *more_places),
            )


def _one_type_problem(corpus: Corpus, value: str, place: str, names: dict[str, str]) -> str:
    if corpus.data.synonyms_by_type:
        return _(
            "has no value as {type} here, and {value} as {other} at {place}", value=shown(value), place=place, **names
        )
    return _(
        "has no value as {type} here, and {value} as {other} at {place}, which applies to both",
        value=shown(value),
        place=place,
        **names,
    )


def _one_type_fix(corpus: Corpus, value: str, entity_type: str) -> str:
    if corpus.data.synonyms_by_type:
        return _(
            "list it under `synonym: {value}` if it has this value as {type} too",
            value=shown(value)[1:-1],
            type=entity_type,
        )
    return _("train with data.synonyms=by_type, unless it has this value as {type} too", type=entity_type)
