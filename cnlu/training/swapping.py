"""More examples from those there are: the same sentences with other values of their entities.

A tagger that has seen 播放 only before songs it knows learns the songs by heart; with their values exchanged it has to
learn the sentence around them (mention replacement, Dai and Adel 2020, arXiv 2010.11683, section 3).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from cnlu.data.schema import Entity, Example

Kind = tuple[str, str | None]
"""Type and role: values of one kind can stand in for each other"""


def swapped(examples: Sequence[Example], chance: float, seed: int) -> list[Example]:
    """A copy of each example with entities, each value exchanged at `chance` for one of its kind from all examples.

    Copies that would be the same as their example, and examples whose entities overlap, give none. A value brings its
    canonical form along.
    """
    lot = random.Random(seed)
    values = _values(examples)
    copies = (_copy(example, values, chance, lot) for example in examples)
    return [copy for copy in copies if copy is not None]


def _values(examples: Sequence[Example]) -> dict[Kind, list[tuple[str, str]]]:
    """By kind, every different (surface, canonical form), sorted."""
    found: dict[Kind, set[tuple[str, str]]] = {}
    for example in examples:
        for entity in example.entities:
            pair = example.text[entity.start : entity.end], entity.value
            found.setdefault((entity.entity, entity.role), set()).add(pair)
    return {kind: sorted(pairs) for kind, pairs in found.items()}


def _copy(
    example: Example, values: dict[Kind, list[tuple[str, str]]], chance: float, lot: random.Random
) -> Example | None:
    text, entities, at = "", list[Entity](), 0
    for entity in sorted(example.entities, key=lambda e: e.start):
        if entity.start < at:
            return None
        text += example.text[at : entity.start]
        surface, value = example.text[entity.start : entity.end], entity.value
        if lot.random() < chance:
            surface, value = lot.choice(values[entity.entity, entity.role])
        entities.append(replace(entity, start=len(text), end=len(text) + len(surface), value=value))
        text, at = text + surface, entity.end
    text += example.text[at:]
    return None if text == example.text else replace(example, text=text, entities=tuple(entities))
