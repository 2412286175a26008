"""Rows of tokens to rows in which some are hidden: the same for the same (seed, epoch, sample), always."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.masking import rng
from cnlu_pretrain.masking.selection import choose
from cnlu_pretrain.masking.units import (
    Words,
    entity_units,
    geometric,
    group_units,
    table_of_lengths,
    token_units,
    word_units,
    words_of,
)
from cnlu_pretrain.similar.table import SimilarWords

IGNORED = -100
"""The label of a token that is not hidden; PyTorch's cross entropy passes over it."""
OPEN, REPLACED, RANDOM, KEPT = range(4)
"""What became of a token: not hidden; replaced by [MASK] or a similar word; replaced at random; hidden as it is."""


@dataclass(frozen=True)
class Masked:
    """A batch to learn from, [B, T] each."""

    tokens: NDArray[np.int64]
    labels: NDArray[np.int64]
    """What stood there, where it is to be guessed; IGNORED elsewhere"""
    mask_action: NDArray[np.uint8]
    """OPEN, REPLACED, RANDOM or KEPT"""
    unit: NDArray[np.int64]
    """The number of each hidden token's unit in the batch; -1 where nothing is hidden"""


class Masker:
    """One strategy over one vocabulary."""

    def __init__(
        self,
        config: MaskingConfig,
        seed: int,
        mask: int,
        ordinary: NDArray[np.int64],
        similar: SimilarWords | None = None,
    ) -> None:
        """`mask` is the id of [MASK]; `ordinary` [V] are the ids that may stand in at random, no marks among them.

        With config.replacement "similar" the table `similar` must be given.
        """
        self.config, self.seed = config, seed
        self._mask, self._ordinary, self._similar = mask, ordinary, similar
        self._per = config.together
        chances = geometric(config.span_p, config.span_longest) if config.strategy == "span" else config.ngram_chances()
        self._lengths = table_of_lengths(chances)

    def __call__(
        self,
        tokens: NDArray[np.integer],
        flags: NDArray[np.uint8],
        epoch: int | NDArray[np.integer],
        samples: NDArray[np.integer],
    ) -> Masked:
        """Of rows of tokens and flags [B, T] (marks and padding SPECIAL); `samples` [B] are their numbers."""
        width = tokens.shape[1]
        key = rng.keys(self.seed, epoch, samples)
        words = words_of(flags)
        starts = self._unit_starts(words, flags, key, width)
        chosen, of_token = choose(starts, words.real, key, width, self.config.rate)
        hidden = words.real.copy()
        if len(chosen):
            hidden &= chosen[of_token]
        at = np.flatnonzero(hidden)
        original = tokens.reshape(-1).astype(np.int64)
        mask_action = np.zeros(len(original), np.uint8)
        mask_action[at] = self._fate(at, words, np.flatnonzero(starts), of_token, key, width)
        fresh = original.copy()
        random = at[mask_action[at] == RANDOM]
        fresh[random] = self._random(random, key, width)
        if self.config.replacement == "mask":
            fresh[at[mask_action[at] == REPLACED]] = self._mask
        else:
            self._put_similar(fresh, original, at, mask_action, words, key, width)
        labels = np.full(len(original), IGNORED, np.int64)
        labels[at] = original[at]
        unit = np.full(len(original), -1, np.int64)
        unit[at] = of_token[at]
        shape = tokens.shape
        return Masked(fresh.reshape(shape), labels.reshape(shape), mask_action.reshape(shape), unit.reshape(shape))

    def _unit_starts(
        self, words: Words, flags: NDArray[np.uint8], key: NDArray[np.uint64], width: int
    ) -> NDArray[np.bool_]:
        strategy = self.config.strategy
        if strategy == "token":
            return token_units(words)
        if strategy == "word":
            return word_units(words)
        if strategy == "entity":
            return entity_units(words, flags)
        return group_units(words, self._lengths, key, width)

    def _fate(
        self,
        at: NDArray[np.int64],
        words: Words,
        unit_first: NDArray[np.int64],
        of_token: NDArray[np.int32],
        key: NDArray[np.uint64],
        width: int,
    ) -> NDArray[np.uint8]:
        """Of the hidden tokens `at`: one draw for each unit, word or token, at the place of its first token."""
        place = at
        if self._per == "word":
            place = words.first[words.of_token[at]]
        elif self._per == "unit":
            place = unit_first[of_token[at]]
        row = place // width
        chance = rng.uniform(key[row], rng.KIND, place - row * width)
        replaced, random = self.config.replaced, self.config.random
        return np.where(chance < replaced, REPLACED, np.where(chance < replaced + random, RANDOM, KEPT)).astype(
            np.uint8
        )

    def _random(self, at: NDArray[np.int64], key: NDArray[np.uint64], width: int) -> NDArray[np.int64]:
        """An ordinary token for each place, evenly drawn from the vocabulary."""
        row = at // width
        return self._ordinary[rng.below(len(self._ordinary), rng.bits(key[row], rng.TOKEN, at - row * width))]

    def _put_similar(
        self,
        fresh: NDArray[np.int64],
        original: NDArray[np.int64],
        at: NDArray[np.int64],
        mask_action: NDArray[np.uint8],
        words: Words,
        key: NDArray[np.uint64],
        width: int,
    ) -> None:
        """Whole words: a similar one for REPLACED ones that the table knows, a random one of the same length for
        others and for RANDOM ones, random tokens where the table has no word of the length."""
        assert self._similar is not None
        wanted = at[(mask_action[at] == REPLACED) | (mask_action[at] == RANDOM)]
        if not len(wanted):
            return
        of_word = words.of_token[wanted]
        firsts = np.flatnonzero(np.diff(of_word, prepend=-1))
        lengths = np.diff(np.append(firsts, len(wanted)))
        place = wanted[firsts]
        row = place // width
        column = place - row * width
        found = self._similar.substitutes(
            original[wanted],
            lengths,
            mask_action[place] == REPLACED,
            rng.bits(key[row], rng.NEIGHBOUR, column),
            rng.bits(key[row], rng.WORD, column),
        )
        none = found < 0
        fresh[wanted[~none]] = found[~none]
        fresh[wanted[none]] = self._random(wanted[none], key, width)
