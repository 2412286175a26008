"""The first look at a text: how many lines there are, which repeat others, which characters occur."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cnlu.text.bulk_segment import code_points
from cnlu.text.near_duplicates import near_duplicate_keys
from cnlu_pretrain.prepare.deduplicate import Ledger, exact_keys
from cnlu_pretrain.prepare.lines import read_lines
from cnlu_pretrain.prepare.new_vocabulary import CharacterCounts
from cnlu_pretrain.prepare.parallel import in_order
from cnlu_pretrain.prepare.sources import Block


@dataclass(frozen=True)
class Wanted:
    """What the first look is for."""

    exact: bool
    near: bool
    characters: bool

    def __bool__(self) -> bool:
        return self.exact or self.near or self.characters


@dataclass
class Seen:
    """What it found."""

    lines: int = 0
    bytes: int = 0


_Keys = NDArray[np.uint64]
_Look = tuple[int, int, _Keys | None, _Keys | None, tuple[NDArray[np.uint32], NDArray[np.int64]] | None]


def scan(
    blocks: Iterable[Block], wanted: Wanted, folder: Path, counts: CharacterCounts, processes: int
) -> Iterator[Seen]:
    """Reads everything, yielding how far it is; at the end the files of `repeats` lie in `folder`."""
    ledgers = {name: Ledger(folder / name) for name in ("exact", "near") if getattr(wanted, name)}
    seen, bounds = Seen(), [0]
    for size, lines, exact, near, characters in in_order(blocks, partial(_no_state), partial(_look, wanted), processes):
        for name, keys in (("exact", exact), ("near", near)):
            if keys is not None:
                ledgers[name].add(keys, seen.lines)
        if characters:
            counts.merge(*characters)
        seen.lines, seen.bytes = seen.lines + lines, seen.bytes + size
        bounds.append(seen.lines)
        yield seen
    np.save(folder / "bounds.npy", np.array(bounds))
    for name, ledger in ledgers.items():
        ledger.repeats(seen.lines, folder / f"{name}.repeats")


def repeats(folder: Path, name: str) -> NDArray[np.bool_] | None:
    """[L] which lines repeat an earlier one, mapped into memory; None where that was not looked for."""
    path = folder / f"{name}.repeats"
    if not path.exists():
        return None
    return np.memmap(path, np.bool_, "r") if path.stat().st_size else np.zeros(0, bool)


def line_bounds(folder: Path) -> NDArray[np.int64]:
    """The number of each block's first line, and one more; empty without a first look."""
    path = folder / "bounds.npy"
    return np.load(path) if path.exists() else np.zeros(0, np.int64)


def _no_state() -> None:
    return None


def _look(wanted: Wanted, _: None, block: Block) -> _Look:
    texts = read_lines(block).texts
    characters = np.unique(code_points("".join(texts)), return_counts=True) if wanted.characters else None
    return (
        len(block.data),
        len(texts),
        exact_keys(texts) if wanted.exact else None,
        near_duplicate_keys(texts) if wanted.near and texts else None,
        characters,
    )
