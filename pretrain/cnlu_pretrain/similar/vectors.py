"""Word vectors: read from a word2vec file, or learned from text; and the neighbours among them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from cnlu.errors import DataError, UsageError
from cnlu.io.temporary import scratch_folder
from cnlu.progress import progress
from cnlu.text.bulk_segment import CHINESE, BulkSegmenter, code_points, kinds_of
from cnlu.text.segment import Segmenter
from cnlu_pretrain.config import SimilarConfig
from cnlu_pretrain.prepare.lines import read_lines
from cnlu_pretrain.prepare.sources import blocks, expand
from cnlu_pretrain.similar.sources import Neighbours

_ROWS = 1024


@dataclass(frozen=True)
class Vectors:
    """Words, the most frequent first."""

    words: list[str]
    values: NDArray[np.float32]
    """[W, width]"""


def read_vectors(path: Path, most: int) -> Vectors:
    """The first words of a word2vec file, text or binary; those that are not purely Chinese are left out.

    Raises UsageError where there is no file, DataError where it is none of that format or cut off.
    """
    try:
        with open(path, "rb") as file:
            return _read(path, file, most)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file; check the path.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check it.") from error


def _read(path: Path, file: IO[bytes], most: int) -> Vectors:
    try:
        count, width = map(int, file.readline().split())
    except ValueError:
        raise DataError(
            f"{path}: is no word2vec file, which begins with how many words and how wide; check it."
        ) from None
    start = file.tell()
    binary = not _looks_like_text(file.readline(), width)
    file.seek(start)
    words: list[str] = []
    values: list[NDArray[np.float32]] = []
    with progress("reading vectors", min(count, most), " words") as bar:
        for _ in range(min(count, most)):
            word, vector = _binary_entry(file, width) if binary else _text_entry(file)
            if len(vector) != width:
                raise DataError(f"{path}: is cut off or damaged after {len(words)} Chinese words; fetch it again.")
            if is_chinese(word):
                words.append(word)
                values.append(vector)
            bar.update()
    if not words:
        raise DataError(f"{path}: holds no Chinese words.")
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


def is_chinese(word: str) -> bool:
    """Whether all characters are Chinese ones that a segmenter joins."""
    return bool(word) and bool((kinds_of(code_points(word)) == CHINESE).all())


def learn_vectors(texts: Sequence[str], config: SimilarConfig) -> Vectors:
    """Skip-gram vectors (Mikolov et al. 2013) of the words of text files, by gensim.

    Raises UsageError where gensim is missing, DataError where no word is frequent enough.
    """
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        raise UsageError(
            "Learning vectors needs gensim, which is not installed; install it with: pip install 'cnlu[similar]', or "
            "give "
            "vectors that exist with --vectors."
        ) from error
    segmenter = BulkSegmenter(Segmenter())
    with scratch_folder() as folder:
        cut = folder / "words.txt"
        with open(cut, "w", encoding="utf-8") as file:
            _cut(texts, segmenter, file)
        try:
            model: Any = Word2Vec(
                corpus_file=str(cut),
                vector_size=config.width,
                window=config.window,
                min_count=config.min_count,
                sg=1,
                epochs=config.passes,
                workers=config.threads or os.cpu_count() or 1,
                seed=config.seed,
            )
        except RuntimeError as error:  # gensim: you must first build vocabulary
            raise DataError(
                f"No word occurs {config.min_count} times in the text; lower similar.min_count or give more text."
            ) from error
    keep = [i for i, word in enumerate(model.wv.index_to_key) if is_chinese(word)]
    if not keep:
        raise DataError(f"No Chinese word occurs {config.min_count} times in the text; lower similar.min_count.")
    return Vectors([model.wv.index_to_key[i] for i in keep], model.wv.vectors[keep])


def _cut(texts: Sequence[str], segmenter: BulkSegmenter, file: TextIO) -> None:
    """Writes the words of the texts, a line each."""
    with progress("cutting words", None, "B") as bar:
        for block in blocks(expand(texts)):
            for line in (line for line in read_lines(block).texts if "\0" not in line):
                places = np.append(np.flatnonzero(segmenter.starts(line)), len(line)).tolist()
                words = [line[a:b] for a, b in pairwise(places)]
                file.write(" ".join(word for word in words if not word.isspace()) + "\n")
            bar.update(len(block.data))


def neighbours(vectors: Vectors, config: SimilarConfig) -> Neighbours:
    """The most similar words of the same length, for each word."""
    norms = np.linalg.norm(vectors.values, axis=1, keepdims=True)
    unit = vectors.values / np.maximum(norms, 1e-9)
    lengths = np.fromiter(map(len, vectors.words), np.int64, len(vectors.words))
    found: Neighbours = {}
    with progress("comparing words", len(unit), " words") as bar:
        for length in np.unique(lengths):
            group = np.flatnonzero(lengths == length)
            most = min(config.neighbours, len(group) - 1)
            for start in range(0, len(group), _ROWS):
                rows = group[start : start + _ROWS]
                bar.update(len(rows))
                if most < 1:
                    continue
                cosine = unit[rows] @ unit[group].T
                cosine[np.arange(len(rows)), np.arange(start, start + len(rows))] = -2.0
                best = np.argpartition(-cosine, most - 1, axis=1)[:, :most]
                for row, columns in zip(range(len(rows)), best, strict=True):
                    near = [
                        (vectors.words[group[c]], float(cosine[row, c]))
                        for c in columns
                        if cosine[row, c] >= config.min_cosine
                    ]
                    if near:
                        found[vectors.words[rows[row]]] = sorted(near, key=lambda pair: (-pair[1], pair[0]))
    return found
