"""Word vectors, read from a word2vec file, and the neighbours among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import DataError, UsageError
from cnlu.i18n import _
from cnlu.progress import progress
from cnlu_pretrain.config import SimilarConfig
from cnlu_pretrain.similar.contexts import is_chinese
from cnlu_pretrain.similar.sources import Neighbours

_ROWS = 1024


@dataclass(frozen=True)
class Vectors:
    """Words and their vectors, the most frequent word first."""

    words: list[str]
    values: NDArray[np.float32]
    """[W, width]"""


def read_vectors(path: Path, most: int) -> Vectors:
    """The first `most` words of a word2vec file, text or binary, without those that are not purely Chinese.

    Raises UsageError where there is no file, DataError where it has another format or is cut off.
    """
    try:
        with open(path, "rb") as file:
            return _read(path, file, most)
    except FileNotFoundError as error:
        raise UsageError(path, _("no such file"), _("check the path")) from error
    except OSError as error:
        raise DataError(
            path, _("the file cannot be read ({reason})", reason=error.strerror), _("check its permissions")
        ) from error


def _read(path: Path, file: IO[bytes], most: int) -> Vectors:
    try:
        count, width = map(int, file.readline().split())
    except ValueError:
        raise DataError(
            path,
            _("this is not a word2vec file, whose first line holds the number of words and the width"),
            _("check the file"),
        ) from None
    start = file.tell()
    binary = not _looks_like_text(file.readline(), width)
    file.seek(start)
    words: list[str] = []
    values: list[NDArray[np.float32]] = []
    with progress("reading vectors", min(count, most), " words") as bar:
        for _number in range(min(count, most)):
            word, vector = _binary_entry(file, width) if binary else _text_entry(file)
            if len(vector) != width:
                raise DataError(
                    path,
                    _("the file is cut off or damaged after {count} Chinese words", count=len(words)),
                    _("download it again"),
                )
            if is_chinese(word):
                words.append(word)
                values.append(vector)
            bar.update()
    if not words:
        raise DataError(path, _("the file holds no Chinese words"), _("give vectors of Chinese words"))
    return Vectors(words, np.stack(values))


def _looks_like_text(line: bytes, width: int) -> bool:
    columns = line.split()
    try:
        return len(columns) == width + 1 and all(np.isfinite(float(column)) for column in columns[1:])
    except ValueError:
        return False


def _text_entry(file: IO[bytes]) -> tuple[str, NDArray[np.float32]]:
    word, *columns = file.readline().rstrip().split(b" ") or [b""]
    try:
        return word.decode("utf-8", "ignore"), np.array([float(column) for column in columns], np.float32)
    except ValueError:
        return "", np.zeros(0, np.float32)


def _binary_entry(file: IO[bytes], width: int) -> tuple[str, NDArray[np.float32]]:
    word = bytearray()
    while (ch := file.read(1)) not in (b" ", b""):
        if ch != b"\n":
            word += ch
    content = file.read(4 * width)
    vector = np.frombuffer(content, "<f4") if len(content) == 4 * width else np.zeros(0, np.float32)
    return word.decode("utf-8", "ignore"), vector


def neighbours(vectors: Vectors, config: SimilarConfig) -> Neighbours:
    """The most similar words of the same length, for each word."""
    norms = np.linalg.norm(vectors.values, axis=1, keepdims=True)
    unit = vectors.values / np.maximum(norms, 1e-9)
    lengths = np.fromiter(map(len, vectors.words), np.int64, len(vectors.words))
    table: Neighbours = {}
    with progress("comparing words", len(unit), " words") as bar:
        for length in np.unique(lengths):
            group = np.flatnonzero(lengths == length)
            for start in range(0, len(group), _ROWS):
                bar.update(len(group[start : start + _ROWS]))
                table |= _nearest(vectors.words, unit, group, start, config)
    return table


def _nearest(
    words: list[str], unit: NDArray[np.float32], group: NDArray[np.int64], start: int, config: SimilarConfig
) -> Neighbours:
    """The neighbours of _ROWS words of a group, from `start` on; `unit` [W, width] are vectors of length 1."""
    most = min(config.neighbours, len(group) - 1)
    if most < 1:
        return {}
    rows = group[start : start + _ROWS]
    cosine = unit[rows] @ unit[group].T
    cosine[np.arange(len(rows)), np.arange(start, start + len(rows))] = -2.0
    best = np.argpartition(-cosine, most - 1, axis=1)[:, :most]
    table: Neighbours = {}
    for row, columns in enumerate(best):
        near = [(words[group[c]], float(cosine[row, c])) for c in columns if cosine[row, c] >= config.min_cosine]
        if near:
            table[words[rows[row]]] = sorted(near, key=lambda pair: (-pair[1], pair[0]))
    return table
