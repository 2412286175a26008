"""A prepared corpus on disk: plain arrays that are memory-mapped, and a manifest that describes them.

Each shard has four files, little-endian, without headers:

    00000.tokens     uint16 or uint32 [N]  token ids, without special tokens such as [CLS]
    00000.flags      uint8 [N]             WORD where a word starts, SPAN_START and SPAN for lexicon matches
    00000.sentences  uint32 [S]            number of tokens of each sentence, none 0
    00000.documents  uint32 [D]            number of sentences of each document, none 0

A token takes three or five bytes, and a reader touches only the pages it reads, so 100 MB and 100 GB of text need the
same memory. Arrow would give the same arrays through a library; its column types and queries are not needed here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import ModelError
from cnlu.i18n import _

WORD, SPAN_START, SPAN = 1, 2, 4
"""Bits of a flag: the token starts a word; it starts a lexicon match; it is inside one."""

KINDS = ("tokens", "flags", "sentences", "documents")


@dataclass(frozen=True)
class Arrays:
    """Consecutive sentences of a corpus."""

    tokens: Any
    """[N] token ids: an array, or what an index turns into one"""
    flags: NDArray[np.uint8]
    """[N] WORD, SPAN_START and SPAN bits"""
    sentences: NDArray[np.uint32]
    """[S] number of tokens of each sentence"""
    documents: NDArray[np.uint32]
    """[D] number of sentences of each document"""

    @property
    def words(self) -> NDArray[np.int64]:
        """[N] the number of the word of each token, counted from 0."""
        return np.cumsum(self.flags & WORD, dtype=np.int64) - 1


@dataclass(frozen=True, kw_only=True)
class Shard:
    """The entry of a shard in the manifest."""

    name: str
    tokens: int
    sentences: int
    documents: int
    sha256: dict[str, str]
    """The hash of each file, by its kind"""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def concatenate(parts: Iterable[Arrays], token_type: str) -> Arrays:
    """Concatenate pieces; each starts a new document."""
    pieces = list(parts)
    return Arrays(
        np.concatenate([np.zeros(0, token_type), *(part.tokens.astype(token_type) for part in pieces)]),
        np.concatenate([np.zeros(0, np.uint8), *(part.flags for part in pieces)]),
        np.concatenate([np.zeros(0, np.uint32), *(part.sentences for part in pieces)]),
        np.concatenate([np.zeros(0, np.uint32), *(part.documents for part in pieces)]),
    )


def write_shard(folder: Path, name: str, arrays: Arrays) -> Shard:
    """Write the four files durably; raises OSError, and then leaves none of them behind."""
    sha256 = {}
    try:
        for kind in KINDS:
            array = np.ascontiguousarray(getattr(arrays, kind))
            content = array.astype(array.dtype.newbyteorder("<"), copy=False).view(np.uint8).data
            with open(folder / f"{name}.{kind}", "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            sha256[kind] = hashlib.sha256(content).hexdigest()
    except BaseException:
        for kind in KINDS:
            (folder / f"{name}.{kind}").unlink(missing_ok=True)
        raise
    return Shard(
        name=name,
        tokens=len(arrays.tokens),
        sentences=len(arrays.sentences),
        documents=len(arrays.documents),
        sha256=sha256,
    )


def read_shard(folder: Path, shard: Shard, token_type: str) -> Arrays:
    """Read a shard: tokens and flags are memory-mapped, the bounds are loaded.

    Raises ModelError if a file is missing or has another size than the manifest says.
    """
    sizes = {"tokens": shard.tokens, "flags": shard.tokens, "sentences": shard.sentences, "documents": shard.documents}
    types = {"tokens": token_type, "flags": "<u1", "sentences": "<u4", "documents": "<u4"}
    arrays: dict[str, NDArray[Any]] = {}
    for kind in KINDS:
        path, count, kind_type = folder / f"{shard.name}.{kind}", sizes[kind], np.dtype(types[kind])
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ModelError(path, _("this file of the corpus is missing"), _("prepare the corpus again")) from error
        if size != count * kind_type.itemsize:
            raise ModelError(
                path,
                _(
                    "the file has {size} bytes instead of {expected}: it is cut off or damaged",
                    size=size,
                    expected=count * kind_type.itemsize,
                ),
                _("prepare the corpus again"),
            )
        arrays[kind] = np.memmap(path, kind_type, "r") if count else np.zeros(0, kind_type)
    return Arrays(arrays["tokens"], arrays["flags"], np.array(arrays["sentences"]), np.array(arrays["documents"]))


def damaged(folder: Path, shards: Iterable[Shard]) -> list[str]:
    """The files whose content does not match the hash in the manifest; reads everything."""
    wrong = []
    for shard in shards:
        for kind, expected in shard.sha256.items():
            digest = hashlib.sha256()
            with open(folder / f"{shard.name}.{kind}", "rb") as file:
                while part := file.read(1 << 20):
                    digest.update(part)
            if digest.hexdigest() != expected:
                wrong.append(f"{shard.name}.{kind}")
    return wrong


def shard_of(content: Mapping[str, Any]) -> Shard:
    """The inverse of `Shard.to_dict`."""
    return Shard(**content)
