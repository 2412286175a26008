from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.errors import ModelError
from cnlu.features.vocabulary import Vocabulary, VocabularyBuilder

FEATURES = st.lists(st.text(st.characters(exclude_characters="\n\t", exclude_categories=["Cs"]), min_size=1))


@given(st.lists(FEATURES), st.integers(1, 3))
def test_a_vocabulary_reads_back_from_its_text(rows: list[list[str]], min_count: int) -> None:
    builder = VocabularyBuilder()
    for row in rows:
        builder.add(row)
    vocabulary, _ = builder.build(min_count, 10_000)
    assert Vocabulary.from_text(vocabulary.to_text(), "features.tsv") == vocabulary


@given(st.lists(FEATURES), st.integers(1, 9), st.randoms())
def test_ids_do_not_depend_on_the_order_of_the_examples(rows: list[list[str]], max_features: int, random) -> None:  # type: ignore[no-untyped-def]
    def build(order: list[list[str]]) -> Vocabulary:
        builder = VocabularyBuilder()
        for row in order:
            builder.add(row)
        return builder.build(1, max_features)[0]

    shuffled = list(rows)
    random.shuffle(shuffled)
    assert build(shuffled) == build(rows)


@given(st.lists(FEATURES), st.integers(1, 3))
def test_the_ids_of_provisional_numbers_are_those_of_row(rows: list[list[str]], min_count: int) -> None:
    builder = VocabularyBuilder()
    numbers = [builder.add(row) for row in rows]
    vocabulary, final = builder.build(min_count, 10_000)
    for row, provisional in zip(rows, numbers, strict=True):
        assert [i for i in final[provisional] if i] == vocabulary.row(row).tolist()


def test_rare_features_are_left_out() -> None:
    builder = VocabularyBuilder()
    builder.add(["often", "often", "once"])
    vocabulary, _ = builder.build(2, 10_000)
    assert vocabulary.ids == {"often": 1}
    assert np.array_equal(vocabulary.rows([["once", "often"], ["once"]]), [[1], [0]])


def test_beyond_the_maximum_the_rarest_features_are_dropped() -> None:
    builder = VocabularyBuilder()
    builder.add(["c"] * 3 + ["a"] * 2 + ["b"] * 4)
    vocabulary, _ = builder.build(1, 2)
    assert (list(vocabulary.ids), vocabulary.counts) == (["b", "c"], [4, 3])


def test_rows_without_known_features_are_padding() -> None:
    assert Vocabulary({}, []).rows([["a"], []]).tolist() == [[0], [0]]


@pytest.mark.parametrize("text", ["1 a\n", "x\ta\n"])
def test_an_error_names_an_invalid_line(text: str) -> None:
    with pytest.raises(ModelError, match=r"features.tsv:2: .*train the model again"):
        Vocabulary.from_text("1\tfine\n" + text, "features.tsv")
