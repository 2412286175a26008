"""Batches of texts: the cost is bounded by the number of characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnlu.runtime.batching import BATCH_CHARACTERS, SLACK, in_batches
from cnlu.runtime.interpreter import Interpreter
from cnlu.text.view import view


@given(st.lists(st.integers(1, 300), max_size=300))
def test_a_batch_is_padded_to_no_more_than_twice_its_characters(lengths: list[int]) -> None:
    batches = list(in_batches(lengths))
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    for batch in batches:
        longest, inside = max(lengths[i] for i in batch), sum(lengths[i] for i in batch)
        padded = len(batch) * longest
        assert padded <= 2 * inside + SLACK
        assert padded <= BATCH_CHARACTERS or len(batch) == 1


def test_one_long_text_among_many_short_ones_has_its_own_batch(tiny: Interpreter) -> None:
    texts = ["好"] * 31 + ["帮" * 256]
    assert [numbers for numbers, _ in tiny.scored([view(text) for text in texts])] == [list(range(31)), [31]]


def test_texts_of_one_length_are_read_together(tiny: Interpreter) -> None:
    texts = ["明天去北京"] * 32
    assert [numbers for numbers, _ in tiny.scored([view(text) for text in texts])] == [list(range(32))]
