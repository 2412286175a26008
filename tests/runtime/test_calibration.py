"""Temperature scaling and the calibration error."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnlu.runtime.calibration import expected_calibration_error, fit_multi_label, fit_temperature, softmax


def _draw(temperature: float, rows: int = 4000, labels: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Logits and gold labels drawn from them at the given temperature, so that it is the right answer."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(rows, labels)) * 4
    gold = (softmax(logits, temperature).cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)
    return logits, gold


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5, 8.0])
def test_the_temperature_that_made_the_data_is_found(temperature: float) -> None:
    assert fit_temperature(*_draw(temperature)) == pytest.approx(temperature, rel=0.08)


def test_calibration_lowers_the_calibration_error() -> None:
    logits, gold = _draw(2.5)
    correct = logits.argmax(axis=1) == gold
    before = expected_calibration_error(softmax(logits).max(axis=1), correct)
    after = expected_calibration_error(softmax(logits, fit_temperature(logits, gold)).max(axis=1), correct)
    assert after < 0.02 < before


def test_no_other_temperature_does_better() -> None:
    logits, gold = _draw(1.7)

    def nll(temperature: float) -> float:
        return float(-np.log(softmax(logits, temperature)[np.arange(len(gold)), gold]).mean())

    best = nll(fit_temperature(logits, gold))
    assert all(best <= nll(temperature) + 1e-4 for temperature in np.geomspace(0.05, 20, 60))


@pytest.mark.parametrize(
    "logits",
    [np.zeros((0, 3)), np.ones((5, 1)), np.ones((5, 3)), np.full((5, 3), np.nan), np.array([[np.inf, 0.0]])],
    ids=["no rows", "one label", "all alike", "nan", "infinite"],
)
def test_nothing_to_fit_leaves_logits_alone(logits: np.ndarray) -> None:
    assert fit_temperature(logits, np.zeros(len(logits), int)) == 1.0


def test_a_small_perfect_split_does_not_make_the_model_certain() -> None:
    logits = np.array([[2.0, 0.0, 0.0]] * 10)
    confidence = softmax(logits, fit_temperature(logits, np.zeros(10, int)))[0, 0]
    assert 0.85 < confidence < 0.97


def _few(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """What a network that learned a few sentences makes of others: the right label of four mostly far ahead."""
    gold = random.integers(0, 4, rows)
    logits = random.normal(0, 7, (rows, 4))
    logits[np.arange(rows), gold] += 14
    return logits, gold


def test_few_sentences_change_the_temperature_little() -> None:
    random = np.random.default_rng(5)
    for rows in (8, 16, 25):
        fitted = [fit_temperature(*_few(random, rows)) for _ in range(40)]
        low, high = np.quantile(fitted, [0.1, 0.9])
        assert high < 1.5 * low, rows


def test_two_sentences_right_or_wrong_by_chance_keep_confidences_moderate() -> None:
    logits = np.array([[20.0, 2.0, -3.0, 1.0], [-2.0, 18.0, 0.0, 3.0]])
    for gold in ([0, 1], [0, 0], [1, 0]):
        assert 4.0 < fit_temperature(logits, np.array(gold)) < 10.0, gold


def test_one_more_wrong_sentence_changes_the_temperature_only_slightly() -> None:
    logits, gold = _few(np.random.default_rng(6), 16)
    before = fit_temperature(logits, gold)
    after = fit_temperature(logits, np.append(gold[:-1], (gold[-1] + 1) % 4))
    assert before < after < 1.5 * before


@given(st.floats(0.2, 1.5))
@settings(max_examples=20, deadline=None)
def test_larger_scores_have_a_larger_temperature(scale: float) -> None:
    logits, gold = _few(np.random.default_rng(7), 16)
    assert fit_temperature(logits * scale, gold) == pytest.approx(fit_temperature(logits, gold) * scale, rel=1e-3)


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 1e4))
@settings(max_examples=30, deadline=None)
def test_the_temperature_stays_in_its_bounds(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    fitted = fit_temperature(rng.normal(size=(8, 4)) * scale, rng.integers(0, 4, 8))
    assert 0.05 <= fitted <= 20.0


def test_softmax_survives_large_logits_and_keeps_float32() -> None:
    found = softmax(np.array([1e4, 0.0, -1e4], np.float32))
    assert found.dtype == np.float32
    assert found.tolist() == [1.0, 0.0, 0.0]


def test_calibration_error_equals_one_computed_by_hand() -> None:
    # (0.6, 0.667]: mean confidence 0.65, half right; (0.933, 1]: certain and right.
    confidences, correct = np.array([0.65, 0.65, 1.0, 1.0]), np.array([True, False, True, True])
    assert expected_calibration_error(confidences, correct) == pytest.approx(0.5 * 0.15)


def test_calibration_error_of_nothing_is_zero() -> None:
    assert expected_calibration_error(np.array([]), np.array([], bool)) == 0.0


def test_confidence_zero_has_a_bin() -> None:
    assert expected_calibration_error(np.array([0.0, 0.0]), np.array([False, False])) == 0.0


def test_scores_of_several_intents_are_calibrated_each_by_itself() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(0, 2, (4000, 5))
    gold = random.random(logits.shape) < 1 / (1 + np.exp(-(logits + 1.5) / 2.5))
    temperature, decision_bias = fit_multi_label(logits, gold)
    assert temperature == pytest.approx(2.5, rel=0.1)
    assert decision_bias == pytest.approx(-1.5, abs=0.15)
    assert fit_multi_label(np.zeros((3, 2)), np.zeros((3, 2), bool)) == (1.0, 0.0)


@pytest.mark.parametrize("right", [True, False])
def test_multi_label_calibration_has_a_decision_bias_even_if_all_labels_are_right_or_wrong(right: bool) -> None:
    logits = np.random.default_rng(4).normal(0, 2, (6, 3))
    temperature, decision_bias = fit_multi_label(logits, np.full(logits.shape, right))
    assert 0.05 <= temperature <= 20.0 and logits.min() <= decision_bias <= logits.max()
