"""Which group labels count items, and which item may follow which."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.grouping import WEIGHTS, ItemSet, counting_order, item_label_order
from cnlu.data.schema import Entity, Example


def order(*groups: str | None) -> Example:
    return Example("一" * len(groups), None, tuple(Entity(i, i + 1, "size", "", group=g) for i, g in enumerate(groups)))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["2", "1", "10", "3"], ["1", "2", "3", "10"]),
        (["item2", "item1"], ["item1", "item2"]),
        (["B", "A"], ["A", "B"]),
        (["二", "一", "三"], ["一", "二", "三"]),
        (["from-leg", "to-leg"], []),
        (["out", "back"], []),
        (["1", "shared"], []),
        ([], []),
    ],
)
def test_labels_count_if_all_are_numbers_after_the_same_prefix(names: list[str], expected: list[str]) -> None:
    assert counting_order(names) == expected


def test_labels_count_if_the_examples_mention_them_in_order() -> None:
    assert item_label_order([order("1", "1", "2", "2"), order("1", None, "2", "1", "3"), order(None)]) == [
        "1",
        "2",
        "3",
    ]


def test_numbers_in_any_order_do_not_count() -> None:
    """Platforms 1 and 2, for example."""
    assert item_label_order([order("2", "1"), order("1", "2"), order("2")]) == []


def test_labels_count_even_if_one_example_of_many_has_another_order() -> None:
    assert item_label_order([*[order("1", "2")] * 20, order("2", "1")]) == ["1", "2"]


@given(st.lists(st.sampled_from(["1", "2", "3", None]), max_size=9))
def test_counting_labels_are_numbered_as_they_first_appear(groups: list[str | None]) -> None:
    numbers = ItemSet(["1", "2", "3"], True).label_ids(groups)
    assert [n == 0 for n in numbers] == [g is None for g in groups]
    first = list(dict.fromkeys(n for n in numbers if n))
    assert first == list(range(1, len(first) + 1))
    assert len(set(zip(groups, numbers, strict=True))) == len(set(groups))


def test_other_labels_keep_their_numbers() -> None:
    assert ItemSet(["back", "out"], False).label_ids(["out", None, "back"]) == [2, 0, 1]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_new_item_has_the_next_counting_label_and_every_state_is_reachable(count: int) -> None:
    items = ItemSet([str(n) for n in range(1, count + 1)], True)
    assert not (items.begins & items.returns).any()
    for state, onward in zip(*np.nonzero(items.begins), strict=True):
        assert items.label[onward] == items.item_count[onward] == items.item_count[state] + 1
    for state, onward in zip(*np.nonzero(items.returns), strict=True):
        assert items.item_count[state] == items.item_count[onward] >= items.label[onward] != items.label[state]
    assert (items.begins | items.returns).any(0).tolist() == [False] + [True] * (len(items.label) - 1)


def test_the_slices_of_the_weights_have_the_right_names() -> None:
    assert len(WEIGHTS) == 19
