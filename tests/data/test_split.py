"""Stratified splits and folds."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.schema import Entity, Example
from cnlu.data.split import stratified_folds, stratified_split
from cnlu.errors import UsageError


def examples(**counts: int) -> list[Example]:
    return [Example(f"{intent}{i}", intent) for intent, count in counts.items() for i in range(count)]


def test_every_intent_has_its_share_held_out() -> None:
    train, held = stratified_split(examples(a=100, b=50, c=10), 0.1, seed=1)
    assert Counter(e.intent for e in held) == {"a": 10, "b": 5, "c": 1} and len(train) == 144


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    data = examples(a=50, b=50)
    assert stratified_split(data, 0.2, 7) == stratified_split(data, 0.2, 7) != stratified_split(data, 0.2, 8)


def test_the_order_of_the_examples_is_kept() -> None:
    data = examples(a=20, b=20)
    for part in stratified_split(data, 0.3, 0):
        assert part == [e for e in data if e in part]


def test_intents_with_few_examples_have_their_share_held_out_together() -> None:
    data = examples(**{f"i{n}": 3 for n in range(100)})
    train, held = stratified_split(data, 0.1, 0)
    assert len(held) == 30 and len({e.intent for e in train}) == 100


def test_an_intent_with_one_text_stays_in_train() -> None:
    data = [Example("一", "a"), Example("一", "a"), *examples(b=10)]
    train, held = stratified_split(data, 0.9, 0)
    assert train[:2] == data[:2] and len(held) == 9


def test_examples_without_an_intent_are_stratified_by_entity_types() -> None:
    kinds = ["city"] * 40 + ["date"] * 20
    data = [Example(f"{kind}{i}", None, (Entity(0, 1, kind, ""),)) for i, kind in enumerate(kinds)]
    _, held = stratified_split(data, 0.1, 0)
    assert Counter(e.entities[0].entity for e in held) == {"city": 4, "date": 2}


@given(
    st.lists(st.builds(Example, st.sampled_from("一二三四五六七八九十"), st.sampled_from(["a", "b", "c", None]))),
    st.floats(0, 1, exclude_max=True),
    st.integers(),
)
def test_no_text_is_in_both_parts_and_train_has_every_intent(data: list[Example], fraction: float, seed: int) -> None:
    train, held = stratified_split(data, fraction, seed)
    assert Counter(map(id, train + held)) == Counter(map(id, data))
    assert not {e.text for e in train} & {e.text for e in held}
    assert {e.intent for e in train} == {e.intent for e in data}


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, float("nan")])
def test_an_invalid_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(UsageError):
        stratified_split(examples(a=3), fraction, 0)


def test_every_fold_has_its_share_of_every_intent() -> None:
    data = examples(a=50, b=25, c=10)
    folds = stratified_folds(data, 5, seed=1)
    for fold in range(5):
        counts = Counter(e.intent for e, own in zip(data, folds, strict=True) if own == fold)
        assert counts == {"a": 10, "b": 5, "c": 2}


def test_folds_depend_on_the_seed() -> None:
    data = examples(a=30, b=30)
    assert stratified_folds(data, 3, 7) == stratified_folds(data, 3, 7) != stratified_folds(data, 3, 8)


@given(
    st.lists(
        st.builds(Example, st.sampled_from("一二三四五六七八九十"), st.sampled_from(["a", "b", None])), min_size=1
    ),
    st.integers(2, 10),
    st.integers(),
)
def test_a_text_is_in_one_fold_and_no_fold_is_empty(data: list[Example], count: int, seed: int) -> None:
    texts = {example.text for example in data}
    if len(texts) < count:
        with pytest.raises(UsageError, match="too few for"):
            stratified_folds(data, count, seed)
        return
    folds = stratified_folds(data, count, seed)
    placed = {(example.text, fold) for example, fold in zip(data, folds, strict=True)}
    assert len(placed) == len(texts)
    sizes = Counter(fold for _, fold in placed)
    assert set(sizes) == set(range(count)) and max(sizes.values()) - min(sizes.values()) <= 1


def test_a_single_fold_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 2"):
        stratified_folds(examples(a=5), 1, 0)
