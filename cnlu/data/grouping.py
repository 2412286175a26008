"""Groups as items: what a sentence's entities, read in order, may belong to, and what may come after what.

A sentence about two pizzas has two items, and the group of an entity says which it belongs to, or that it belongs to
none. Where labels count (1, 2, ...) only the structure means something: the item mentioned first is the first. Other
labels (out, back) mean something by themselves, and any may come first.
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
    "another repeats": 2.0,
    "several repeat": 1.0,
    "outside": -1.0,
    "outside, apart": -1.0,
    "begins": -1.0,
    "pause": 0.5,
    "joined": 0.5,
    "touching": -1.0,
    "length": 0.5,
    "begins alike": 1.0,
    "said already": -2.0,
    "in turn": 0.5,
    "returns": -1.0,
    "only one": -1.0,
    "fewer": -1.0,
    "more": -1.0,
}
"""What the decision goes by beside the network's scores, with the weights that learning begins with; they stand in this
order wherever they are a vector. `runtime.items.Facts` tells what each is given for."""
OF_GROUPED, OF_BEGINS, OF_LIKENESS, OF_COUNT = slice(0, 7), slice(7, 12), slice(12, 14), slice(16, 19)
IN_TURN, RETURNS = 14, 15

BEGINS, BETWEEN = range(2)
"""Columns of a network's scores of groups: an entity's characters for beginning an item, and those before it for one
that begins after them. Columns of labels that do not count follow, of both. Whether an entity belongs to any item is
left to the facts: what networks learned of that by heart did harm in other wordings (.83 of the entities right, not
.99)."""

_COUNTING = re.compile(r"(.*?(?<!\d))(\d+|[a-zA-Z]|[一二三四五六七八九十])", re.DOTALL)
_NUMERALS = "一二三四五六七八九十"
FITTING = 0.9
"""Of the examples with groups, so many must mention counting labels in their order, or they do not count"""


class ItemSet:
    """The labels of groups and the states of a sentence that is read entity by entity; state 0: no item yet."""

    names: Sequence[str]
    label: NDArray[np.intp]
    """[P]: the label that the current item has in a state, from 1 on; 0 for no item yet"""
    begins: NDArray[np.bool_]
    """[P, P]: whether a new item may begin in a state and lead to another"""
    returns: NDArray[np.bool_]
    """[P, P]: whether the sentence may return to an earlier item; where labels count"""
    met: NDArray[np.intp]
    """[P]: how many items there have been, where labels count"""

    def __init__(self, names: Sequence[str], counting: bool) -> None:
        """`names` in the order in which items take them, if they count; else any may follow any."""
        self.names, self.counting = names, counting
        count = len(names)
        pairs = [(0, 0)] + [(k, m) for m in range(1, count + 1) for k in range(1, m + 1)]
        if not counting:
            pairs = [(k, 0) for k in range(count + 1)]
        current, most = (np.array(side, np.intp) for side in zip(*pairs, strict=True))
        self.label, self.met = current, most
        if counting:
            self.begins = (current == most) & (most == most[:, None] + 1)
            self.returns = (most == most[:, None]) & (current != current[:, None]) & (current > 0)
        else:
            self.begins = (current > 0) & (current != current[:, None])
            self.returns = np.zeros_like(self.begins)

    @cached_property
    def columns(self) -> list[str]:
        """Of a network's scores of groups, by a name that tells them apart."""
        return ["begins", "between", *([] if self.counting else [f"#{name}" for name in self.names])]

    def numbered(self, groups: Iterable[str | None]) -> list[int]:
        """Labels of entities in order -> their numbers, 0 for none. Counting ones by the order in which they come."""
        if not self.counting:
            return [0 if group is None else 1 + self.names.index(group) for group in groups]
        met: dict[str, int] = {}
        return [0 if group is None else met.setdefault(group, len(met) + 1) for group in groups]


def counting_order(names: Iterable[str]) -> list[str]:
    """The names in their order, if they count: numbers, letters or numerals after the same beginning; else nothing."""
    found = [(match, name) for name in names if (match := _COUNTING.fullmatch(name))]
    kinds = {(match[1], "1" if match[2].isdecimal() else "a" if match[2].isascii() else "一") for match, _ in found}
    if len(kinds) != 1 or len(found) < len(list(names)):
        return []
    return [name for _, name in sorted(found, key=lambda pair: _place(pair[0][2]))]


def _place(mark: str) -> int:
    if mark.isdecimal():
        return int(mark)
    return ord(mark) if mark.isascii() else _NUMERALS.index(mark)


def order_of(examples: Iterable[Example]) -> list[str]:
    """The labels of the examples' groups in the order in which items take them; nothing where they do not count."""
    met = [
        list(dict.fromkeys(e.group for e in sorted(example.entities, key=lambda e: e.start) if e.group is not None))
        for example in examples
    ]
    order = counting_order({name for names in met for name in names})
    fitting = [names == order[: len(names)] for names in met if names]
    return order if fitting and sum(fitting) >= FITTING * len(fitting) else []
