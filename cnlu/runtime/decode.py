"""Decodes tag scores: constrained Viterbi and span probabilities of a linear-chain CRF, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cnlu.errors import ModelError
from cnlu.i18n import _
from cnlu.runtime.lattice import Floats, Lattice, build_lattice

__all__ = ["Lattice", "build_lattice", "marginals", "span_confidences", "viterbi"]

_RENORMALISE_EVERY = 32
"""Steps between two renormalisations of the Viterbi scores, which keep float32 precise on long texts."""

_EXP_SPAN = 200.0
"""Largest score gap of one step, in nats, that linear space can represent. A tag on a path may score three such gaps
less than the best one, and float64 ends at e^-708."""

_LARGEST_SCORE = 1e6
"""Only a broken model has emissions beyond this, or NaN."""


def viterbi(lattice: Lattice, emissions: Floats) -> list[int]:
    """The best legal tag sequence for `emissions` [L, T], as L tag indices.

    Raises ModelError if the emissions are not finite.
    """
    length = len(emissions)
    if not length:
        return []
    scores = _bounded(lattice, emissions, np.float32)[:, lattice.order]
    size = len(lattice.wide)
    feeding, wide, narrow, sources = lattice.feeding, lattice.wide, lattice.narrow, lattice.narrow_from
    entering = np.empty(scores.shape[1], np.float32)
    previous = scores[0]
    for step in range(1, length):
        current = scores[step]
        (wide + previous[feeding]).max(axis=1, out=entering[:size])
        (narrow + previous[sources]).max(axis=0, out=entering[size:])
        current += entering
        if step % _RENORMALISE_EVERY == 0:
            current -= current.max()
        previous = current
    # Backpointers are computed for the best path alone, while walking back.
    tag = int(previous.argmax())
    path = [tag]
    for step in range(length - 2, -1, -1):
        tag = int((scores[step] + lattice.incoming[tag]).argmax())
        path.append(tag)
    return [int(tag) for tag in lattice.order[path[::-1]]]


def span_confidences(lattice: Lattice, emissions: Floats, spans: Sequence[tuple[int, int, str]]) -> list[float]:
    """The probability of each (start, end, type) span: of its tag path, among all legal sequences.

    `emissions` is [L, T]; spans are within it and not empty. The path includes the end of the span, so a BIO span
    that a further I tag extends does not count. Raises ModelError if the emissions are not finite.
    """
    if not spans:
        return []
    scores = _bounded(lattice, emissions, np.float64)
    forward, backward = _messages(lattice, scores)
    total = _logsumexp(forward[-1])
    confidences = []
    for start, end, kind in spans:
        path = _span_path(lattice, start, end, kind)
        log_weight = float(forward[start, path[0]])
        for step in range(start + 1, end):
            log_weight += float(lattice.transitions[path[step - start - 1], path[step - start]])
            log_weight += float(scores[step, path[step - start]])
        if end < len(scores):
            onward = lattice.transitions[path[-1]] + scores[end] + backward[end]
            onward[lattice.tag_ids.get(f"I-{kind}", path[-1])] = -np.inf
            log_weight += _logsumexp(onward)
        confidences.append(min(1.0, float(np.exp(log_weight - total))))
    return confidences


def marginals(lattice: Lattice, emissions: Floats) -> Floats:
    """float64 [L, T]: the probability of each tag at each character. Rows sum to 1; impossible tags have 0."""
    if not len(emissions):
        return np.zeros((0, len(lattice.start)))
    forward, backward = _messages(lattice, _bounded(lattice, emissions, np.float64))
    log = forward + backward
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _bounded(lattice: Lattice, emissions: Floats, dtype: Any) -> Floats:
    """A copy of the emissions with start and end scores added. Raises ModelError if they are not finite."""
    scores = np.array(emissions, dtype)
    if not np.abs(scores).max() < _LARGEST_SCORE:
        raise ModelError("model.onnx", _("its tag scores are not finite numbers"), _("train the model again"))
    scores[0] += lattice.start
    scores[-1] += lattice.end
    return scores


def _span_path(lattice: Lattice, start: int, end: int, kind: str) -> list[int]:
    """Tag indices of a span of this type: B I I (BIO), or U and B I L (BILOU)."""
    ids, length = lattice.tag_ids, end - start
    if f"L-{kind}" not in ids:
        return [ids[f"B-{kind}"]] + [ids[f"I-{kind}"]] * (length - 1)
    if length == 1:
        return [ids[f"U-{kind}"]]
    return [ids[f"B-{kind}"], *[ids[f"I-{kind}"]] * (length - 2), ids[f"L-{kind}"]]


def _messages(lattice: Lattice, scores: Floats) -> tuple[Floats, Floats]:
    """Log forward messages (own score included) and backward messages (own score excluded), both float64 [L, T]."""
    finite = scores[scores > -np.inf]
    gap = float(finite.max() - finite.min()) + lattice.span
    if gap > _EXP_SPAN:
        return _messages_log(lattice, scores)
    rescale_every = max(1, int(_EXP_SPAN / max(gap, 1.0)))  # steps between two rescalings of a message
    top = scores.max(axis=1)
    weights = np.exp(scores - top[:, None])
    forward, forward_scale = np.empty_like(weights), np.ones(len(weights))
    backward, backward_scale = np.empty_like(weights), np.ones(len(weights))
    forward[0] = message = weights[0]
    for step in range(1, len(weights)):
        message = np.multiply(message @ lattice.linear, weights[step], out=forward[step])
        if step % rescale_every == 0:
            forward_scale[step] = scale = message.max()
            message /= scale
    backward[-1] = message = np.ones(weights.shape[1])
    for step in range(len(weights) - 2, -1, -1):
        message = np.matmul(lattice.linear, weights[step + 1] * message, out=backward[step])
        if step % rescale_every == 0:
            backward_scale[step] = scale = message.max()
            message /= scale
    with np.errstate(divide="ignore"):  # the logarithm of an impossible tag is -inf, as intended
        forward, backward = np.log(forward), np.log(backward)
    steps = np.arange(len(top)) * lattice.shift
    forward += (np.cumsum(np.log(forward_scale) + top) + steps)[:, None]
    later = np.log(backward_scale) + np.append(top[1:], 0.0)
    backward += (np.cumsum(later[::-1])[::-1] + steps[::-1])[:, None]
    return forward, backward


def _messages_log(lattice: Lattice, scores: Floats) -> tuple[Floats, Floats]:
    """The same in log space: slower, for scores so far apart that linear space would underflow."""
    transitions = lattice.transitions.astype(np.float64)
    forward, backward = scores.copy(), np.zeros_like(scores)
    for step in range(1, len(scores)):
        forward[step] += np.logaddexp.reduce(forward[step - 1][:, None] + transitions, axis=0)
        back = len(scores) - 1 - step
        backward[back] = np.logaddexp.reduce(transitions + scores[back + 1] + backward[back + 1], axis=1)
    return forward, backward


def _logsumexp(values: Floats) -> float:
    """log(sum(exp(values))); -inf for all -inf."""
    top = float(values.max())
    return top if top == -np.inf else top + float(np.log(np.exp(values - top).sum()))
