"""Masks tokens of rows: the same (seed, epoch, sample) always gives the same result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain import rng
from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.masking.group_lengths import group_lengths
from cnlu_pretrain.masking.random_tokens import RandomTokens
from cnlu_pretrain.masking.selection import choose
from cnlu_pretrain.masking.units import (
    Words,
    entity_units,
    geometric,
    group_units,
    token_units,
    word_units,
    words_of,
)
from cnlu_pretrain.similar.table import SimilarWords

IGNORED = -100
"""The label of a token that is not masked; PyTorch's cross entropy ignores it."""
OPEN, REPLACED, RANDOM, KEPT = range(4)
"""The mask action of a token: not masked; replaced by [MASK] or a similar word; replaced at random; masked but kept."""


@dataclass(frozen=True)
class Masked:
    """A masked batch, [B, T] each."""

    tokens: NDArray[np.int64]
    labels: NDArray[np.int64]
    """The original token where it is to be predicted; IGNORED elsewhere"""
    mask_action: NDArray[np.uint8]
    """OPEN, REPLACED, RANDOM or KEPT"""
    unit: NDArray[np.int64]
    """The number of each masked token's unit in the batch; -1 where nothing is masked"""


@dataclass(frozen=True)
class _Rows:
    """The random keys and the words of a batch of rows."""

    key: NDArray[np.uint64]
    """[B]"""
    words: Words
    width: int
    """Tokens of a row"""

    def bits(self, stream: int, at: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Random bits for flat positions."""
        row = at // self.width
        return rng.bits(self.key[row], stream, at - row * self.width)


class Masker:
    """One masking strategy for one vocabulary."""

    def __init__(
        self,
        config: MaskingConfig,
        *,
        seed: int,
        mask: int,
        random_tokens: RandomTokens,
        similar: SimilarWords | None = None,
    ) -> None:
        """`mask` is the id of [MASK]; `random_tokens` are the random replacements.

        `similar` is needed where config.replacement is "similar".
        """
        self.config, self.seed = config, seed
        self._mask, self._random_tokens, self._similar = mask, random_tokens, similar
        self._drawn_per = config.resolved_drawn_per
        spans = config.strategy == "span"
        weights = geometric(config.span_p, config.span_longest) if spans else config.ngram_probabilities()
        self._lengths = group_lengths(weights)

    def __call__(
        self,
        tokens: NDArray[np.integer],
        flags: NDArray[np.uint8],
        epoch: int | NDArray[np.integer],
        samples: NDArray[np.integer],
    ) -> Masked:
        """Mask rows of tokens [B, T] with flags [B, T] (SPECIAL for special tokens and padding).

        `samples` [B] are the numbers of the rows.
        """
        rows = _Rows(rng.keys(self.seed, epoch, samples), words_of(flags), tokens.shape[1])
        starts = self._unit_starts(rows, flags)
        chosen, unit_of_token = choose(starts, rows.words.real, rows.key, rows.width, self.config.rate)
        masked = rows.words.real.copy()
        if len(chosen):
            masked &= chosen[unit_of_token]
        at = np.flatnonzero(masked)
        original = tokens.reshape(-1).astype(np.int64)
        mask_action = np.zeros(len(original), np.uint8)
        mask_action[at] = self._actions(at, rows, np.flatnonzero(starts)[unit_of_token[at]])
        labels = np.full(len(original), IGNORED, np.int64)
        labels[at] = original[at]
        unit = np.full(len(original), -1, np.int64)
        unit[at] = unit_of_token[at]
        new = self._replaced(original, at, mask_action, rows)
        shape = tokens.shape
        return Masked(new.reshape(shape), labels.reshape(shape), mask_action.reshape(shape), unit.reshape(shape))

    def _unit_starts(self, rows: _Rows, flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
        strategy = self.config.strategy
        if strategy == "token":
            return token_units(rows.words)
        if strategy == "word":
            return word_units(rows.words)
        if strategy == "entity":
            return entity_units(rows.words, flags)
        return group_units(rows.words, self._lengths, rows.key, rows.width)

    def _actions(self, at: NDArray[np.int64], rows: _Rows, unit_first: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The actions of the masked tokens `at`, whose units start at `unit_first`.

        One draw for each unit, word or token, at the position of its first token.
        """
        position = at
        if self._drawn_per == "word":
            position = rows.words.first[rows.words.of_token[at]]
        elif self._drawn_per == "unit":
            position = unit_first
        row = position // rows.width
        draw = rng.uniform(rows.key[row], rng.ACTION, position - row * rows.width)
        replaced, random = self.config.replaced, self.config.random
        actions = np.full(len(at), KEPT, np.uint8)
        actions[draw < replaced + random] = RANDOM
        actions[draw < replaced] = REPLACED
        return actions

    def _replaced(
        self, original: NDArray[np.int64], at: NDArray[np.int64], mask_action: NDArray[np.uint8], rows: _Rows
    ) -> NDArray[np.int64]:
        """[B * T] the tokens that the encoder reads."""
        new = original.copy()
        random = at[mask_action[at] == RANDOM]
        new[random] = self._random(original, random, rows)
        if self.config.replacement == "mask":
            new[at[mask_action[at] == REPLACED]] = self._mask
        else:
            self._put_similar(new, original, at[np.isin(mask_action[at], (REPLACED, RANDOM))], mask_action, rows)
        return new

    def _random(self, original: NDArray[np.int64], at: NDArray[np.int64], rows: _Rows) -> NDArray[np.int64]:
        """A random token for each position, of the same kind as the original."""
        return self._random_tokens.draw(original[at], rows.bits(rng.TOKEN, at))

    def _put_similar(
        self,
        new: NDArray[np.int64],
        original: NDArray[np.int64],
        at: NDArray[np.int64],
        mask_action: NDArray[np.uint8],
        rows: _Rows,
    ) -> None:
        """Replace the whole words at the positions `at`.

        A REPLACED word becomes a similar word, or [MASK] where the table has none: the random word that MacBERT takes
        there would mislead the encoder at every gap of the table. A RANDOM word of the table becomes another word of
        the table with the same length. The random tokens of other words are in `new` already.
        """
        assert self._similar is not None
        if not len(at):
            return
        firsts = np.flatnonzero(np.diff(rows.words.of_token[at], prepend=-1))
        lengths = np.diff(np.append(firsts, len(at)))
        position = at[firsts]
        substitutes = self._similar.substitutes(
            original[at],
            lengths,
            mask_action[position] == REPLACED,
            rows.bits(rng.NEIGHBOUR, position),
            rows.bits(rng.WORD, position),
        )
        missing = substitutes < 0
        new[at[~missing]] = substitutes[~missing]
        new[at[missing & (mask_action[at] == REPLACED)]] = self._mask
