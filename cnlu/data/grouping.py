"""Groups as items: which item each entity of a sentence may belong to, and which item may follow which.

A sentence about two pizzas has two items. An entity's group says which item the entity belongs to; no group means no
item. Group labels are of two kinds. Counting labels (1, 2, ...) only express structure: the item mentioned first is
the first. Other labels (out, back) have a meaning of their own, and any of them may come first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cnlu.data.schema import Example

WEIGHTS = {
    "grouped": -1.0,
    "kind repeats": 2.0,
    "type repeats": 1.0,
    "another kind repeats": 2.0,
    "several kinds repeat": 1.0,
    "outside": -1.0,
    "outside, apart": -1.0,
    "begins": -1.0,
    "pause": 0.5,
    "conjunction": 0.5,
    "touching": -1.0,
    "length": 0.5,
    "begins with the same kind": 1.0,
    "kind already in the item": -2.0,
    "in order": 0.5,
    "returns": -1.0,
    "only one item": -1.0,
    "fewer items than repeats": -1.0,
    "more items than repeats": -1.0,
}
"""The features of the decision besides the network's scores, each with its initial weight. A vector of weights has this
order. `runtime.grouping_features.GroupFeatures` defines the features."""
GROUPED_WEIGHTS, BEGIN_WEIGHTS, SIMILARITY_WEIGHTS, COUNT_WEIGHTS = (
    slice(0, 7),
    slice(7, 12),
    slice(12, 14),
    slice(16, 19),
)
IN_ORDER, RETURNS = 14, 15

BEGINS, BETWEEN = range(2)
"""Columns of the network's group scores: BEGINS, over an entity's characters, says that the entity begins an item;
BETWEEN, over the characters before it, says the same. Labels that do not count have a column each after these, for both
stretches of characters. No column says whether an entity belongs to any item, which is left to the features: networks
that learned it too memorised the training sentences; in other phrasings, .83 of the entities were right, not .99."""

_COUNTING = re.compile(r"(.*?(?<!\d))(\d+|[a-zA-Z]|[一二三四五六七八九十])", re.DOTALL)
_NUMERALS = "一二三四五六七八九十"
MIN_IN_ORDER = 0.9
"""Labels count only if at least this share of the examples with groups mentions them in counting order."""


class ItemSet:
    """The group labels and the states of a sentence that is read entity by entity. State 0: no item so far."""

    names: Sequence[str]
    label: NDArray[np.intp]
    """[P]: label of the current item in each state, from 1; 0 for no item so far"""
    begins: NDArray[np.bool_]
    """[P, P]: whether beginning a new item may lead from one state to another"""
    returns: NDArray[np.bool_]
    """[P, P]: whether the sentence may return from one item to an earlier one; only if labels count"""
    item_count: NDArray[np.intp]
    """[P]: number of items so far, if labels count"""

    def __init__(self, names: Sequence[str], counting: bool) -> None:
        """`names`: the labels, in the order in which items take them if they count."""
        self.names, self.counting = names, counting
        count = len(names)
        pairs = [(0, 0)] + [(k, m) for m in range(1, count + 1) for k in range(1, m + 1)]
        if not counting:
            pairs = [(k, 0) for k in range(count + 1)]
        current, items = (np.array(side, np.intp) for side in zip(*pairs, strict=True))
        self.label, self.item_count = current, items
        if counting:
            self.begins = (current == items) & (items == items[:, None] + 1)
            self.returns = (items == items[:, None]) & (current != current[:, None]) & (current > 0)
        else:
            self.begins = (current > 0) & (current != current[:, None])
            self.returns = np.zeros_like(self.begins)

    @cached_property
    def columns(self) -> list[str]:
        """Unique names for the columns of the network's group scores."""
        return ["begins", "between", *([] if self.counting else [f"#{name}" for name in self.names])]

    def label_ids(self, groups: Iterable[str | None]) -> list[int]:
        """Label ids of entities in text order, 0 for no group. Counting labels are numbered as they first appear."""
        if not self.counting:
            return [0 if group is None else 1 + self.names.index(group) for group in groups]
        seen: dict[str, int] = {}
        return [0 if group is None else seen.setdefault(group, len(seen) + 1) for group in groups]


def counting_order(names: Iterable[str]) -> list[str]:
    """The names in counting order: numbers, letters or Chinese numerals after one common prefix; else an empty list."""
    counted = [(match, name) for name in names if (match := _COUNTING.fullmatch(name))]
    prefixes = {(match[1], _numeral_kind(match[2])) for match, _ in counted}
    if len(prefixes) != 1 or len(counted) < len(list(names)):
        return []
    return [name for _, name in sorted(counted, key=lambda pair: _ordinal(pair[0][2]))]


def _numeral_kind(numeral: str) -> str:
    if numeral.isdecimal():
        return "1"
    return "a" if numeral.isascii() else "一"


def _ordinal(numeral: str) -> int:
    if numeral.isdecimal():
        return int(numeral)
    return ord(numeral) if numeral.isascii() else _NUMERALS.index(numeral)


def item_label_order(examples: Iterable[Example]) -> list[str]:
    """The group labels of the examples in the order in which items take them; an empty list if they do not count."""
    mentioned = [
        list(dict.fromkeys(e.group for e in sorted(example.entities, key=lambda e: e.start) if e.group is not None))
        for example in examples
    ]
    order = counting_order({name for names in mentioned for name in names})
    in_order = [names == order[: len(names)] for names in mentioned if names]
    return order if in_order and sum(in_order) >= MIN_IN_ORDER * len(in_order) else []
