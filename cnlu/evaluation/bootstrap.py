"""Confidence intervals of the figures: how much they vary with the random choice of the test sentences.

Percentile bootstrap over sentences (Efron and Tibshirani 1993, chapter 13).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.data.schema import Example
from cnlu.evaluation.frames import frame_correctness

_CHUNK = 2_000_000
"""Most sentence draws held in memory at once."""


@dataclass(frozen=True)
class Interval:
    """A figure and the bounds that contain it in a share `level` of the resampled test sets."""

    value: float
    low: float
    high: float
    level: float


def resampled_sums(values: NDArray[Any], samples: int = 10_000, seed: int = 0) -> NDArray[np.float64]:
    """float64 [samples, C]: column sums of `values` [N, C] over N sentences drawn with replacement."""
    values = np.asarray(values, np.float64)
    count, rng = len(values), np.random.default_rng(seed)
    sums = np.zeros((samples, values.shape[1]))
    step = max(1, _CHUNK // max(1, count * values.shape[1]))
    for begin in range(0, samples if count else 0, step):
        size = min(step, samples - begin)
        sums[begin : begin + size] = values[rng.integers(0, count, (size, count))].sum(axis=1)
    return sums


def mean_interval(values: NDArray[Any], level: float = 0.95, samples: int = 10_000, seed: int = 0) -> Interval:
    """Interval of the mean of `values` [N], one number or boolean per sentence; all zeros without sentences."""
    values = np.asarray(values, np.float64)
    if not len(values):
        return Interval(0.0, 0.0, 0.0, level)
    means = resampled_sums(values[:, None], samples, seed)[:, 0] / len(values)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high), level)


def frame_accuracy_difference(
    gold: Sequence[Example],
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    level: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Paired interval of (frame accuracy of `second`) - (frame accuracy of `first`) on the same sentences.

    The difference is significant if the interval does not contain 0. Raises ValueError unless there is one prediction
    per example.
    """
    gain = frame_correctness(gold, second).astype(float) - frame_correctness(gold, first).astype(float)
    return mean_interval(gain, level, samples, seed)


def resampled_counts(
    kinds: Sequence[Hashable], samples: int = 10_000, seed: int = 0
) -> tuple[list[Hashable], NDArray[np.int64]]:
    """The distinct `kinds` [K] of N sentences, and int64 [samples, K]: how often each is drawn, with replacement.

    These multinomial draws are enough for a figure that depends only on the kinds of sentences.
    """
    counted = Counter(kinds)
    if not counted:
        return [], np.zeros((samples, 0), np.int64)
    shares = np.array(list(counted.values())) / len(kinds)
    return list(counted), np.random.default_rng(seed).multinomial(len(kinds), shares, samples)


def f1_interval(
    counts: Sequence[tuple[int, int, int]], level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Interval of the micro F1 of spans; `counts` are (right, predicted, gold) for each sentence."""
    kinds, drawn = resampled_counts(counts, samples, seed)
    table = np.array(kinds, np.float64).reshape(-1, 3)
    right, predicted, gold = (drawn @ table).T
    return _interval(_shares(2 * right, predicted + gold), _f1(np.array(counts).reshape(-1, 3).sum(0)), level)


def macro_f1_interval(
    pairs: Sequence[tuple[str, str | None]], level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Interval of the macro F1 over the gold labels of a draw; `pairs` are (gold, answer) for each sentence."""
    kinds, drawn = resampled_counts(pairs, samples, seed)
    names: list[Any] = list(kinds)
    labels = sorted({gold for gold, _ in names})
    is_gold = np.array([[gold == label for label in labels] for gold, _ in names], np.float64)
    is_answer = np.array([[answer == label for label in labels] for _, answer in names], np.float64)
    shape = (len(names), len(labels))
    is_gold, is_answer = is_gold.reshape(shape), is_answer.reshape(shape)

    def macro(times: NDArray[Any]) -> NDArray[np.float64]:
        gold = times @ is_gold
        f1 = _shares(2 * (times @ (is_gold * is_answer)), gold + times @ is_answer)
        return _shares((f1 * (gold > 0)).sum(-1), (gold > 0).sum(-1))

    once = np.array([[Counter(pairs)[name] for name in names]])
    return _interval(macro(drawn), float(macro(once)[0]) if names else 0.0, level)


def _interval(figures: NDArray[Any], value: float, level: float) -> Interval:
    low, high = np.quantile(figures, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), level)


def _f1(sums: NDArray[Any]) -> float:
    return float(2 * sums[0] / (sums[1] + sums[2])) if sums[1] + sums[2] else 0.0


def _shares(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """part / whole; 0 if the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part), np.float64), where=np.asarray(whole) > 0)
