"""Which lines repeat an earlier one, found on disk: memory holds a part of the lines' hashes at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk import code_points

PARTS = 256
BANDS, ROWS = 8, 6
"""Of the hashes of a near duplicate: lines whose sets of pairs of characters overlap by a share s (Jaccard) agree in
at least one of 8 bands of 6 minimal hashes with chance 1 - (1 - s^6)^8: .12 at s = .5, .89 at .8, .999 at .9."""

_ENTRY = np.dtype([("key", "<u8"), ("line", "<u8")])


def exact_keys(texts: Sequence[str]) -> NDArray[np.uint64]:
    """[L, 1] a hash of each line: equal for equal lines, and in practice for no others."""
    digests = b"".join(hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=8).digest() for t in texts)
    return np.frombuffer(digests, "<u8").reshape(-1, 1)


def near_keys(texts: Sequence[str]) -> NDArray[np.uint64]:
    """[L, BANDS] hashes of which at least one is equal, with the chance above, for lines that are alike.

    MinHash over the pairs of neighbouring characters, in bands (Broder 1997; Leskovec et al., Mining of Massive
    Datasets, section 3.4).
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
    codes = code_points("\n".join([*texts, ""])).astype(np.uint64)
    pairs = _mixed((codes << np.uint64(32)) ^ np.roll(codes, -1))
    firsts = np.cumsum(lengths) - lengths
    keys = np.empty((len(texts), BANDS), np.uint64)
    for band in range(BANDS):
        key = np.full(len(texts), band + 1, np.uint64)
        for row in range(ROWS):
            salt = _mixed(np.array([band * ROWS + row + 1], np.uint64))
            key = _mixed(key ^ np.minimum.reduceat(_mixed(pairs ^ salt), firsts))
        keys[:, band] = key
    return keys


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Evenly spread 64 bits: the finaliser of SplitMix64 (Steele et al. 2014)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class Ledger:
    """Collects the keys of all lines in order, a file for each part of the keys' range."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._files = [open(folder / f"{part:03}", "wb") for part in range(PARTS)]  # noqa: SIM115

    def add(self, keys: NDArray[np.uint64], first_line: int) -> None:
        """`keys` [L, K] of the lines from `first_line` on."""
        entries = np.empty(keys.size, _ENTRY)
        entries["key"] = keys.reshape(-1)
        entries["line"] = np.repeat(np.arange(first_line, first_line + len(keys)), keys.shape[1])
        parts = (entries["key"] >> np.uint64(56)).astype(np.int64)
        order = np.argsort(parts, kind="stable")
        bounds = np.searchsorted(parts[order], np.arange(PARTS + 1))
        for part, (start, end) in enumerate(pairwise(bounds.tolist())):
            if start < end:
                self._files[part].write(entries[order[start:end]].tobytes())

    def close(self) -> None:
        for file in self._files:
            file.close()

    def repeats(self, lines: int, target: Path) -> int:
        """Write which of the lines share a key with an earlier one, a byte each, to `target`; returns how many do."""
        self.close()
        if not lines:
            target.write_bytes(b"")
            return 0
        found = np.memmap(target, np.bool_, "w+", shape=(lines,))
        for part in range(PARTS):
            entries = np.fromfile(self._folder / f"{part:03}", _ENTRY)
            entries = entries[np.lexsort((entries["line"], entries["key"]))]
            again = entries["key"][1:] == entries["key"][:-1]
            later = entries["line"][1:][again & (entries["line"][1:] != entries["line"][:-1])]
            found[later] = True
        found.flush()
        return int(np.count_nonzero(found))
