"""Grouping: sums and best sequences, compared with an enumeration of all sequences, and properties of all decisions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.grouping import WEIGHTS, ItemSet
from cnlu.errors import ModelError
from cnlu.runtime.grouping import (
    MAX_ENTITIES,
    GroupDecoder,
    Potentials,
    best_labels,
    group_features,
    label_probabilities,
    log_partition,
)

BEGUN = np.array(list(WEIGHTS.values()))
SIZE_AND_DRINK = [("size", None), ("drink", None)]
COUNTING, NAMED = ItemSet(["1", "2", "3"], True), ItemSet(["out", "back"], False)
SETS = pytest.mark.parametrize("items", [COUNTING, NAMED], ids=["counting", "named"])


def chain_of(items: ItemSet, count: int, seed: int) -> Potentials:
    random = np.random.default_rng(seed)
    states = len(items.label)
    on = np.exp(random.normal(0, 2, (count, 1 + len(items.names))))[:, items.label] * (items.label > 0)
    moves = np.exp(random.normal(0, 1, (states, states))) * (items.begins | items.returns)
    continues, begins = np.exp(random.normal(0, 2, (2, count, count + 1)))
    end = np.exp(random.normal(0, 1, states))
    return Potentials(belongs=on, continues=continues, begins=begins, moves=moves, end=end)


def all_sequences(chain: Potentials, items: ItemSet, count: int) -> dict[tuple[int, ...], float]:
    """Weight of each sequence of labels, walked state by state; a label names the state it leads to."""
    found = {}
    for labels in itertools.product(range(1 + len(items.names)), repeat=count):
        state, began, weight = 0, 0, 1.0
        for i, label in enumerate(labels):
            if label == 0:
                continue
            if label == items.label[state]:
                weight *= chain.belongs[i, state] * chain.continues[i, began]
                continue
            ways = [s for s in np.flatnonzero(chain.moves[state]) if items.label[s] == label]
            if not ways:
                weight = 0.0
                break
            (onward,) = ways
            weight *= chain.begins[i, began] * chain.moves[state, onward] * chain.belongs[i, onward]
            state, began = int(onward), i + 1
        found[labels] = weight * chain.end[state]
    return found


@SETS
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [1, 2, 4, 5])
def test_sums_and_the_best_sequence_are_those_of_all_sequences_written_out(
    items: ItemSet, count: int, seed: int
) -> None:
    chain = chain_of(items, count, seed)
    every = all_sequences(chain, items, count)
    total = sum(every.values())
    free = np.ones((1, count, 1 + len(items.names)))
    assert log_partition(chain, items, free)[0] == pytest.approx(np.log(total))
    labels = best_labels(chain, items)
    assert tuple(labels) == max(every, key=lambda labels: every[labels])
    for i, (label, chance) in enumerate(zip(labels, label_probabilities(chain, items, labels), strict=True)):
        share = sum(weight for found, weight in every.items() if found[i] == label) / total
        assert chance == (pytest.approx(share) if label else 0.0)


def decided(items: ItemSet, kinds: str, text: str) -> list[str]:
    """Entities of one character each, where `kinds` is not a dash; "0" for no group."""
    spans = [(i, i + 1) for i, kind in enumerate(kinds) if kind != "-"]
    named = [(kinds[start], None) for start, _ in spans]
    scores = np.zeros((len(text), len(items.columns)))
    allowed = [items.names] * len(spans)
    return [name or "0" for name, _ in GroupDecoder(items, BEGUN).decide(text, spans, named, allowed, scores)]


@pytest.mark.parametrize(
    ("text", "kinds", "wanted"),
    [
        ("大红和小绿", "SD-SD", "1122"),
        ("大红，小绿", "SD-SD", "1122"),
        ("红大，还要绿小", "DS---DS", "1122"),
        ("红大，还要小绿", "DS---SD", "1122"),
        ("大红，小绿，中黄", "SD-SD-SD", "112233"),
        ("红，再来冰小绿", "D---XSD", "1222"),
        ("大红", "SD", "00"),
        ("大红和小绿，明天", "SD-SD-T-", "11220"),
    ],
)
def test_with_the_initial_weights_a_repeated_kind_begins_the_next_item(text: str, kinds: str, wanted: str) -> None:
    assert "".join(decided(COUNTING, kinds, text)) == wanted


TEXTS = st.text(st.sampled_from("ABC-，和大 "), max_size=40)
VECTORS = st.lists(st.floats(-60, 60), min_size=len(WEIGHTS), max_size=len(WEIGHTS)).map(np.array)


@SETS
@given(TEXTS, VECTORS, st.integers(0, 99))
def test_every_decision_is_an_allowed_label_with_a_probability(
    items: ItemSet, text: str, weights: np.ndarray, seed: int
) -> None:
    spans = [(i, i + 1) for i, mark in enumerate(text) if mark in "ABC"]
    kinds = [(text[start], None) for start, _ in spans]
    scores = np.random.default_rng(seed).normal(0, 9, (len(text), len(items.columns)))
    allowed = [items.names[:1] if kind == "A" else items.names for kind, _ in kinds]
    found = GroupDecoder(items, weights).decide(text, spans, kinds, allowed, scores)
    assert len(found) == len(spans)
    assert all(0.0 <= chance <= 1.0 for _, chance in found)
    if items.counting:
        named = [name for name, _ in found[:MAX_ENTITIES] if name is not None]
        assert list(dict.fromkeys(named)) == list(items.names[: len(set(named))])
    else:
        assert all(name is None or name in some for (name, _), some in zip(found, allowed, strict=True))


def test_a_text_with_very_many_entities_is_decided_in_chunks() -> None:
    found = decided(COUNTING, "SD-" * 2000, "大红和" * 2000)
    assert len(found) == 4000 and set(found) == {"1", "2", "3"} and found[:6] == list("112233")


def test_the_features_do_not_see_white_space_and_invisible_characters() -> None:
    spans = [(0, 2), (4, 6)]
    plain = group_features("大杯拿铁", [(0, 2), (2, 4)], SIZE_AND_DRINK)
    for between in ("  ", "\u200b\u200b", "\ufeff\t"):
        for one, other in zip(group_features(f"大杯{between}拿铁", spans, SIZE_AND_DRINK), plain, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("weights", [np.zeros(3), np.full(len(WEIGHTS), np.nan)])
def test_weights_that_are_not_those_of_this_decision_are_refused(weights: np.ndarray) -> None:
    with pytest.raises(ModelError, match="train the model again"):
        GroupDecoder(COUNTING, weights)


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="not finite numbers; train the model again"):
        GroupDecoder(COUNTING, BEGUN).decide("大", [(0, 1)], [("S", None)], [["1"]], np.full((1, 2), np.nan))
