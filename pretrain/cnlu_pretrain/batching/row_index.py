"""All packed rows of a corpus, found by their number; they are kept on disk, so that memory does not limit them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu.progress import progress
from cnlu_pretrain.batching.packing import PackedRows
from cnlu_pretrain.batching.rows import Layout, Pieces, select_pieces
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.corpus.shards import Arrays, Shard

_SHOW_FROM = 1 << 27  # tokens; packing fewer takes a few seconds
_NO_BOUNDS = np.zeros(0, np.uint32)


class RowIndex:
    """The rows of a corpus, numbered shard by shard.

    Shards are ordered by their content, so the order in which the manifest lists them has no effect.
    """

    def __init__(self, corpus: Corpus, layout: Layout, folder: Path | None = None, *, quiet: bool = False) -> None:
        """Packs every shard; with `quiet`, without showing the progress.

        `folder` holds the rows while this object exists; None: the system's temporary folder. Raises CnluError where
        they cannot be written.
        """
        self._layout = layout
        shards = sorted(
            (shard for shard in corpus.shards if shard.tokens), key=lambda shard: sorted(shard.sha256.items())
        )
        self._type = np.dtype(np.int32 if all(shard.tokens < 1 << 31 for shard in shards) else np.int64)
        self._texts: list[Arrays] = []
        self._sizes: list[tuple[int, int]] = []  # rows and pieces of each shard
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                self._pack(corpus, shards, file, quiet)
                self._values = np.memmap(file, self._type, "r")
        except OSError as error:
            raise CnluError(
                folder or tempfile.gettempdir(),
                _("the packed rows cannot be written ({reason})", reason=error.strerror or type(error).__name__),
                _("free space there"),
            ) from error
        rows, pieces = np.array(self._sizes, np.int64).reshape(-1, 2).T
        self._bounds = np.append(0, np.cumsum(rows))
        self._offsets = np.append(0, np.cumsum(2 * rows + 1 + 2 * pieces))

    def __len__(self) -> int:
        return int(self._bounds[-1])

    def select(self, numbers: NDArray[np.int64], key: NDArray[np.uint64]) -> list[Pieces]:
        """The rows with the sorted `numbers` [B], whose random keys are `key` [B]; one item for each shard."""
        shards = np.searchsorted(self._bounds, numbers, "right") - 1
        selected = []
        for shard in np.unique(shards).tolist():
            inside = shards == shard
            rows, which = self._rows(shard), numbers[inside] - self._bounds[shard]
            selected.append(select_pieces(self._texts[shard], rows, which, self._layout, key[inside]))
        return selected

    def _pack(self, corpus: Corpus, shards: list[Shard], file: IO[bytes], quiet: bool) -> None:
        total = sum(shard.tokens for shard in shards)
        with progress("packing", total, " tokens", quiet=quiet or total < _SHOW_FROM) as bar:
            for shard in shards:
                arrays = corpus.read(shard)
                rows = self._layout.rows(arrays)
                values = np.concatenate([rows.first, rows.document, rows.start, rows.size])
                file.write(values.astype(self._type).tobytes())
                self._sizes.append((len(rows), len(rows.start)))
                self._texts.append(Arrays(arrays.tokens, arrays.flags, _NO_BOUNDS, _NO_BOUNDS))
                bar.update(shard.tokens)
        file.flush()

    def _rows(self, shard: int) -> PackedRows:
        rows, pieces = self._sizes[shard]
        ends = np.cumsum([rows + 1, rows, pieces])
        values = self._values[self._offsets[shard] : self._offsets[shard + 1]]
        first, document, start, size = np.split(values, ends)
        return PackedRows(first=first, start=start, size=size, cut=0, document=document)
