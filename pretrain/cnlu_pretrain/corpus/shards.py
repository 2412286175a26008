"""A prepared corpus on disk: plain arrays that are mapped into memory, and a manifest that says what they are.

Four files a shard, little-endian, without headers:

    00000.tokens     uint16 or uint32 [N]  token ids, marks such as [CLS] not among them
    00000.flags      uint8 [N]             WORD where a word starts, SPAN_START and SPAN for hits of the lexicon
    00000.sentences  uint32 [S]            how many tokens each sentence has, none of them 0
    00000.documents  uint32 [D]            how many sentences each document has, none of them 0

A token takes three or five bytes, and a reader touches only the pages it reads, so 100 MB and 100 GB of text cost the
same memory. Arrow would give the same arrays with a library between; what it adds, columns of many types and
queries, is not needed here.
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

WORD, SPAN_START, SPAN = 1, 2, 4
"""Bits of a flag: the token starts a word; it starts a hit of the lexicon; it lies in one."""

KINDS = ("tokens", "flags", "sentences", "documents")


@dataclass(frozen=True)
class Arrays:
    """Consecutive sentences; a corpus is many of these."""

    tokens: NDArray[Any]
    """[N] token ids"""
    flags: NDArray[np.uint8]
    """[N]"""
    sentences: NDArray[np.uint32]
    """[S] tokens of each sentence"""
    documents: NDArray[np.uint32]
    """[D] sentences of each document"""

    @property
    def words(self) -> NDArray[np.int64]:
        """[N] a number for each token's word, counted from 0."""
        return np.cumsum(self.flags & WORD, dtype=np.int64) - 1


@dataclass(frozen=True)
class Shard:
    """What the manifest says of a shard."""

    name: str
    tokens: int
    sentences: int
    documents: int
    sha256: dict[str, str]
    """Of each file, by its kind."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def joined(parts: Iterable[Arrays], token_type: str) -> Arrays:
    """Several pieces behind one another; a document does not go on over a joint."""
    found = list(parts)
    return Arrays(
        np.concatenate([np.zeros(0, token_type), *(part.tokens.astype(token_type) for part in found)]),
        np.concatenate([np.zeros(0, np.uint8), *(part.flags for part in found)]),
        np.concatenate([np.zeros(0, np.uint32), *(part.sentences for part in found)]),
        np.concatenate([np.zeros(0, np.uint32), *(part.documents for part in found)]),
    )


def write_shard(folder: Path, name: str, arrays: Arrays) -> Shard:
    """Write the four files and make them durable; raises OSError, and leaves no half of them behind."""
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
    return Shard(name, len(arrays.tokens), len(arrays.sentences), len(arrays.documents), sha256)


def read_shard(folder: Path, shard: Shard, token_type: str) -> Arrays:
    """The shard's arrays, tokens and flags mapped into memory, the bounds read.

    Raises ModelError where a file is missing or of another size than the manifest says.
    """
    sizes = {"tokens": shard.tokens, "flags": shard.tokens, "sentences": shard.sentences, "documents": shard.documents}
    types = {"tokens": token_type, "flags": "<u1", "sentences": "<u4", "documents": "<u4"}
    found: dict[str, NDArray[Any]] = {}
    for kind in KINDS:
        path, count, kind_type = folder / f"{shard.name}.{kind}", sizes[kind], np.dtype(types[kind])
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ModelError(f"{path}: a file of the corpus is missing; prepare it again.") from error
        if size != count * kind_type.itemsize:
            raise ModelError(
                f"{path}: has {size} bytes instead of {count * kind_type.itemsize}: it was cut off or damaged; prepare "
                "the corpus again."
            )
        found[kind] = np.memmap(path, kind_type, "r") if count else np.zeros(0, kind_type)
    return Arrays(found["tokens"], found["flags"], np.array(found["sentences"]), np.array(found["documents"]))


def damaged(folder: Path, shards: Iterable[Shard]) -> list[str]:
    """The files whose content is not what the manifest says, read from end to end."""
    wrong = []
    for shard in shards:
        for kind, digest in shard.sha256.items():
            found = hashlib.sha256()
            with open(folder / f"{shard.name}.{kind}", "rb") as file:
                while part := file.read(1 << 20):
                    found.update(part)
            if found.hexdigest() != digest:
                wrong.append(f"{shard.name}.{kind}")
    return wrong


def shard_of(content: Mapping[str, Any]) -> Shard:
    """From what `Shard.to_dict` gave."""
    return Shard(**content)
