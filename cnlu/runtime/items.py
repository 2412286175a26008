"""Which entities of a sentence belong together: a structured decision over all of them, in order, in NumPy.

A linear chain over the entities found (Lafferty et al. 2001, Conditional Random Fields) whose state also knows with
which entity the current item began (the segments of Sarawagi & Cohen 2004, Semi-Markov Conditional Random Fields): an
item's entities mostly stand together, and a type that comes again mostly belongs to the next item. The few weights are
given for facts without words in them, so they hold for wordings that training never had; the network's scores of the
characters add what the words say.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cnlu.data.items import (
    BEGINS,
    BETWEEN,
    GROUPED,
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
"""Scores beyond it are as sure as can be; products of 4 * MOST of their exponentials would still fit float64."""
_PAUSE = re.compile(r"[，。；！？：,;!?:\n]")
_JOINED = re.compile(r"[、和跟与及加再还另]|&|/|\+|以及|然后|\band\b")
_LONG = 8
"""Characters between two entities; more are no longer."""


class Facts(NamedTuple):
    """What the weights are given for, of n entities of types that have groups, in the order of the text."""

    grouped: Floats
    """[n, 6], of belonging to an item: always, its kind comes more than once, its type does if not its kind, another
    kind does, no kind that does stands on its one side, nor without a pause between"""
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
    gaps = ["".join(c for c in text[end:start] if c.isprintable() and c != " ") for end, (start, _) in
            zip(ends, spans, strict=True)]  # fmt: skip
    often, types = Counter(kinds), Counter(kind for kind, _ in kinds)
    repeating = [i for i, kind in enumerate(kinds) if often[kind] > 1]
    pauses = [bool(_PAUSE.search(gap)) for gap in gaps]
    grouped = np.zeros((count, 6), np.float32)
    likeness = np.zeros((count, count + 1, 2), np.float32)
    for i, kind in enumerate(kinds):
        repeats = often[kind] > 1
        outside = apart = False
        if repeating and not repeats and not repeating[0] < i < repeating[-1]:
            outside = True
            apart = any(pauses[i + 1 : repeating[0] + 1] if i < repeating[0] else pauses[repeating[-1] + 1 : i + 1])
        typed = not repeats and types[kind[0]] > 1
        grouped[i] = 1.0, repeats, typed, bool(repeating) and not repeats, outside, apart
        for start in range(i):
            likeness[i, start + 1] = kind == kinds[start], kind in kinds[start:i]
    begins = [(1.0, pause, bool(_JOINED.search(gap)), not gap, min(len(gap), _LONG) / _LONG)
              for gap, pause in zip(gaps, pauses, strict=True)]  # fmt: skip
    turn = [sum(other == kind for other in kinds[:i]) for i, kind in enumerate(kinds)]
    return Facts(grouped, np.array(begins, np.float32).reshape(count, 5), likeness, np.array(turn, np.intp),
                 max(often.values()))  # fmt: skip


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
        with np.errstate(over="ignore"):
            returns = np.exp(_within(self.weights[RETURNS]))
        self.moves = np.where(items.begins, 1.0, np.where(items.returns, returns, 0.0))

    def decide(
        self, text: str, spans: Sequence[Span], kinds: Sequence[Kind], allowed: Sequence[Sequence[str]],
        scores: Floats,
    ) -> list[tuple[str | None, float]]:  # fmt: skip
        """Of each entity, in the order of the text: its group, None for none, and the probability of that.

        `scores` [L, columns] are the network's of the text's characters; labels that do not count are chosen among the
        `allowed` ones. Of more than MOST entities, so many at a time are decided.
        """
        found: list[tuple[str | None, float]] = []
        for first in range(0, len(spans), MOST):
            part = slice(first, first + MOST)
            chain = self.weighed(text, spans[part], kinds[part], allowed[part], scores)
            labels = best(chain, self.items)
            names = [None, *self.items.names]
            found += [(names[label], chance) for label, chance in
                      zip(labels, chances(chain, self.items, labels), strict=True)]  # fmt: skip
        return found

    def weighed(
        self, text: str, spans: Sequence[Span], kinds: Sequence[Kind], allowed: Sequence[Sequence[str]],
        scores: Floats,
    ) -> Weighed:  # fmt: skip
        """The chain; arguments as `decide` takes them."""
        if not np.isfinite(scores).all():
            raise ModelError("The model's scores of groups are not finite numbers: its training diverged, train again.")
        given, weights = facts(text, spans, kinds), self.weights
        sums = np.concatenate([np.zeros((1, scores.shape[1])), np.cumsum(scores, 0, np.float64)])
        starts, ends = np.array(spans, np.intp).T
        before = np.minimum(np.append(0, ends[:-1]), starts)
        own = (sums[ends] - sums[starts]) / (ends - starts)[:, None]
        between = (sums[starts, BETWEEN] - sums[before, BETWEEN]) / np.maximum(starts - before, 1)
        on = (given.grouped @ weights[OF_GROUPED] + own[:, GROUPED])[:, None] + self._labels(given, own, allowed)
        begins = given.begins @ weights[OF_BEGINS] + own[:, BEGINS] + between
        alike, already = (given.likeness * weights[OF_LIKENESS]).transpose(2, 0, 1)
        begins = begins[:, None] + alike
        begins[:, 0] = 0.0  # the first item must begin somewhere
        on = np.exp(_within(on))[:, self.items.label] * (self.items.label > 0)
        return Weighed(on, np.exp(_within(already)), np.exp(_within(begins)), self.moves, self._end(given.most))

    def _end(self, most: int) -> Floats:
        """[P]: that there are no more items, if labels count; mostly as many as one kind comes."""
        met = self.items.met
        counted = np.stack([met == 1, np.maximum(0, most - met), np.maximum(0, met - most)], -1) * (met > 0)[:, None]
        return np.exp(_within(counted @ self.weights[OF_COUNT]))

    def _labels(self, given: Facts, own: Floats, allowed: Sequence[Sequence[str]]) -> Floats:
        """[n, 1 + labels]: for each label, by itself or where it is the entity's turn."""
        names = self.items.names
        if self.items.counting:
            return self.weights[IN_TURN] * (given.turn[:, None] + 1 == np.arange(1 + len(names)))
        never = [[name not in some for name in names] for some in allowed]
        return np.pad(np.where(never, -np.inf, own[:, 3:]), ((0, 0), (1, 0)))


def _within(scores: Any) -> Any:
    return np.where(scores == -np.inf, scores, np.clip(scores, -_LARGEST, _LARGEST))


def chances(chain: Weighed, items: ItemSet, labels: Sequence[int]) -> list[float]:
    """The probability of each entity's label, 0 for no group: its share of all that the sentence may mean."""
    count, number = len(labels), np.arange(len(labels))
    wanted = np.ones((count + 1, count, 1 + len(items.names)))
    wanted[number, number] = 0.0
    wanted[number, number, labels] = 1.0
    *held, free = totals(chain, items, wanted)
    return [float(min(1.0, np.exp(one - free))) for one in held]


def totals(chain: Weighed, items: ItemSet, wanted: Floats) -> Floats:
    """[R]: the log of the summed weights of all sequences, under R masks of the labels [R, n, 1 + labels]."""
    rows, count, _ = wanted.shape
    at = np.zeros((rows, len(items.label), 1))
    at[:, 0, 0] = 1.0
    logs = np.zeros(rows)
    for i in range(count):
        on = chain.on[i] * wanted[:, i, items.label]
        begun = (at @ chain.begins[i, : i + 1]) @ chain.moves * on
        at = at * (wanted[:, i, :1, None] + on[:, :, None] * chain.goes_on[i, : i + 1])
        at = np.concatenate([at, begun[:, :, None]], 2)
        top = at.max((1, 2), keepdims=True)
        at /= np.maximum(top, 1e-300)
        with np.errstate(divide="ignore"):
            logs += np.log(top[:, 0, 0])
    return np.asarray(logs + np.log(at.sum(2) @ chain.end))


def best(chain: Weighed, items: ItemSet) -> list[int]:
    """The labels of the likeliest sequence, 0 for no group."""
    at = np.zeros((len(items.label), 1))
    at[0, 0] = 1.0
    steps = []
    for i in range(len(chain.on)):
        leaving = at * chain.begins[i, : i + 1]
        place = leaving.argmax(1)
        moved = leaving.max(1)[:, None] * chain.moves
        source = moved.argmax(0)
        going = chain.on[i][:, None] * chain.goes_on[i, : i + 1]
        steps.append((going > 1.0, source, place[source]))
        begun = (moved.max(0) * chain.on[i])[:, None]
        at = np.concatenate([at * np.maximum(1.0, going), begun], 1)
        at /= at.max()
    state, begun_at = np.unravel_index((at * chain.end[:, None]).argmax(), at.shape)
    labels = []
    for i in range(len(steps) - 1, -1, -1):
        going, source, place = steps[i]
        if begun_at == i + 1:
            labels.append(int(items.label[state]))
            state, begun_at = source[state], place[state]
        else:
            labels.append(int(items.label[state]) if going[state, begun_at] else 0)
    return labels[::-1]
