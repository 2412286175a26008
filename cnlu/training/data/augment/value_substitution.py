"""Substitute the values of entities.

A tagger that has seen 播放 only before certain songs memorises the songs. With other values it has to learn from the
sentence around them (mention replacement, Dai and Adel 2020, arXiv 2010.11683, section 3).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cnlu.data.schema import Entity, Example
from cnlu.features.synonyms import Synonyms

Kind = tuple[str, str | None]
"""(type, role); values of one kind can replace each other"""
Value = tuple[str, str]
"""(surface, canonical form)"""

MAX_LENGTH = 50
"""Maximum length of a lookup entry that serves as a value; a longer one is a sentence rather than a name"""


def substitute_values(
    examples: Sequence[Example],
    probability: float,
    seed: int,
    lookups: Mapping[str, Sequence[str]] | None = None,
    synonyms: Synonyms | None = None,
) -> list[Example]:
    """A copy of each example with entities; another value of its kind replaces each value with this probability.

    The new value comes from all examples. If the lookup table of the entity's type has entries that occur in no example
    of the kind, half of the new values come from the table, however long it is, because the values of the examples are
    what users really say. Entries that cannot be values (blank, longer than MAX_LENGTH, or with an unprintable
    character) are left out. A value of the examples keeps its canonical form; one of a table gets that of `synonyms`,
    as in parsing.

    Copies that equal their example and examples with overlapping entities are left out.
    """
    rng = random.Random(seed)
    from_examples = _values(examples)
    from_lookups = _lookup_values(from_examples, lookups or {}, synonyms)
    copies = (_copy(example, from_examples, from_lookups, probability, rng) for example in examples)
    return [copy for copy in copies if copy is not None]


def _values(examples: Sequence[Example]) -> dict[Kind, list[Value]]:
    """The distinct values of the examples by kind, sorted."""
    values: dict[Kind, set[Value]] = {}
    for example in examples:
        for entity in example.entities:
            pair = example.text[entity.start : entity.end], entity.value
            values.setdefault((entity.entity, entity.role), set()).add(pair)
    return {kind: sorted(pairs) for kind, pairs in values.items()}


def _lookup_values(
    from_examples: Mapping[Kind, Sequence[Value]], lookups: Mapping[str, Sequence[str]], synonyms: Synonyms | None
) -> dict[Kind, list[Value]]:
    """The values by kind that the lookup tables add to those of the examples."""
    values_by_kind: dict[Kind, list[Value]] = {}
    for kind, values in from_examples.items():
        surfaces = {surface for surface, _ in values}
        entries = dict.fromkeys(entry.strip() for entry in lookups.get(kind[0], ()))
        values_by_kind[kind] = [
            (entry, synonyms.value(entry, kind[0]) if synonyms else entry)
            for entry in entries
            if entry and entry not in surfaces and len(entry) <= MAX_LENGTH and entry.isprintable()
        ]
    return values_by_kind


def _copy(
    example: Example,
    from_examples: Mapping[Kind, Sequence[Value]],
    from_lookups: Mapping[Kind, Sequence[Value]],
    probability: float,
    rng: random.Random,
) -> Example | None:
    text, entities, position = "", list[Entity](), 0
    for entity in sorted(example.entities, key=lambda e: e.start):
        if entity.start < position:
            return None
        text += example.text[position : entity.start]
        surface, value = example.text[entity.start : entity.end], entity.value
        if rng.random() < probability:
            kind = entity.entity, entity.role
            source = from_lookups if from_lookups[kind] and rng.random() < 0.5 else from_examples
            surface, value = rng.choice(source[kind])
        entities.append(replace(entity, start=len(text), end=len(text) + len(surface), value=value))
        text, position = text + surface, entity.end
    text += example.text[position:]
    return None if text == example.text else replace(example, text=text, entities=tuple(entities))
