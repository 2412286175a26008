"""Assigns the entities of a sentence to groups: one structured decision over all of them, in NumPy.

The model is a linear chain over the entities (Lafferty et al. 2001, Conditional Random Fields). Its state also records
with which entity the current item began (the segments of Sarawagi & Cohen 2004, Semi-Markov Conditional Random Fields),
because the entities of an item are mostly adjacent and a kind that repeats mostly belongs to the next item. The few
weights are those of features that do not depend on words, so they generalise to phrasings that training has not seen.
The network's scores of the characters add the information in the words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.data.grouping import (
    BEGIN_WEIGHTS,
    BEGINS,
    BETWEEN,
    COUNT_WEIGHTS,
    GROUPED_WEIGHTS,
    IN_ORDER,
    RETURNS,
    SIMILARITY_WEIGHTS,
    WEIGHTS,
    ItemSet,
)
from cnlu.errors import ModelError
from cnlu.i18n import _
from cnlu.runtime.grouping_features import Kind, Span, group_features

Floats = NDArray[Any]

MAX_ENTITIES = 32
"""Maximum number of entities decided together. A text with more is cut, so its cost is linear in its length."""
_MAX_LOG_POTENTIAL = 20.0
"""Log potentials are clipped to +-this; larger values would not change a decision."""
_RESCALE_EVERY = 8
"""Entities between two rescalings of the sums. Each entity multiplies a sum by at most three exponentials of
_MAX_LOG_POTENTIAL, and float64 ends at e^709."""


@dataclass(frozen=True, kw_only=True)
class Potentials:
    """Potentials (exponentials of scores) of the chain of n entities; S = n + 1 positions where an item may begin."""

    belongs: Floats
    """[n, P]: the entity belongs to the state's current item"""
    continues: Floats
    """[n, S]: the entity continues the item that began at the position"""
    begins: Floats
    """[n, S]: the entity begins a new item after the one that began at the position"""
    moves: Floats
    """[P, P]: from state to state where another item begins, 0 where it may not"""
    end: Floats
    """[P]: the sentence ends in this state"""


class GroupDecoder:
    """Decides the groups of a sentence's entities; threads may share it."""

    def __init__(self, items: ItemSet, weights: Floats) -> None:
        """`weights`: in the order of data.grouping.WEIGHTS. Raises ModelError if their number or a value is wrong."""
        if weights.shape != (len(WEIGHTS),) or not np.isfinite(weights).all():
            raise ModelError(
                "groups.npy",
                _("this version of cnlu cannot use the group weights of the model"),
                _("train the model again"),
            )
        self.items, self.weights = items, weights.astype(np.float64)
        returns = np.exp(_clipped(self.weights[RETURNS]))
        self.moves = np.where(items.begins, 1.0, np.where(items.returns, returns, 0.0))
        repeats, count = np.arange(MAX_ENTITIES + 1)[:, None], items.item_count
        features = (count == 1) & (repeats >= 0), np.maximum(0, repeats - count), np.maximum(0, count - repeats)
        self.ends = np.exp(_clipped((np.stack(features, -1) * (count > 0)[:, None]) @ self.weights[COUNT_WEIGHTS]))
        """[MAX_ENTITIES + 1, P]: potential of ending in a state, by `GroupFeatures.max_repeats`"""
        self.in_order = self.weights[IN_ORDER] * (repeats + 1 == np.arange(1 + len(items.names)))
        """[MAX_ENTITIES + 1, 1 + labels]: score of the label whose number follows an entity's `GroupFeatures.rank`"""

    def decide(
        self,
        text: str,
        spans: Sequence[Span],
        kinds: Sequence[Kind],
        allowed: Sequence[Sequence[str]],
        scores: Floats,
    ) -> list[tuple[str | None, float]]:
        """(group, probability) of each entity, in text order; (None, 0.0) for no group.

        `scores` [L, columns] are the network's for the characters of the text. Labels that do not count are chosen from
        `allowed`, a list for each entity. More than MAX_ENTITIES entities are decided in chunks. Raises ModelError if
        the scores are not finite.
        """
        groups: list[tuple[str | None, float]] = []
        names = [None, *self.items.names]
        for first in range(0, len(spans), MAX_ENTITIES):
            chunk = slice(first, first + MAX_ENTITIES)
            chain = self.potentials(text, spans[chunk], kinds[chunk], allowed[chunk], scores)
            labels = best_labels(chain, self.items)
            probabilities = label_probabilities(chain, self.items, labels)
            groups += [(names[label], probability) for label, probability in zip(labels, probabilities, strict=True)]
        return groups

    def potentials(
        self,
        text: str,
        spans: Sequence[Span],
        kinds: Sequence[Kind],
        allowed: Sequence[Sequence[str]],
        scores: Floats,
    ) -> Potentials:
        """The potentials of the chain; takes the arguments of `decide`."""
        features, weights, count = group_features(text, spans, kinds), self.weights, len(spans)
        begin_scores, label_scores = _span_means(scores, spans)
        similarity = features.similarity * weights[SIMILARITY_WEIGHTS]
        logs = np.zeros((count, 1 + len(self.items.names) + 2 * (count + 1)))
        labels, continues, begins = _parts(logs, count)
        labels += (features.grouped @ weights[GROUPED_WEIGHTS])[:, None]
        if self.items.counting:
            labels += self.in_order[features.rank]
        else:
            labels[:, 1:] += label_scores
        continues += similarity[..., 1]
        begins += (features.begins @ weights[BEGIN_WEIGHTS] + begin_scores)[:, None] + similarity[..., 0]
        begins[:, 0] = 0.0  # the first item must begin somewhere
        labels, continues, begins = _parts(np.exp(_clipped(logs)), count)
        labels[:, 0] = 0.0
        if not self.items.counting:
            labels[:, 1:] *= [[name in groups for name in self.items.names] for groups in allowed]
        return Potentials(
            belongs=labels[:, self.items.label],
            continues=continues,
            begins=begins,
            moves=self.moves,
            end=self.ends[features.max_repeats],
        )


def _span_means(scores: Floats, spans: Sequence[Span]) -> tuple[list[float], list[list[float]]]:
    """Scores of the entities for beginning an item, and for each label: means over an entity's characters plus means
    over the characters before it.

    It computes with plain Python numbers, because NumPy is slower for a few values.
    """
    sums = np.zeros((len(scores) + 1, scores.shape[1]))
    rows = np.cumsum(scores, 0, out=sums[1:]).tolist()
    if not all(map(math.isfinite, rows[-1])):
        raise ModelError("model.onnx", _("its group scores are not finite numbers"), _("train the model again"))
    rows.insert(0, sums[0].tolist())
    begins, labels, before = [], [], 0
    for start, end in spans:
        inside = [(high - low) / (end - start) for high, low in zip(rows[end], rows[start], strict=True)]
        width, first = max(1, start - before), rows[min(before, start)]
        gap = [(high - low) / width for high, low in zip(rows[start], first, strict=True)]
        begins.append(inside[BEGINS] + gap[BETWEEN])
        labels.append([mean + gap_mean for mean, gap_mean in zip(inside, gap, strict=True)][BETWEEN + 1 :])
        before = end
    return begins, labels


def _parts(columns: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Views of the columns for the labels, for continuing an item, for beginning another."""
    positions = count + 1
    return columns[:, : -2 * positions], columns[:, -2 * positions : -positions], columns[:, -positions:]


def _clipped(scores: Any) -> Any:
    return np.minimum(np.maximum(scores, -_MAX_LOG_POTENTIAL), _MAX_LOG_POTENTIAL)


def label_probabilities(chain: Potentials, items: ItemSet, labels: Sequence[int]) -> list[float]:
    """The marginal probability of each entity's label; 0.0 for an entity without a group.

    Nothing uses the probability of "no group", and most sentences have no groups.
    """
    grouped = [i for i, label in enumerate(labels) if label]
    probabilities = [0.0] * len(labels)
    if grouped:
        masks = np.ones((len(grouped) + 1, len(labels), 1 + len(items.names)))
        for row, i in enumerate(grouped):
            masks[row, i] = 0.0
            masks[row, i, labels[i]] = 1.0
        *constrained, unconstrained = log_partition(chain, items, masks).tolist()
        for i, constrained_sum in zip(grouped, constrained, strict=True):
            probabilities[i] = min(1.0, math.exp(constrained_sum - unconstrained))
    return probabilities


def log_partition(chain: Potentials, items: ItemSet, masks: Floats) -> Floats:
    """[R]: log of the sum over all label sequences that each of R masks [R, n, 1 + labels] allows."""
    rows, count, _labels = masks.shape
    sums = np.zeros((rows, len(items.label), count + 1))
    sums[:, 0, 0] = 1.0
    grouped, ungrouped = masks[:, :, items.label] * chain.belongs, masks[:, :, :1]
    logs = np.zeros(rows)
    for i in range(count):
        belongs = grouped[:, i]
        begun = (sums @ chain.begins[i]) @ chain.moves * belongs
        sums *= ungrouped[:, i, :, None] + belongs[:, :, None] * chain.continues[i]
        sums[:, :, i + 1] = begun
        if i % _RESCALE_EVERY == _RESCALE_EVERY - 1:
            top = np.maximum(sums.max((1, 2)), 1e-300)
            sums /= top[:, None, None]
            logs += np.log(top)
    return np.asarray(logs + np.log(np.maximum(sums.sum(2) @ chain.end, 1e-300)))


def best_labels(chain: Potentials, items: ItemSet) -> list[int]:
    """The labels of the likeliest sequence (Viterbi), 0 for no group."""
    count, states = len(chain.belongs), np.arange(len(items.label))
    scores = np.zeros((len(states), count + 1))
    scores[0, 0] = 1.0
    backpointers = []
    for i in range(count):
        leaving = scores * chain.begins[i]
        position = leaving.argmax(1)
        moved = leaving[states, position][:, None] * chain.moves
        source = moved.argmax(0)
        going_on = chain.belongs[i][:, None] * chain.continues[i]
        backpointers.append((going_on, source, position))
        scores *= np.maximum(1.0, going_on)
        scores[:, i + 1] = moved[source, states] * chain.belongs[i]
        if i % _RESCALE_EVERY == _RESCALE_EVERY - 1:
            scores /= scores.max()
    state, begun = divmod(int((scores * chain.end[:, None]).argmax()), count + 1)
    labels = []
    for i in range(count - 1, -1, -1):
        going_on, source, position = backpointers[i]
        belongs = begun == i + 1 or going_on[state, begun] > 1.0
        labels.append(int(items.label[state]) if belongs else 0)
        if begun == i + 1:
            state = int(source[state])
            begun = int(position[state])
    return labels[::-1]
