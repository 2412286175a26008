"""The features that assign the entities of a sentence to groups: repeated kinds, and the text between entities."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Span = tuple[int, int]
Kind = tuple[str, str | None]
"""Type and role"""

_PAUSE = re.compile(r"[，。；！？：,;!?:\n]")
_CONJUNCTION = re.compile(r"[、和跟与及加再还另]|&|/|\+|以及|然后|\band\b")
_LONG_GAP = 8
"""Length of a gap between two entities from which its feature has the maximum value."""


class GroupFeatures(NamedTuple):
    """The features of n entities whose types have groups, in text order. A kind is a type with a role."""

    grouped: Floats
    """[n, 7], for belonging to an item: constant; its kind repeats; its type repeats but its kind does not; another
    kind repeats; several kinds repeat; it is outside the entities of repeating kinds; it is, and a pause separates
    it from them"""
    begins: Floats
    """[n, 5], for beginning an item other than the first: constant; and the text before the entity: has a pause, has a
    conjunction, is empty, its length"""
    similarity: Floats
    """[n, n + 1, 2], for an item that began with entity s - 1 (s = 0: no item so far): the entity is of the kind that
    the item began with, a sign of a new item; the item already has an entity of this kind, a sign against adding this
    one to it"""
    rank: NDArray[np.intp]
    """[n]: number of entities of the same kind before the entity"""
    max_repeats: int
    """Number of entities of the most frequent kind"""


def group_features(text: str, spans: Sequence[Span], kinds: Sequence[Kind]) -> GroupFeatures:
    """The features of entities in text order that do not overlap."""
    gaps = _gaps(text, spans)
    pauses = [bool(_PAUSE.search(gap)) for gap in gaps]
    counts = Counter(kinds)
    grouped, similarity = _grouped_and_similarity(kinds, counts, pauses)
    begins = [
        (1.0, pause, bool(_CONJUNCTION.search(gap)), not gap, min(len(gap), _LONG_GAP) / _LONG_GAP)
        for gap, pause in zip(gaps, pauses, strict=True)
    ]
    return GroupFeatures(
        grouped=grouped,
        begins=np.array(begins, np.float32).reshape(len(spans), 5),
        similarity=similarity,
        rank=np.array([sum(other == kind for other in kinds[:i]) for i, kind in enumerate(kinds)], np.intp),
        max_repeats=max(counts.values()),
    )


def _gaps(text: str, spans: Sequence[Span]) -> list[str]:
    """The visible characters before each entity, back to the one before it."""
    ends = [0, *(end for _, end in spans[:-1])]
    return [
        "".join(c for c in text[end:start] if c.isprintable() and c != " ")
        for end, (start, _) in zip(ends, spans, strict=True)
    ]


def _grouped_and_similarity(
    kinds: Sequence[Kind], counts: Counter[Kind], pauses: Sequence[bool]
) -> tuple[Floats, Floats]:
    """`GroupFeatures.grouped` and `GroupFeatures.similarity`."""
    count, types = len(kinds), Counter(kind for kind, _ in kinds)
    repeating = [i for i, kind in enumerate(kinds) if counts[kind] > 1]
    types_repeat = sum(n > 1 for n in counts.values()) > 1
    grouped = np.zeros((count, 7), np.float32)
    similarity = np.zeros((count, count + 1, 2), np.float32)
    for i, kind in enumerate(kinds):
        repeats = counts[kind] > 1
        outside = apart = False
        if repeating and not repeats and not repeating[0] < i < repeating[-1]:
            outside = True
            apart = any(pauses[i + 1 : repeating[0] + 1] if i < repeating[0] else pauses[repeating[-1] + 1 : i + 1])
        type_repeats = not repeats and types[kind[0]] > 1
        another_repeats = bool(repeating) and not repeats
        grouped[i] = 1.0, repeats, type_repeats, another_repeats, types_repeat, outside, apart
        for start in range(i):
            similarity[i, start + 1] = kind == kinds[start], kind in kinds[start:i]
    return grouped, similarity
