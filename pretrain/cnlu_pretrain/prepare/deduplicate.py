"""Finds repeated lines on disk: only a part of the hashes is in memory at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PARTS = 256
LARGEST = 1 << 22
"""Entries that are sorted at a time, 64 MB; a larger file is read once for each slice of its keys."""

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
            for entries in _slices(self._folder / f"{part:03}"):
                entries = entries[np.argsort(entries["key"], kind="stable")]  # they are in the order of lines
                again = entries["key"][1:] == entries["key"][:-1]
                later = entries["line"][1:][again & (entries["line"][1:] != entries["line"][:-1])]
                repeated[later] = True
        repeated.flush()
        return int(np.count_nonzero(repeated))


def _slices(path: Path) -> Iterator[NDArray[np.void]]:
    """The entries of a file in slices by key, each in the order of lines and of about LARGEST entries at most."""
    total = path.stat().st_size // _ENTRY.itemsize
    slices = -(-total // LARGEST)
    for number in range(slices):
        selected = []
        with open(path, "rb") as file:
            while len(chunk := np.fromfile(file, _ENTRY, LARGEST)):
                slice_of = (chunk["key"] >> np.uint64(24) & np.uint64(0xFFFFFFFF)) * np.uint64(slices) >> np.uint64(32)
                selected.append(chunk[slice_of == number] if slices > 1 else chunk)
        yield np.concatenate(selected)
