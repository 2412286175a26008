"""Encodes blocks of text in several processes and writes them as shards."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from cnlu.progress import progress
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.shards import concatenate, write_shard
from cnlu_pretrain.prepare.encode import Encoded, Item, LineEncoder, encode
from cnlu_pretrain.prepare.exclusion import Exclusion
from cnlu_pretrain.prepare.lexicon_matches import Lexicon
from cnlu_pretrain.prepare.parallel import in_order
from cnlu_pretrain.prepare.scan import line_bounds, repeats
from cnlu_pretrain.prepare.sources import Block, blocks
from cnlu_pretrain.prepare.state import State
from cnlu_pretrain.prepare.tokenizer import CorpusTokenizer


def write_shards(
    files: list[Path],
    part: Path,
    state: State,
    *,
    config: PrepareConfig,
    tokenizer: CorpusTokenizer,
    lexicon: Lexicon,
    exclusion: Exclusion,
    total_bytes: int | None,
    processes: int,
) -> None:
    """Encode all blocks that `state` does not have yet; `state` is saved after each shard.

    Raises DataError for text that cannot be read, OSError if a shard cannot be written.
    """
    start = partial(LineEncoder, tokenizer.content, tokenizer.special_tokens.unknown, lexicon.words, exclusion, config)
    waiting: list[Encoded] = []
    tokens = 0
    items = _Items(blocks(files), state.blocks, part / "scan")
    with progress("preparing", total_bytes, "B") as bar:
        for block in in_order(items, start, encode, processes):
            waiting.append(block)
            tokens += len(block.train.tokens)
            bar.update(items.sizes.pop(state.blocks + len(waiting) - 1) + items.skipped())
            if tokens >= config.shard_tokens:
                _write(part, state, waiting, tokenizer.token_type)
                waiting, tokens = [], 0
        if waiting:
            _write(part, state, waiting, tokenizer.token_type)


class _Items:
    """The blocks from number `first` on, each with the repeats that the scan found among its lines."""

    def __init__(self, stream: Iterator[Block], first: int, folder: Path) -> None:
        self._blocks, self._first = stream, first
        self._exact, self._near = repeats(folder, "exact"), repeats(folder, "near")
        self._bounds = line_bounds(folder)
        self._skipped = 0
        self.sizes: dict[int, int] = {}
        """Bytes of each block that is being encoded"""

    def skipped(self) -> int:
        """Bytes skipped since the last call."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def __iter__(self) -> Iterator[Item]:
        for number, block in enumerate(self._blocks):
            if number < self._first:
                self._skipped += len(block.data)
                continue
            self.sizes[number] = len(block.data)
            lines = slice(*self._bounds[number : number + 2]) if len(self._bounds) else slice(0)
            exact, near = (None if r is None else np.array(r[lines]) for r in (self._exact, self._near))
            yield number, block, exact, near


def _write(part: Path, state: State, encoded: list[Encoded], token_type: str) -> None:
    """Write one more shard, then the state that includes it."""
    number = len(state.shards)
    for prefix, shards, pieces in (
        ("", state.shards, [block.train for block in encoded]),
        ("held-", state.held_out, [block.held_out for block in encoded]),
    ):
        shards.append(write_shard(part, f"{prefix}{number:05}", concatenate(pieces, token_type)).to_dict())
    for block in encoded:
        state.add(block)
    state.save(part)
