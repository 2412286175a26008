"""The same sentences with other values of their entities.

A tagger that has seen 播放 only before songs it knows learns the songs by heart; with their values exchanged it has to
learn the sentence around them (mention replacement, Dai and Adel 2020, arXiv 2010.11683, section 3).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cnlu.data.schema import Entity, Example
from cnlu.features.synonyms import Synonyms

Kind = tuple[str, str | None]
"""Type and role: values of one kind can stand in for each other"""
Value = tuple[str, str]
"""How it is written, and its canonical form"""

LONGEST = 50
"""Characters of a lookup entry that can be a value; a longer one is a sentence rather than a name"""


def substitute_values(
    examples: Sequence[Example],
    chance: float,
    seed: int,
    lookups: Mapping[str, Sequence[str]] | None = None,
    synonyms: Synonyms | None = None,
) -> list[Example]:
    """A copy of each example with entities, each value exchanged at `chance` for one of its kind.

    The other value comes from all examples; where the lookup table named like the entity's type has entries that no
    example of the kind has, it comes from there half of the time, however long the table: the examples' own values
    are what users are known to say. Entries that could not be a value (blank, longer than LONGEST, with a line break
    or another unprintable character) are left out. A value of the examples brings its canonical form along, one of a
    table has that of `synonyms`, as parsing gives it.

    Copies that would be the same as their example, and examples whose entities overlap, give none.
    """
    rng = random.Random(seed)
    own = _values(examples)
    listed = _listed(own, lookups or {}, synonyms)
    copies = (_copy(example, own, listed, chance, rng) for example in examples)
    return [copy for copy in copies if copy is not None]


def _values(examples: Sequence[Example]) -> dict[Kind, list[Value]]:
    """By kind, every different value of the examples, sorted."""
    found: dict[Kind, set[Value]] = {}
    for example in examples:
        for entity in example.entities:
            pair = example.text[entity.start : entity.end], entity.value
            found.setdefault((entity.entity, entity.role), set()).add(pair)
    return {kind: sorted(pairs) for kind, pairs in found.items()}


def _listed(
    own: Mapping[Kind, Sequence[Value]], lookups: Mapping[str, Sequence[str]], synonyms: Synonyms | None
) -> dict[Kind, list[Value]]:
    """By kind, what the lookup tables add to the examples' own values."""
    found: dict[Kind, list[Value]] = {}
    for kind, values in own.items():
        known = {surface for surface, _ in values}
        entries = dict.fromkeys(entry.strip() for entry in lookups.get(kind[0], ()))
        found[kind] = [
            (entry, synonyms.value(entry, kind[0]) if synonyms else entry)
            for entry in entries
            if entry and entry not in known and len(entry) <= LONGEST and entry.isprintable()
        ]
    return found


def _copy(
    example: Example,
    own: Mapping[Kind, Sequence[Value]],
    listed: Mapping[Kind, Sequence[Value]],
    chance: float,
    rng: random.Random,
) -> Example | None:
    text, entities, at = "", list[Entity](), 0
    for entity in sorted(example.entities, key=lambda e: e.start):
        if entity.start < at:
            return None
        text += example.text[at : entity.start]
        surface, value = example.text[entity.start : entity.end], entity.value
        if rng.random() < chance:
            kind = entity.entity, entity.role
            source = listed if listed[kind] and rng.random() < 0.5 else own
            surface, value = rng.choice(source[kind])
        entities.append(replace(entity, start=len(text), end=len(text) + len(surface), value=value))
        text, at = text + surface, entity.end
    text += example.text[at:]
    return None if text == example.text else replace(example, text=text, entities=tuple(entities))
