"""Finds repeated lines on disk: only a part of the hashes is in memory at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PARTS = 256

_ENTRY = np.dtype([("key", "<u8"), ("line", "<u8")])


def exact_keys(texts: Sequence[str]) -> NDArray[np.uint64]:
    """[L, 1] a 64-bit hash of each line."""
    digests = b"".join(hashlib.blake2b(t.encode("utf-8", "surrogatepass"), digest_size=8).digest() for t in texts)
    return np.frombuffer(digests, "<u8").reshape(-1, 1)


class KeyFiles:
    """The keys of all lines on disk, one file for each part of the range of keys."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self._files = [open(folder / f"{part:03}", "wb") for part in range(PARTS)]  # noqa: SIM115

    def add(self, keys: NDArray[np.uint64], first_line: int) -> None:
        """Add the `keys` [L, K] of the lines from number `first_line` on."""
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
        """Write to `target`, one byte per line, whether it shares a key with an earlier one; returns how many do."""
        self.close()
        if not lines:
            target.write_bytes(b"")
            return 0
        repeated = np.memmap(target, np.bool_, "w+", shape=(lines,))
        for part in range(PARTS):
            entries = np.fromfile(self._folder / f"{part:03}", _ENTRY)
            entries = entries[np.lexsort((entries["line"], entries["key"]))]
            again = entries["key"][1:] == entries["key"][:-1]
            later = entries["line"][1:][again & (entries["line"][1:] != entries["line"][:-1])]
            repeated[later] = True
        repeated.flush()
        return int(np.count_nonzero(repeated))
