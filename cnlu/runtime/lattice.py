"""Lays out a CRF's parameters for decoding: illegal transitions masked, tags sorted for speed.

A sentence's lattice has one column per character and one state per tag. The score of a tag sequence is
`start[y0] + sum(emissions[t, yt]) + sum(transitions[yt-1, yt]) + end[yL-1]`. Sequences that the tag set forbids have
probability 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import ModelError
from cnlu.i18n import _

Floats = NDArray[Any]


class TagLegality(Protocol):
    """The part of `cnlu.data.tags.TagSet` that a lattice uses."""

    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def legal_start(self) -> NDArray[Any]: ...
    @property
    def legal_end(self) -> NDArray[Any]: ...
    @property
    def legal(self) -> NDArray[Any]: ...


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """A CRF laid out for decoding; see `build_lattice`."""

    transitions: Floats
    """float32 [T, T], from row to column, -inf where illegal."""
    start: Floats
    """float32 [T], -inf where a sequence may not start."""
    end: Floats
    """float32 [T], -inf where a sequence may not end."""
    linear: Floats
    """float64 [T, T]: exp(transitions - shift), 0 where illegal."""
    shift: float
    """Largest legal transition score."""
    span: float
    """Gap between the largest and smallest legal transition, start and end scores."""
    order: NDArray[np.intp]
    """[T]: the tags in the inner order of the Viterbi pass."""
    incoming: Floats
    """float32 [T, T]: transitions in the inner order, transposed; each row belongs to the tag that is entered"""
    feeding: slice
    """Inner tags from which a wide tag can be entered."""
    wide: Floats
    """float32 [W, feeding]: scores of entering the first W inner tags, which have many predecessors"""
    narrow_from: NDArray[np.intp]
    """[2, T - W]: the predecessors, at most two, of each remaining inner tag (of I-x and L-x: B-x and I-x)"""
    narrow: Floats
    """float32 [2, T - W]: scores of those transitions, -inf for a missing second predecessor"""
    tag_ids: dict[str, int]
    """Tag name -> index."""


def build_lattice(transitions: Floats, start: Floats, end: Floats, tagset: TagLegality) -> Lattice:
    """Lays out a CRF's `transitions` [T, T] (from, to), `start` [T] and `end` [T] scores for decoding.

    Raises ModelError if their shapes do not fit the tag set or a value is not finite.
    """
    count = len(tagset.tags)
    start, end = np.asarray(start, np.float32), np.asarray(end, np.float32)
    transitions = np.asarray(transitions, np.float32)
    if transitions.shape != (count, count) or start.shape != (count,) or end.shape != (count,):
        problem = _("it scores {found} tags, but the labels give {count}", found=transitions.shape[0], count=count)
        raise ModelError("tagger.npy", problem, _("train the model again"))
    if not all(np.isfinite(scores).all() for scores in (transitions, start, end)):
        raise ModelError("tagger.npy", _("its scores are not finite numbers"), _("train the model again"))
    legal = np.asarray(tagset.legal, bool)
    minus_infinity = np.float32(-np.inf)
    masked = np.where(legal, transitions, minus_infinity)
    shift = float(masked.max())
    weights = np.concatenate([transitions[legal], start, end])
    return Lattice(
        transitions=masked,
        start=np.where(tagset.legal_start, start, minus_infinity),
        end=np.where(tagset.legal_end, end, minus_infinity),
        linear=np.where(legal, np.exp(masked.astype(np.float64) - shift), 0.0),
        shift=shift,
        span=float(weights.max() - weights.min()),
        tag_ids={tag: index for index, tag in enumerate(tagset.tags)},
        **_viterbi_layout(legal, masked),
    )


def _viterbi_layout(legal: NDArray[Any], masked: Floats) -> dict[str, Any]:
    """Splits the tags into those with many predecessors and those with at most two.

    In BIO and BILOU an I or L tag is entered only from B or I of its own type, so most of a dense T x T pass would
    compute forbidden transitions. Tags are sorted so that each part is one slice.
    """
    wide = legal.sum(axis=0) > 2
    wide[0] = True  # never empty, even if "O" is the only tag
    feeds = legal[:, wide].any(axis=1)
    group = np.select([wide & ~feeds, wide & feeds, feeds], [0, 1, 2], 3)
    order = np.argsort(group, kind="stable")
    first, last = int((group == 0).sum()), int((group <= 2).sum())
    incoming = np.ascontiguousarray(masked[np.ix_(order, order)].T)
    narrow_rows = incoming[int(wide.sum()) :]
    narrow_from = np.zeros((2, len(narrow_rows)), np.intp)
    narrow = np.full((2, len(narrow_rows)), -np.inf, np.float32)
    for column, row in enumerate(narrow_rows):
        for slot, source in enumerate(np.flatnonzero(row > -np.inf)):
            narrow_from[slot, column], narrow[slot, column] = source, row[source]
    return {
        "order": order,
        "incoming": incoming,
        "feeding": slice(first, last),
        "wide": np.ascontiguousarray(incoming[: int(wide.sum()), first:last]),
        "narrow_from": narrow_from,
        "narrow": narrow,
    }
