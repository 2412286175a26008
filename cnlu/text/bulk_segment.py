"""Segments much text at once: the same words as `Segmenter.spans`, with a few array steps for many lines.

Serves the preparation of large corpora. Instead of a call for each run of Chinese characters there is one for a
block of text in which everything else is a line break, which no word holds.
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
"""The classes of characters that decide a cut: those of one of the last three form runs."""

_BREAK = 10  # a line break, as a code point
_REMEMBERED = 1 << 17  # runs of single characters


def code_points(text: str) -> NDArray[np.uint32]:
    """[L] the code points of a text, lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """[L] the class of each character."""
    return _kinds()[codes]


class BulkSegmenter:
    """Finds where words start. Not for several threads at once."""

    def __init__(self, segmenter: Segmenter) -> None:
        """Loads the segmenter's dictionary."""
        found = segmenter.dictionary()
        self._route, self._known, self._unknown = found.route, found.known, load_unknown_cut()
        self._remembered: dict[str, tuple[int, ...]] = {}

    def starts(self, text: str, codes: NDArray[np.uint32] | None = None) -> NDArray[np.bool_]:
        """[L] True where a word starts; `codes` are the text's `code_points`, where they are at hand.

        A line break is a word of its own, so the cuts of a line do not depend on the lines around it.
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
        """[L] word starts of the Chinese runs; the rest means nothing."""
        runs = np.where(chinese, codes, _BREAK).astype(np.uint32).tobytes().decode("utf-32-le")
        words = self._route(runs)
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
                joined = self._remembered.get(run)
                if joined is None:
                    joined = self._joined(run)
                for i in joined:
                    starts[begin + i] = False
        return starts

    def _joined(self, run: str) -> tuple[int, ...]:
        """The characters of a run of single ones that continue a word."""
        joined: tuple[int, ...] = ()
        if not self._known(run):
            inside: list[int] = []
            at = 0
            for word in self._unknown(run):
                inside += range(at + 1, at + len(word))
                at += len(word)
            joined = tuple(inside)
        if len(self._remembered) < _REMEMBERED:
            self._remembered[run] = joined
        return joined


@cache
def _kinds() -> NDArray[np.uint8]:
    """[0x110000] the class of every code point."""
    everything = "".join(map(chr, range(0x110000)))
    kinds = np.full(0x110000, OTHER, np.uint8)
    for kind, pattern in ((CHINESE, f"[{HAN}]"), (LETTER, f"[{LATIN}]"), (DIGIT, r"\d")):
        found = re.findall(pattern, everything)
        kinds[np.fromiter(map(ord, found), np.int64, len(found))] = kind
    return kinds
