"""A table of similar words as arrays: stored as text, looked up by the masker as token ids."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.io.text_files import write_bytes
from cnlu.text.hashing import mix64
from cnlu_pretrain import rng
from cnlu_pretrain.prepare.bulk_tokenize import BulkTokenizer

BUNDLED_TABLE = Path(__file__).with_name("general.npz")
"""The table that is installed with cnlu, learned from general text by `cnlu pretrain similar --text`"""


@dataclass(frozen=True)
class WordTable:
    """Words, each with similar words of the same length."""

    words: list[str]
    first: NDArray[np.int64]
    """[W + 1] where the neighbours of each word start in the two arrays below"""
    neighbours: NDArray[np.int32]
    """[N] indices of words, the most similar first"""
    cosine: NDArray[np.float32]
    """[N] similarity, from -1 to 1"""

    def neighbours_of(self, word: str) -> list[tuple[str, float]]:
        """The neighbours of a word with their cosines; an empty list for an unknown word."""
        if word not in self.words:
            return []
        i = self.words.index(word)
        span = slice(self.first[i], self.first[i + 1])
        pairs = zip(self.neighbours[span].tolist(), self.cosine[span].tolist(), strict=True)
        return [(self.words[n], cosine) for n, cosine in pairs]

    def save(self, path: Path) -> None:
        text = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        cosine = self.cosine.astype(np.float16)  # only shown: masking draws a word's neighbours at equal rates
        content = io.BytesIO()
        np.savez_compressed(content, words=text, first=self.first, neighbours=self.neighbours, cosine=cosine)
        write_bytes(path, content.getvalue())


def load_table(path: str | Path) -> WordTable:
    """Raises UsageError where there is no table, DataError where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            words = arrays["words"].tobytes().decode().split("\n")
            table = WordTable(words, arrays["first"], arrays["neighbours"], arrays["cosine"].astype(np.float32))
    except FileNotFoundError as error:
        command = f"cnlu pretrain similar --out {path}"
        raise UsageError(path, _("no such table"), _("make one with: {command}", command=command)) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            path, _("the file is not a table of similar words"), _("make one with: cnlu pretrain similar")
        ) from error
    sizes = (len(words) + 1, len(table.neighbours), len(table.neighbours))
    whole = (len(table.first), len(table.cosine), int(table.first[-1]) if len(table.first) else -1) == sizes
    if not whole or (len(table.neighbours) and not 0 <= table.neighbours.min() <= table.neighbours.max() < len(words)):
        raise DataError(path, _("the table is damaged"), _("make it again with: cnlu pretrain similar"))
    return table


class SimilarWords:
    """A table of similar words in the ids of one tokenizer."""

    def __init__(self, table: WordTable, tokenizer: str) -> None:
        """`tokenizer` is the content of a tokenizer.json. Replacements have as many tokens as the word itself."""
        ids, positions = BulkTokenizer(tokenizer).read("\n".join(table.words))
        ends = np.cumsum([len(word) + 1 for word in table.words])
        bounds = np.append(0, np.searchsorted(positions, ends))
        self._ids, self._start, self._length = ids, bounds[:-1], np.diff(bounds)
        hashes = _hashes(ids[bounds[0] : bounds[-1]], self._length)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]
        same_length = self._length[table.neighbours] == np.repeat(self._length, np.diff(table.first))
        self._neighbours = table.neighbours[same_length]
        self._first = np.append(0, np.cumsum(same_length))[table.first]
        longest = int(self._length.max(initial=0))
        self._by_length = np.argsort(self._length, kind="stable")
        self._length_first = np.searchsorted(self._length[self._by_length], np.arange(longest + 2))

    def substitutes(
        self,
        tokens: NDArray[np.int64],
        lengths: NDArray[np.int64],
        similar: NDArray[np.bool_],
        neighbour_bits: NDArray[np.uint64],
        word_bits: NDArray[np.uint64],
    ) -> NDArray[np.int64]:
        """[N] replacement tokens for consecutive words; -1 where the table has none.

        `lengths` [W] are the words' token counts, none 0. Where `similar` [W] is True, the replacement is a neighbour
        of the word, else any word of the same length, for words of the table alone. `neighbour_bits` and `word_bits`
        [W] are the random bits for the two choices.
        """
        word, known = self._look_up(_hashes(tokens, lengths))
        chosen = np.full(len(lengths), -1)
        count = np.zeros(len(lengths), np.int64)
        count[known] = self._first[word[known] + 1] - self._first[word[known]]
        near = similar & (count > 0)
        chosen[near] = self._neighbours[self._first[word[near]] + rng.below(count[near], neighbour_bits[near])]
        other = np.flatnonzero(~similar & known)
        first = self._length_first[lengths[other]]
        count = self._length_first[lengths[other] + 1] - first
        chosen[other] = self._by_length[first + rng.below(count, word_bits[other])]
        within = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        of_token = np.repeat(chosen, lengths)
        return np.where(of_token < 0, -1, self._ids[np.where(of_token < 0, 0, self._start[of_token] + within)])

    def _look_up(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """([W] the index of each word in the table, [W] whether it is there)."""
        if not len(self._hashes):
            return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
        at = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return self._order[at], self._hashes[at] == hashes


def _hashes(tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """[W] a hash of the tokens of each word; 0 for a word without tokens."""
    within = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    terms = mix64(((tokens.astype(np.uint64) + np.uint64(1)) << np.uint64(32)) ^ within.astype(np.uint64))
    sums = np.append(np.uint64(0), np.cumsum(terms, dtype=np.uint64))
    ends = np.cumsum(lengths)
    return sums[ends] - sums[ends - lengths]
