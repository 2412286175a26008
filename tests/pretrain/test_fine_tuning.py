"""The comparison of encoders by fine-tuned models: its rounds, its difference and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from cnlu_pretrain.evaluation.nlu_probe import Examples
from cnlu_pretrain.fine_tuning.fine_tuning import FineTuning, Round, accuracy, fine_tune, gain
from cnlu_pretrain.fine_tuning.gain import Gain, gain_of
from tests.pretrain.nlu_examples import QUICK, write_examples


def right(share: float, rounds: int = 3, sentences: int = 400, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).random((rounds, sentences)) < share


def test_a_clear_gain_is_better_and_the_reverse_is_worse():
    before, after = right(0.5), right(0.8, seed=2)
    assert gain_of(before, after).outcome == "better"
    assert gain_of(after, before).outcome == "worse"
    assert gain_of(before, after).value == pytest.approx(after.mean() - before.mean())


def test_the_difference_of_two_models_of_one_encoder_is_none():
    assert gain_of(right(0.7), right(0.7, seed=2)).outcome == "none"


def test_few_sentences_are_too_few_to_tell_whatever_they_show():
    found = gain_of(right(0.0, sentences=12), right(1.0, sentences=12))
    assert found.outcome == "few"
    assert found.describe().endswith("12 test sentences, which are too few to tell")


def test_the_interval_grows_with_the_differences_between_rounds():
    alike = np.tile(right(0.6, rounds=1), (3, 1))
    before = np.zeros_like(alike)
    unlike = np.stack([alike[0], np.ones_like(alike[0]), before[0]])
    narrow, wide = gain_of(before, alike), gain_of(before, unlike)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_difference_that_is_not_shown_is_said_to_be_none():
    found = Gain(value=0.01, low=-0.02, high=0.03, sentences=500, rounds=3)
    assert found.describe() == (
        "+1.0 points of frame accuracy (-2.0 to +3.0; rounds: 3, test sentences: 500), no difference that is shown"
    )


def test_without_test_examples_each_example_is_tested_once(tmp_path, tiny_encoder):
    data = write_examples(tmp_path / "nlu.yml")
    options = FineTuning(examples=Examples([str(data)], []), rounds=2, overrides=QUICK, quiet=True)
    rounds = [fine_tune(tiny_encoder, options, number) for number in (1, 2)]
    assert sorted(number for each in rounds for number in each.numbers) == list(range(12))
    assert gain(rounds, rounds, options) == Gain(value=0.0, low=0.0, high=0.0, sentences=12, rounds=2)
    assert 0 <= accuracy(rounds) <= 1


def test_with_test_examples_each_round_tests_all_of_them(tmp_path, tiny_encoder):
    data = write_examples(tmp_path / "nlu.yml")
    options = FineTuning(examples=Examples([str(data)], [str(data)]), rounds=1, overrides=QUICK, quiet=True)
    assert fine_tune(tiny_encoder, options, 1).numbers == list(range(12))


def test_a_comparison_without_test_examples_has_at_least_two_rounds():
    assert FineTuning(examples=Examples(["a"], []), rounds=1).number_of_rounds == 2
    assert FineTuning(examples=Examples(["a"], ["b"]), rounds=1).number_of_rounds == 1


def test_the_accuracy_is_that_of_all_rounds():
    assert accuracy([Round([0], [True]), Round([1, 2, 3], [False, False, True])]) == 0.5
