"""Finds near duplicates among many texts by hashes, without comparing all pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk_segment import code_points
from cnlu.text.hashing import GOLDEN, mix64

BANDS, ROWS = 8, 6
"""Lines whose sets of character bigrams have the Jaccard similarity s agree in at least one of 8 bands of 6 minimum
hashes with probability 1 - (1 - s^6)^8: .12 at s = .5, .89 at .8, .999 at .9."""

_INVERSE = np.uint64(pow(0x9E3779B97F4A7C15, -1, 1 << 64))


def near_duplicate_keys(texts: Sequence[str]) -> NDArray[np.uint64]:
    """[L, BANDS] hashes; similar lines have at least one in common, with the probability given at BANDS.

    MinHash over character bigrams, in bands (Broder 1997; Leskovec et al., Mining of Massive Datasets, section 3.4).
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    codes = code_points("\n".join([*texts, ""])).astype(np.uint64)
    pairs = _hashed((codes << np.uint64(32)) ^ np.roll(codes, -1))
    firsts = np.cumsum(lengths) - lengths
    keys = np.empty((len(texts), BANDS), np.uint64)
    for band in range(BANDS):
        key = np.full(len(texts), band + 1, np.uint64)
        for row in range(ROWS):
            salt = _hashed(np.array([band * ROWS + row + 1], np.uint64))
            key = _hashed(key ^ np.minimum.reduceat(_hashed(pairs ^ salt), firsts))
        keys[:, band] = key
    return keys


def one_edit_keys(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of every text, and of every text with one of its characters deleted.

    Two texts with a hash in common are equal, or differ by one character replaced, added or missing (the deletions of
    SymSpell, Garbe 2012). Returns the keys [K] and the index of each key's text [K]: first those with a deletion, for
    every character of the texts in order, then those of whole texts. The hash of c_0 c_1 ... is the sum of
    _hashed(c_j) B^j modulo 2^64, so a deletion is arithmetic on sums.
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    text_ids = np.repeat(np.arange(len(texts)), lengths)
    starts = np.cumsum(lengths) - lengths
    positions = np.arange(len(text_ids)) - starts[text_ids]
    powers = np.full(int(lengths.max(initial=0)) + 1, GOLDEN)
    powers[0] = 1
    powers = np.cumprod(powers)
    terms = _hashed(code_points("".join(texts)).astype(np.uint64)) * powers[positions]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
    before = sums[:-1] - sums[starts][text_ids]
    after = sums[starts + lengths][text_ids] - sums[1:]
    whole = sums[starts + lengths] - sums[starts]
    keys = np.concatenate([before + after * _INVERSE, whole])
    return keys, np.concatenate([text_ids, np.arange(len(texts))])


def _hashed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return mix64(values + GOLDEN)
