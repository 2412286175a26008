"""The first pass over the text: counts lines and characters and finds repeated lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk_segment import code_points
from cnlu.text.near_duplicates import near_duplicate_keys
from cnlu_pretrain.prepare.deduplicate import KeyFiles, exact_keys
from cnlu_pretrain.prepare.lines import read_lines
from cnlu_pretrain.prepare.new_vocabulary import CharacterCounts
from cnlu_pretrain.prepare.parallel import in_order
from cnlu_pretrain.prepare.sources import Block


@dataclass(frozen=True)
class ScanOptions:
    """The options of a scan."""

    exact: bool
    near: bool
    characters: bool

    def __bool__(self) -> bool:
        return self.exact or self.near or self.characters


@dataclass
class Scanned:
    """The amount of text that was read."""

    lines: int = 0
    bytes: int = 0


_Keys = NDArray[np.uint64]
_BlockScan = tuple[int, int, _Keys | None, _Keys | None, tuple[NDArray[np.uint32], NDArray[np.int64]] | None]


def scan(
    blocks: Iterable[Block], options: ScanOptions, folder: Path, counts: CharacterCounts, processes: int
) -> Iterator[Scanned]:
    """Read everything and yield the progress; at the end `folder` holds the files that `repeats` reads."""
    key_files = {name: KeyFiles(folder / name) for name in ("exact", "near") if getattr(options, name)}
    scanned, bounds = Scanned(), [0]
    work = partial(_scan_block, options)
    for size, lines, exact, near, characters in in_order(blocks, _no_state, work, processes):
        for name, keys in (("exact", exact), ("near", near)):
            if keys is not None:
                key_files[name].add(keys, scanned.lines)
        if characters:
            counts.merge(*characters)
        scanned.lines, scanned.bytes = scanned.lines + lines, scanned.bytes + size
        bounds.append(scanned.lines)
        yield scanned
    np.save(folder / "bounds.npy", np.array(bounds))
    for name, files in key_files.items():
        files.repeats(scanned.lines, folder / f"{name}.repeats")


def repeats(folder: Path, name: str) -> NDArray[np.bool_] | None:
    """[L] whether each line repeats an earlier one, memory-mapped; None if the scan did not look for that."""
    path = folder / f"{name}.repeats"
    if not path.exists():
        return None
    return np.memmap(path, np.bool_, "r") if path.stat().st_size else np.zeros(0, bool)


def line_bounds(folder: Path) -> NDArray[np.int64]:
    """The number of the first line of each block, and the total; empty without a scan."""
    path = folder / "bounds.npy"
    return np.load(path) if path.exists() else np.zeros(0, np.int64)


def _no_state() -> None:
    return None


def _scan_block(options: ScanOptions, _state: None, block: Block) -> _BlockScan:
    texts = read_lines(block).texts
    characters = np.unique(code_points("".join(texts)), return_counts=True) if options.characters else None
    return (
        len(block.data),
        len(texts),
        exact_keys(texts) if options.exact else None,
        near_duplicate_keys(texts) if options.near and texts else None,
        characters,
    )
