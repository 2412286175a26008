"""Makes confidences mean what they say: temperature scaling and its measure.

Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.runtime.out_of_scope import OosScorer

Floats = NDArray[Any]

COLDEST, HOTTEST = 0.05, 20.0
"""Bounds of a fitted temperature."""
USUAL, DOUBT = 0.6, 0.3
"""What is known of a temperature beforehand: its usual ratio to the standard deviation of a sentence's logits over the
labels, and the standard deviation of the logarithm of that. From bots of 16 to 200 examples:
docs/benchmarks/small-bots.md"""

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Calibration:
    """How a model's scores become confidences, fitted to sentences that its network did not learn from."""

    temperature: float = 1.0
    """Of the intents"""
    decision_bias: float = 0.0
    """With multi-intent: the score of an intent whose probability is one half"""
    oos_scorer: OosScorer | None = None
    """None where no sentence with an intent was held out"""
    calibrated_on: int = 0
    """Held-out sentences with an intent; held out from the whole network or from one member"""

    def with_characters(self, characters: str) -> Calibration:
        """The same calibration for a network that has seen these characters in training."""
        if self.oos_scorer is None:
            return self
        return replace(self, oos_scorer=replace(self.oos_scorer, characters=characters))


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities over the last axis of `logits` [..., K], divided by `temperature`; keeps float32."""
    scaled = np.asarray(logits) / temperature
    weights = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def fit_temperature(logits: Floats, gold: NDArray[Any]) -> float:
    """The temperature in [0.05, 20] that `logits` [N, K] and their `gold` [N] (indices) make likeliest.

    Its logarithm is taken to be normally distributed around that of USUAL times the spread of the logits (MAP), so that
    a handful of sentences, all of them right or by chance half of them wrong, decide little. Returns 1.0 when there is
    nothing to fit: no rows, a single label, logits that are all alike or not finite.
    """
    logits, gold = np.asarray(logits, np.float64), np.asarray(gold, np.intp)
    if logits.ndim != 2 or len(logits) == 0 or logits.shape[1] < 2 or not np.isfinite(logits).all():
        return 1.0
    logits = logits - logits.max(axis=1, keepdims=True)
    if not logits.any():
        return 1.0
    right, usual = logits[np.arange(len(logits)), gold], np.log(USUAL * logits.std(axis=1).mean())

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        nll = np.log(np.exp(logits * sharpness).sum(axis=1)) - sharpness * right
        return float(nll.sum() + 0.5 * ((log_temperature - usual) / DOUBT) ** 2)

    return float(np.exp(_golden_section(loss, float(np.log(COLDEST)), float(np.log(HOTTEST)))))


def sigmoid(logits: Floats, temperature: float = 1.0, decision_bias: float = 0.0) -> Floats:
    """Probabilities of each label by itself, of any shape: `logits` less `decision_bias`, divided by `temperature`.

    A score equal to the decision bias has probability one half.
    """
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (np.asarray(logits) - decision_bias) / temperature)))


def fit_multi_label(logits: Floats, gold: NDArray[Any]) -> tuple[float, float]:
    """(temperature, even score) where each label is scored by itself: `gold` [N, K] says which labels are right.

    A label with the even score is as likely as not; in units of the temperature above or below it, more or less
    (Platt 1999, Probabilistic Outputs for Support Vector Machines). The binary cross-entropy is minimised, targets
    drawn in by 1/(N + 2) of the way to one half. (1.0, 0.0) where there is nothing to fit, as in `fit_temperature`.
    """
    logits = np.asarray(logits, np.float64)
    if not logits.size or not np.isfinite(logits).all() or not logits.any():
        return 1.0, 0.0
    target = gold + (0.5 - gold) / (len(logits) + 2)

    def loss(log_temperature: float, decision_bias: float) -> float:
        scaled = (logits - decision_bias) * np.exp(-log_temperature)
        return float((np.logaddexp(0.0, scaled) - target * scaled).mean())

    def decision_bias(log_temperature: float) -> float:
        low, high = float(logits.min()), float(logits.max())
        return _golden_section(lambda score: loss(log_temperature, score), low, high, 1e-4 * max(1.0, high - low))

    best = _golden_section(lambda t: loss(t, decision_bias(t)), float(np.log(COLDEST)), float(np.log(HOTTEST)), 1e-3)
    return float(np.exp(best)), decision_bias(best)


def _golden_section(function: Any, low: float, high: float, tolerance: float = 1e-5) -> float:
    """The minimum of a function with one valley on [low, high]; the NLL is convex in 1/temperature."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > tolerance:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2


def expected_calibration_error(confidences: Floats, correct: NDArray[Any], bins: int = 15) -> float:
    """ECE: gap between mean confidence and accuracy in `bins` equal bins of (0, 1], weighted by their size.

    `confidences` [N] in 0..1, `correct` [N] booleans; 0.0 for no answers.
    """
    confidences, correct = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if not len(confidences):
        return 0.0
    bin_of = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=confidences - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))
