"""Segments many lines at once, into the same words as `Segmenter.spans`, with a few array operations.

It is for large corpora. The dictionary is called once for a block of text instead of once for each run of
Chinese characters: every other character of the block becomes a line break, which no word contains.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cnlu.text.chars import LATIN
from cnlu.text.oov_words import load_unknown_cut
from cnlu.text.segment import HAN, Segmenter

OTHER, CHINESE, LETTER, DIGIT = range(4)
"""The classes of characters that decide a cut; neighbours of one class form a run, except those of OTHER."""

_BREAK = 10  # a line break, as a code point
_CACHE_SIZE = 1 << 17  # runs of single characters


def code_points(text: str) -> NDArray[np.uint32]:
    """[L] the code points of a text, lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """[L] the class of each character."""
    return _kinds()[codes]


class BulkSegmenter:
    """Finds where words start. Not thread-safe."""

    def __init__(self, segmenter: Segmenter) -> None:
        """Loads the segmenter's dictionary."""
        dictionary = segmenter.dictionary()
        self._cut, self._has_word, self._unknown_cut = dictionary.cut, dictionary.has_word, load_unknown_cut()
        self._cache: dict[str, tuple[int, ...]] = {}

    def starts(self, text: str, codes: NDArray[np.uint32] | None = None) -> NDArray[np.bool_]:
        """[L] True where a word starts; `codes`: the text's `code_points`, if the caller has them.

        A line break is a word by itself, so the cuts of a line do not depend on the lines around it.
        """
        codes = code_points(text) if codes is None else codes
        if not len(codes):
            return np.zeros(0, bool)
        kinds = kinds_of(codes)
        starts = np.ones(len(codes), bool)
        inside = kinds[1:] == kinds[:-1]
        starts[1:] = ~(inside & (kinds[1:] > CHINESE))
        chinese = kinds == CHINESE
        if chinese.any():
            starts &= self._chinese_starts(codes, chinese) | ~chinese
        return starts

    def _chinese_starts(self, codes: NDArray[np.uint32], chinese: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """[L] word starts in the Chinese runs; the other values have no meaning."""
        runs = np.where(chinese, codes, _BREAK).astype(np.uint32).tobytes().decode("utf-32-le")
        words = self._cut(runs)
        lengths = np.fromiter(map(len, words), np.int64, len(words))
        begins = np.cumsum(lengths) - lengths
        starts = np.zeros(len(codes), bool)
        starts[begins] = True
        single = np.zeros(len(codes) + 2, bool)
        single[1:-1][begins[lengths == 1]] = True
        single[1:-1] &= chinese
        edges = np.flatnonzero(single[1:] != single[:-1])
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            if end - begin > 1:
                run = runs[begin:end]
                continuing = self._cache.get(run)
                if continuing is None:
                    continuing = self._continuing(run)
                for i in continuing:
                    starts[begin + i] = False
        return starts

    def _continuing(self, run: str) -> tuple[int, ...]:
        """Indices of the characters in a run of single ones that continue a word missing from the dictionary."""
        continuing: tuple[int, ...] = ()
        if not self._has_word(run):
            inside: list[int] = []
            at = 0
            for word in self._unknown_cut(run):
                inside += range(at + 1, at + len(word))
                at += len(word)
            continuing = tuple(inside)
        if len(self._cache) < _CACHE_SIZE:
            self._cache[run] = continuing
        return continuing


@cache
def _kinds() -> NDArray[np.uint8]:
    """[0x110000] the class of every code point."""
    characters = "".join(map(chr, range(0x110000)))
    kinds = np.full(0x110000, OTHER, np.uint8)
    for kind, pattern in ((CHINESE, f"[{HAN}]"), (LETTER, f"[{LATIN}]"), (DIGIT, r"\d")):
        members = re.findall(pattern, characters)
        kinds[np.fromiter(map(ord, members), np.int64, len(members))] = kind
    return kinds
