"""Intervals by resampling sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cnlu.data.schema import Example
from cnlu.evaluation.bootstrap import (
    f1_interval,
    frame_accuracy_difference,
    macro_f1_interval,
    mean_interval,
    resampled_sums,
)
from cnlu.evaluation.metrics import evaluate


def _answers(right: list[bool]) -> list[dict[str, Any]]:
    return [{"intent": {"name": "yes" if ok else "no"}, "entities": []} for ok in right]


def test_the_interval_is_that_of_the_normal_approximation_on_many_sentences() -> None:
    found = mean_interval(np.arange(1000) < 800)
    half = 1.96 * (0.8 * 0.2 / 1000) ** 0.5
    assert found.value == 0.8
    assert (found.low, found.high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.003)


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(50) % 3 == 0
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_pairing_sees_a_small_gain_that_two_separate_intervals_would_hide() -> None:
    first = [index < 700 for index in range(1000)]
    second = [index < 720 for index in range(1000)]
    found = frame_accuracy_difference([Example("好", "yes")] * 1000, _answers(first), _answers(second))
    assert found.value == pytest.approx(0.02)
    assert 0 < found.low < found.high < 0.04


def test_equal_predictions_do_not_differ() -> None:
    answers = _answers([True, False, True])
    found = frame_accuracy_difference([Example("好", "yes")] * 3, answers, answers)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_sums_of_several_columns_are_drawn_together() -> None:
    values = np.stack([np.arange(40), np.arange(40) * 2], axis=1)
    sums = resampled_sums(values, samples=100)
    assert sums.shape == (100, 2)
    np.testing.assert_array_equal(sums[:, 1], sums[:, 0] * 2)
    assert len(set(sums[:, 0])) > 50


def test_no_sentences_give_an_empty_interval() -> None:
    assert mean_interval(np.array([])).value == 0.0
    assert resampled_sums(np.zeros((0, 2)), samples=3).tolist() == [[0.0, 0.0]] * 3


def test_f1_of_resampled_sentences_is_that_of_their_sums() -> None:
    counts = [(1, 2, 1), (0, 0, 1), (2, 2, 3)] * 100
    found = f1_interval(counts)
    right, predicted, gold = resampled_sums(np.array(counts), samples=4000).T
    low, high = np.quantile(2 * right / (predicted + gold), [0.025, 0.975])
    assert found.value == pytest.approx(2 * 300 / (400 + 500))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)


def test_macro_f1_of_resampled_sentences_equals_that_of_evaluate() -> None:
    pairs = [("a", "a"), ("a", "b"), ("b", "b"), ("c", None), ("b", "d")] * 6
    found = macro_f1_interval(pairs, samples=200)
    answers = [{"intent": {"name": answer, "confidence": 0.5}, "entities": []} for _, answer in pairs]
    gold = [Example("好", label) for label, _ in pairs]
    assert found.value == pytest.approx(evaluate(gold, answers)["intent"]["macro_f1"])
    assert found.low < found.value < found.high


def test_no_spans_and_no_intents_give_an_empty_interval() -> None:
    assert f1_interval([]).high == macro_f1_interval([]).high == f1_interval([(0, 0, 0)]).high == 0.0
