"""Similar words as arrays: stored by their text, read by the masker as token ids."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import DataError, UsageError
from cnlu.io.text_files import write_bytes
from cnlu_pretrain.masking.rng import below
from cnlu_pretrain.prepare.bulk_tokenize import BulkTokenizer


@dataclass(frozen=True)
class WordTable:
    """Words, and for each those of the same length that may stand in its place."""

    words: list[str]
    first: NDArray[np.int64]
    """[W + 1] where each word's neighbours start in the two below"""
    neighbours: NDArray[np.int32]
    """[N] indices of words, the most similar first"""
    cosine: NDArray[np.float32]
    """[N] how similar, from -1 to 1"""

    def of(self, word: str) -> list[tuple[str, float]]:
        """The neighbours of a word with their cosines; none for an unknown one."""
        if word not in self.words:
            return []
        i = self.words.index(word)
        span = slice(self.first[i], self.first[i + 1])
        pairs = zip(self.neighbours[span].tolist(), self.cosine[span].tolist(), strict=True)
        return [(self.words[n], cosine) for n, cosine in pairs]

    def save(self, path: Path) -> None:
        text = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        content = io.BytesIO()
        np.savez_compressed(content, words=text, first=self.first, neighbours=self.neighbours, cosine=self.cosine)
        write_bytes(path, content.getvalue())


def load_table(path: str | Path) -> WordTable:
    """Raises UsageError where there is no table, DataError where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as found:
            words = found["words"].tobytes().decode().split("\n")
            table = WordTable(words, found["first"], found["neighbours"], found["cosine"])
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: there is no such table; make one with: cnlu pretrain similar --out {path}."
        ) from error
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is no table of similar words; make one with: cnlu pretrain similar.") from error
    sizes = (len(words) + 1, len(table.neighbours), len(table.neighbours))
    whole = (len(table.first), len(table.cosine), int(table.first[-1]) if len(table.first) else -1) == sizes
    if not whole or (len(table.neighbours) and not 0 <= table.neighbours.min() <= table.neighbours.max() < len(words)):
        raise DataError(f"{path}: the table is damaged; make it again with: cnlu pretrain similar.")
    return table


class SimilarWords:
    """A table in the ids of one tokenizer."""

    def __init__(self, table: WordTable, tokenizer: str) -> None:
        """`tokenizer` is the content of a tokenizer.json; words that it does not read wholly are left out."""
        ids, places = BulkTokenizer(tokenizer).read("\n".join(table.words))
        ends = np.cumsum([len(word) + 1 for word in table.words])
        bounds = np.append(0, np.searchsorted(places, ends))
        self._ids, self._start, self._length = ids, bounds[:-1], np.diff(bounds)
        hashes = _hashes(ids[bounds[0] : bounds[-1]], self._length)
        self._order = np.argsort(hashes, kind="stable")
        self._hashes = hashes[self._order]
        self._first, self._neighbours = table.first, table.neighbours
        keep = self._length[self._neighbours] == np.repeat(self._length, np.diff(table.first))
        self._neighbours = table.neighbours[keep]
        kept = np.append(0, np.cumsum(keep))
        self._first = kept[table.first]
        longest = int(self._length.max(initial=0))
        by_length = np.argsort(self._length, kind="stable")
        self._by_length = by_length
        self._length_first = np.searchsorted(self._length[by_length], np.arange(longest + 2))

    def substitutes(
        self,
        tokens: NDArray[np.int64],
        lengths: NDArray[np.int64],
        similar: NDArray[np.bool_],
        which: NDArray[np.uint64],
        any_word: NDArray[np.uint64],
    ) -> NDArray[np.int64]:
        """[N] other tokens for words that lie behind one another; -1 where the table has no word of the length.

        `lengths` [W] of the words, none 0; `similar` [W]: a neighbour is wanted, where there is one, and else any word
        of the length; `which` and `any_word` [W] are the random bits that choose them.
        """
        hashes = _hashes(tokens, lengths)
        at = np.minimum(np.searchsorted(self._hashes, hashes), max(len(self._hashes) - 1, 0))
        word = self._order[at] if len(self._hashes) else np.zeros(len(hashes), np.int64)
        known = self._hashes[at] == hashes if len(self._hashes) else np.zeros(len(hashes), bool)
        count = np.where(known, self._first[word + 1] - self._first[word], 0) if len(self._hashes) else word
        chosen = np.full(len(lengths), -1)
        near = similar & (count > 0)
        chosen[near] = self._neighbours[self._first[word[near]] + below(count[near], which[near])]
        other = np.flatnonzero(~near & (lengths < len(self._length_first) - 1))
        first = self._length_first[lengths[other]]
        count = self._length_first[lengths[other] + 1] - first
        other, first, count = other[count > 0], first[count > 0], count[count > 0]
        chosen[other] = self._by_length[first + below(count, any_word[other])]
        within = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        of_token = np.repeat(chosen, lengths)
        return np.where(of_token < 0, -1, self._ids[np.where(of_token < 0, 0, self._start[of_token] + within)])


def _hashes(tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.uint64]:
    """[W] a number for each word of tokens; 0 for one without any."""
    within = np.arange(len(tokens)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29)) ^ within.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)) * np.uint64(
        0xBF58476D1CE4E5B9
    )
    sums = np.append(np.uint64(0), np.cumsum(mixed ^ (mixed >> np.uint64(32)), dtype=np.uint64))
    ends = np.cumsum(lengths)
    return sums[ends] - sums[ends - lengths]
