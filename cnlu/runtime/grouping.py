"""Which entities of a sentence belong together: a structured decision over all of them, in order, in NumPy.

A linear chain over the entities found (Lafferty et al. 2001, Conditional Random Fields) whose state also knows with
which entity the current item began (the segments of Sarawagi & Cohen 2004, Semi-Markov Conditional Random Fields): an
item's entities mostly stand together, and a type that comes again mostly belongs to the next item. The few weights are
given for facts without words in them, so they hold for wordings that training never had; the network's scores of the
characters add what the words say.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnlu.data.grouping import (
    BEGINS,
    BETWEEN,
    IN_TURN,
    OF_BEGINS,
    OF_COUNT,
    OF_GROUPED,
    OF_LIKENESS,
    RETURNS,
    WEIGHTS,
    ItemSet,
)
from cnlu.errors import ModelError

Floats = NDArray[Any]
Span = tuple[int, int]
Kind = tuple[str, str | None]
"""Type and role"""

MOST = 32
"""Entities decided together; a text of more is cut, so that its cost grows with its length alone."""
_LARGEST = 20.0
"""Scores beyond it are as sure as can be."""
_RESCALE = 8
"""Entities after which sums are scaled: each multiplies them by at most three exponentials of _LARGEST, and float64
ends at e^709."""
_PAUSE = re.compile(r"[，。；！？：,;!?:\n]")
_JOINED = re.compile(r"[、和跟与及加再还另]|&|/|\+|以及|然后|\band\b")
_LONG = 8
"""Characters between two entities; more are no longer."""


class Facts(NamedTuple):
    """What the weights are given for, of n entities of types that have groups, in the order of the text."""

    grouped: Floats
    """[n, 7], of belonging to an item: always, its kind comes more than once, its type does if not its kind, another
    kind does, several kinds do, none that does stands on its one side, nor without a pause between"""
    begins: Floats
    """[n, 5], of beginning an item that is not the first: always, and of what stands before the entity: a pause, a word
    that joins, nothing, its length"""
    likeness: Floats
    """[n, n + 1, 2], of an item that began with entity s - 1 (s = 0: none yet): the next one begins with the same kind;
    the item has one of this kind already, for going on with it"""
    turn: NDArray[np.intp]
    """[n]: how many of its kind stand before the entity"""
    most: int
    """How often the kind comes that comes most often"""


def facts(text: str, spans: Sequence[Span], kinds: Sequence[Kind]) -> Facts:
    """Of entities in order, none over another; an item mostly has one of a kind."""
    count = len(spans)
    ends = [0, *(end for _, end in spans[:-1])]
    gaps = [
        "".join(c for c in text[end:start] if c.isprintable() and c != " ")
        for end, (start, _) in zip(ends, spans, strict=True)
    ]
    often, types = Counter(kinds), Counter(kind for kind, _ in kinds)
    repeating = [i for i, kind in enumerate(kinds) if often[kind] > 1]
    multi_intent = sum(many > 1 for many in often.values()) > 1
    pauses = [bool(_PAUSE.search(gap)) for gap in gaps]
    grouped = np.zeros((count, 7), np.float32)
    likeness = np.zeros((count, count + 1, 2), np.float32)
    for i, kind in enumerate(kinds):
        repeats = often[kind] > 1
        outside = apart = False
        if repeating and not repeats and not repeating[0] < i < repeating[-1]:
            outside = True
            apart = any(pauses[i + 1 : repeating[0] + 1] if i < repeating[0] else pauses[repeating[-1] + 1 : i + 1])
        typed = not repeats and types[kind[0]] > 1
        grouped[i] = 1.0, repeats, typed, bool(repeating) and not repeats, multi_intent, outside, apart
        for start in range(i):
            likeness[i, start + 1] = kind == kinds[start], kind in kinds[start:i]
    begins = [
        (1.0, pause, bool(_JOINED.search(gap)), not gap, min(len(gap), _LONG) / _LONG)
        for gap, pause in zip(gaps, pauses, strict=True)
    ]
    turn = [sum(other == kind for other in kinds[:i]) for i, kind in enumerate(kinds)]
    return Facts(
        grouped, np.array(begins, np.float32).reshape(count, 5), likeness, np.array(turn, np.intp), max(often.values())
    )


@dataclass(frozen=True)
class Weighed:
    """The chain of n entities, every score as its exponential; S = n + 1 places where an item may have begun."""

    on: Floats
    """[n, P]: the entity belongs to the current item of a state"""
    goes_on: Floats
    """[n, S]: ... to one that began there already"""
    begins: Floats
    """[n, S]: ... to another one than that which began there"""
    moves: Floats
    """[P, P]: from state to state where another item begins, 0 where it may not"""
    end: Floats
    """[P]: the sentence ends"""


class Items:
    """Decides the groups of a sentence's entities; threads may share it."""

    def __init__(self, items: ItemSet, weights: Floats) -> None:
        """`weights` in the order of data.items.WEIGHTS. Raises ModelError where they are not that."""
        if weights.shape != (len(WEIGHTS),) or not np.isfinite(weights).all():
            raise ModelError("The model's weights of groups are not those that this cnlu decides by: train it again.")
        self.items, self.weights = items, weights.astype(np.float64)
        returns = np.exp(_within(self.weights[RETURNS]))
        self.moves = np.where(items.begins, 1.0, np.where(items.returns, returns, 0.0))
        most, met = np.arange(MOST + 1)[:, None], items.met
        counted = (met == 1) & (most >= 0), np.maximum(0, most - met), np.maximum(0, met - most)
        self.ends = np.exp(_within((np.stack(counted, -1) * (met > 0)[:, None]) @ self.weights[OF_COUNT]))
        """[MOST + 1, P]: that there are no more items, by how often a kind comes at most, if labels count"""
        self.turns = self.weights[IN_TURN] * (most + 1 == np.arange(1 + len(items.names)))
        """[MOST + 1, 1 + labels]: that it is an entity's turn, by how many of its kind there were"""

    def decide(
        self,
        text: str,
        spans: Sequence[Span],
        kinds: Sequence[Kind],
        allowed: Sequence[Sequence[str]],
        scores: Floats,
    ) -> list[tuple[str | None, float]]:
        """Of each entity, in the order of the text: its group and the probability of that; None and 0.0 for none.

        `scores` [L, columns] are the network's of the text's characters; labels that do not count are chosen among the
        `allowed` ones. Of more than MOST entities, so many at a time are decided. Raises ModelError where the scores
        are not finite numbers.
        """
        found: list[tuple[str | None, float]] = []
        names = [None, *self.items.names]
        for first in range(0, len(spans), MOST):
            part = slice(first, first + MOST)
            chain = self.weighed(text, spans[part], kinds[part], allowed[part], scores)
            labels = best(chain, self.items)
            sure = chances(chain, self.items, labels)
            found += [(names[label], chance) for label, chance in zip(labels, sure, strict=True)]
        return found

    def weighed(
        self,
        text: str,
        spans: Sequence[Span],
        kinds: Sequence[Kind],
        allowed: Sequence[Sequence[str]],
        scores: Floats,
    ) -> Weighed:
        """The chain; arguments as `decide` takes them."""
        given, weights, count = facts(text, spans, kinds), self.weights, len(spans)
        own, named = _means(scores, spans)
        likeness = given.likeness * weights[OF_LIKENESS]
        logs = np.zeros((count, 1 + len(self.items.names) + 2 * (count + 1)))
        labels, goes_on, begins = _parts(logs, count)
        labels += (given.grouped @ weights[OF_GROUPED])[:, None]
        if self.items.counting:
            labels += self.turns[given.turn]
        else:
            labels[:, 1:] += named
        goes_on += likeness[..., 1]
        begins += (given.begins @ weights[OF_BEGINS] + own)[:, None] + likeness[..., 0]
        begins[:, 0] = 0.0  # the first item must begin somewhere
        labels, goes_on, begins = _parts(np.exp(_within(logs)), count)
        labels[:, 0] = 0.0
        if not self.items.counting:
            labels[:, 1:] *= [[name in some for name in self.items.names] for some in allowed]
        return Weighed(labels[:, self.items.label], goes_on, begins, self.moves, self.ends[given.most])


def _means(scores: Floats, spans: Sequence[Span]) -> tuple[list[float], list[list[float]]]:
    """Of the entities: what they and the characters before them say for beginning an item; what they say for labels.

    In plain numbers: of so few, NumPy would take longer.
    """
    sums = np.zeros((len(scores) + 1, scores.shape[1]))
    rows = np.cumsum(scores, 0, out=sums[1:]).tolist()
    if not all(map(math.isfinite, rows[-1])):
        raise ModelError("The model's scores of groups are not finite numbers: its training diverged, train again.")
    rows.insert(0, sums[0].tolist())
    begins, labels, before = [], [], 0
    for start, end in spans:
        own = [(after - at) / (end - start) for after, at in zip(rows[end], rows[start], strict=True)]
        width, first = max(1, start - before), rows[min(before, start)]
        gap = [(after - at) / width for after, at in zip(rows[start], first, strict=True)]
        begins.append(own[BEGINS] + gap[BETWEEN])
        labels.append([one + other for one, other in zip(own, gap, strict=True)][BETWEEN + 1 :])
        before = end
    return begins, labels


def _parts(columns: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Side by side: scores of the labels, of going on with an item, of beginning another."""
    places = count + 1
    return columns[:, : -2 * places], columns[:, -2 * places : -places], columns[:, -places:]


def _within(scores: Any) -> Any:
    return np.minimum(np.maximum(scores, -_LARGEST), _LARGEST)


def chances(chain: Weighed, items: ItemSet, labels: Sequence[int]) -> list[float]:
    """The probability of each entity's group: its share of all that the sentence may mean. 0.0 for no group.

    Nobody asks how sure it is that there is none, and most sentences have none.
    """
    grouped = [i for i, label in enumerate(labels) if label]
    found = [0.0] * len(labels)
    if grouped:
        wanted = np.ones((len(grouped) + 1, len(labels), 1 + len(items.names)))
        for row, i in enumerate(grouped):
            wanted[row, i] = 0.0
            wanted[row, i, labels[i]] = 1.0
        *held, free = totals(chain, items, wanted).tolist()
        for i, one in zip(grouped, held, strict=True):
            found[i] = min(1.0, math.exp(one - free))
    return found


def totals(chain: Weighed, items: ItemSet, wanted: Floats) -> Floats:
    """[R]: the log of the summed weights of all sequences, under R masks of the labels [R, n, 1 + labels]."""
    rows, count, _ = wanted.shape
    at = np.zeros((rows, len(items.label), count + 1))
    at[:, 0, 0] = 1.0
    on, none = wanted[:, :, items.label] * chain.on, wanted[:, :, :1]
    logs = np.zeros(rows)
    for i in range(count):
        belongs = on[:, i]
        begun = (at @ chain.begins[i]) @ chain.moves * belongs
        at *= none[:, i, :, None] + belongs[:, :, None] * chain.goes_on[i]
        at[:, :, i + 1] = begun
        if i % _RESCALE == _RESCALE - 1:
            top = np.maximum(at.max((1, 2)), 1e-300)
            at /= top[:, None, None]
            logs += np.log(top)
    return np.asarray(logs + np.log(np.maximum(at.sum(2) @ chain.end, 1e-300)))


def best(chain: Weighed, items: ItemSet) -> list[int]:
    """The labels of the likeliest sequence, 0 for no group."""
    count, states = len(chain.on), np.arange(len(items.label))
    at = np.zeros((len(states), count + 1))
    at[0, 0] = 1.0
    steps = []
    for i in range(count):
        leaving = at * chain.begins[i]
        place = leaving.argmax(1)
        moved = leaving[states, place][:, None] * chain.moves
        source = moved.argmax(0)
        going = chain.on[i][:, None] * chain.goes_on[i]
        steps.append((going, source, place))
        at *= np.maximum(1.0, going)
        at[:, i + 1] = moved[source, states] * chain.on[i]
        if i % _RESCALE == _RESCALE - 1:
            at /= at.max()
    state, begun = divmod(int((at * chain.end[:, None]).argmax()), count + 1)
    labels = []
    for i in range(count - 1, -1, -1):
        going, source, place = steps[i]
        belongs = begun == i + 1 or going[state, begun] > 1.0
        labels.append(int(items.label[state]) if belongs else 0)
        if begun == i + 1:
            state = int(source[state])
            begun = int(place[state])
    return labels[::-1]
