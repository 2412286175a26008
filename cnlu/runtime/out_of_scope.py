"""The out-of-scope score of a sentence: how much it differs from everything the model has learned.

An out-of-scope sentence activates none of the intents, so the energy, a smooth maximum over all logits, stays low. A
softmax would only say which intent is the least unlikely (Liu et al. 2020, Energy-based Out-of-distribution Detection,
arXiv 2010.03759, section 3). Such a sentence also consists mostly of words that training has not seen. The fewer
examples the model has, the more the words count. Neither learning nor calibration needs out-of-scope examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EDGE_SMALL, EDGE_LARGE = 1.4, 1.8
"""Distance of the edge (the decision threshold) from the mean of the in-scope sentences, in standard deviations, for
models of at most SMALL and at least LARGE examples. 8 % and 4 % of a normal distribution are beyond it. Chosen on dev
parts: docs/benchmarks/small-bots.md."""
SMALL, LARGE = 100, 200
EQUAL_WEIGHT_EXAMPLES = 200
"""Number of examples at which a standard deviation of the known share counts as much as one of the energy. The weight
of the known share is proportional to 1 / sqrt(number of examples): chosen on bots of 16 and 50 examples, and so that
its weight with 2,000 examples is 0.3, which was best there (docs/benchmarks/out-of-scope-and-multi-intent.md)."""
PRIOR_ENERGY_SD, PRIOR_KNOWN_SD = 0.6, 0.13
"""Prior standard deviations of the energy, in units of the temperature, and of the known share."""
PRIOR_COUNT = 8
"""Weight of the prior standard deviations, as a number of sentences."""
WIDTHS_TO_MEAN = 3.0
"""Distance between the edge and the mean of the in-scope sentences, in widths; the score at the mean is 0.05."""


@dataclass(frozen=True)
class OosScorer:
    """Scores how far out of scope a sentence is, from its energy and the share of it that training has seen."""

    edge: float
    """The decision threshold: the score there is 0.5, and most in-scope sentences are above it"""
    width: float
    """Width of the logistic slope at the edge"""
    weight: float = 0.0
    """What the known share adds to the energy: a fully known text gains this much over a fully unknown one"""
    characters: str = ""
    """All characters that training has seen"""

    def score(self, energy: float, known: float = 1.0) -> float:
        """The out-of-scope score, 0..1: about 0.05 for a typical in-scope sentence, 0.5 at the edge, 1 far away."""
        distance = (energy + self.weight * known - self.edge) / self.width
        return float(0.5 - 0.5 * np.tanh(distance / 2.0))


def energy(logits: NDArray[np.float64], multi_label: bool = False) -> float:
    """The negative free energy of the uncalibrated intent logits [K] of one sentence; it is higher in scope.

    It is the log-sum-exp of the logits. With `multi_label` it is the sum of each label's own log(1 + exp(logit))
    (Wang et al. 2021, Can Multi-Label Classification Networks Know What They Don't Know?, section 3). Returns -inf if
    there are no intents.
    """
    if multi_label:
        return float(np.logaddexp(0.0, logits).sum()) if len(logits) else -np.inf
    return float(np.logaddexp.reduce(logits)) if len(logits) else -np.inf


def fit_oos_scorer(
    energies: Sequence[float], known: Sequence[float], temperature: float, examples: int, characters: str = ""
) -> OosScorer | None:
    """Fits a scorer to in-scope sentences that were not trained on: their energies and known shares [0..1].

    Both standard deviations are shrunk towards their priors, as if PRIOR_COUNT more sentences with the prior spread
    had been seen. `temperature` is that of the intents, the unit of energies; `examples` is the model's number of
    training examples. Returns None if there are no sentences or an energy is not finite.
    """
    energy_array, shares = np.asarray(energies, np.float64), np.asarray(known, np.float64)
    if not len(energy_array) or not np.isfinite(energy_array).all():
        return None
    energy_sd = _shrunk_sd(energy_array, PRIOR_ENERGY_SD * temperature)
    ratio = np.sqrt(EQUAL_WEIGHT_EXAMPLES / max(examples, 1))
    weight = ratio * energy_sd / _shrunk_sd(shares, PRIOR_KNOWN_SD)
    combined = energy_array + weight * shares
    combined_sd = _shrunk_sd(combined, energy_sd * np.hypot(1.0, ratio)) * np.sqrt(1.0 + 1.0 / len(combined))
    below_mean = max(float(_edge_distance(examples) * combined_sd), 1e-3)
    return OosScorer(float(combined.mean()) - below_mean, below_mean / WIDTHS_TO_MEAN, float(weight), characters)


def _edge_distance(examples: int) -> float:
    """In standard deviations; between SMALL and LARGE it grows with the logarithm of the number of examples."""
    return float(np.interp(np.log(max(examples, 1)), np.log([SMALL, LARGE]), [EDGE_SMALL, EDGE_LARGE]))


def _shrunk_sd(values: NDArray[np.float64], prior: float) -> float:
    """Standard deviation of the values, shrunk towards the `prior` one."""
    return float(np.sqrt((len(values) * values.var() + PRIOR_COUNT * prior**2) / (len(values) + PRIOR_COUNT)))
