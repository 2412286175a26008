"""Calibrates confidences by temperature scaling, and measures the calibration error.

Guo et al. 2017, On Calibration of Modern Neural Networks, arXiv 1706.04599.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.runtime.out_of_scope import OosScorer

Floats = NDArray[Any]

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0
"""Bounds of a fitted temperature."""
PRIOR_RATIO, PRIOR_LOG_SD = 0.6, 0.3
"""Log-normal prior of a temperature: its median, as a ratio to the standard deviation of a sentence's logits over the
labels, and the standard deviation of its logarithm. From bots of 16 to 200 examples: docs/benchmarks/small-bots.md."""

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Calibration:
    """How a model's scores become confidences, fitted to sentences that its network did not learn from."""

    temperature: float = 1.0
    """Of the intents"""
    decision_bias: float = 0.0
    """With multi-intent: the score of an intent whose probability is one half"""
    oos_scorer: OosScorer | None = None
    """None if no sentence with an intent was held out"""
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
    """The MAP estimate, in [0.05, 20], of the temperature for `logits` [N, K] with `gold` labels [N] (indices).

    The prior is log-normal around PRIOR_RATIO times the spread of the logits, so a handful of sentences, all of them
    right or half of them wrong by chance, hardly changes the temperature. Returns 1.0 if there is nothing to fit: no
    rows, a single label, or logits that are all equal or not finite.
    """
    logits, gold = np.asarray(logits, np.float64), np.asarray(gold, np.intp)
    if logits.ndim != 2 or len(logits) == 0 or logits.shape[1] < 2 or not np.isfinite(logits).all():
        return 1.0
    logits = logits - logits.max(axis=1, keepdims=True)
    if not logits.any():
        return 1.0
    right, prior = logits[np.arange(len(logits)), gold], np.log(PRIOR_RATIO * logits.std(axis=1).mean())

    def loss(log_temperature: float) -> float:
        sharpness = np.exp(-log_temperature)
        nll = np.log(np.exp(logits * sharpness).sum(axis=1)) - sharpness * right
        return float(nll.sum() + 0.5 * ((log_temperature - prior) / PRIOR_LOG_SD) ** 2)

    return float(np.exp(_golden_section(loss, float(np.log(MIN_TEMPERATURE)), float(np.log(MAX_TEMPERATURE)))))


def sigmoid(logits: Floats, temperature: float = 1.0, decision_bias: float = 0.0) -> Floats:
    """Independent probabilities of labels, any shape: sigmoid((`logits` - `decision_bias`) / `temperature`).

    A logit equal to the decision bias has probability 0.5.
    """
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (np.asarray(logits) - decision_bias) / temperature)))


def fit_multi_label(logits: Floats, gold: NDArray[Any]) -> tuple[float, float]:
    """(temperature, decision bias) for independently scored labels; `gold` [N, K] says which labels are right.

    This is Platt scaling (Platt 1999, Probabilistic Outputs for Support Vector Machines): it minimises the binary
    cross-entropy, with targets smoothed by 1/(N + 2) of the way to 0.5. Returns (1.0, 0.0) if there is nothing to fit:
    no logits, or logits that are all zero or not finite.
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

    low, high = float(np.log(MIN_TEMPERATURE)), float(np.log(MAX_TEMPERATURE))
    best = _golden_section(lambda t: loss(t, decision_bias(t)), low, high, 1e-3)
    return float(np.exp(best)), decision_bias(best)


def _golden_section(function: Any, low: float, high: float, tolerance: float = 1e-5) -> float:
    """The minimum of a unimodal function on [low, high]; the NLL is convex in 1/temperature."""
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
    """ECE: the gap between mean confidence and accuracy in `bins` equal bins of (0, 1], weighted by bin size.

    `confidences` [N] in 0..1, `correct` [N] booleans. Returns 0.0 for no answers.
    """
    confidences, correct = np.asarray(confidences, np.float64), np.asarray(correct, np.float64)
    if not len(confidences):
        return 0.0
    bin_of = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(bin_of, weights=confidences - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidences))
