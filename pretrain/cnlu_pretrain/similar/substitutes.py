"""Words that can stand in each other's place, learned from text.

Words that occur in the same texts, such as 播放 and 一首, are related but cannot replace each other. Three tests find
words that can:

- The same words stand at the same positions beside both: the cosine of their vectors, which are the truncated SVD of
  the positive pointwise mutual information with contexts of one and two words to the left and to the right, kept apart
  by position (Levy and Goldberg 2014; Levy, Goldberg and Dagan 2015, sections 2 and 3, for the smoothing of 0.75).
- The text attests the replacement: the share of a word's left neighbours, and of its right neighbours, that the text
  also has beside the other word.
- The part of speech is the same in jieba's dictionary. The dictionary's tags of single characters are reliable for
  function words alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cnlu.progress import progress
from cnlu_pretrain.config import SimilarConfig
from cnlu_pretrain.similar.contexts import Contexts, count_contexts
from cnlu_pretrain.similar.part_of_speech import parts_of_speech
from cnlu_pretrain.similar.sources import Neighbours

_CANDIDATES = 40
"""Words with the most similar vectors that are tested further."""
_ROWS = 512
_ENTRIES = 1 << 14  # of a sparse matrix that are multiplied at once
_SMOOTHING = 0.75
_ITERATIONS = 3  # of the randomized SVD (Halko, Martinsson and Tropp 2011)
_EXTRA = 20  # columns of the randomized SVD


def learn_neighbours(texts: Sequence[str], config: SimilarConfig) -> Neighbours:
    """The words that can replace each word, the best first, with their cosines.

    Raises DataError for too little text.
    """
    contexts = count_contexts(texts, config)
    vectors = word_vectors(contexts, config)
    sides = [_Side(contexts, contexts.offsets.index(offset)) for offset in (-1, 1)]
    speech = parts_of_speech(contexts.words)
    lengths = np.fromiter(map(len, contexts.words), np.int64, len(contexts.words))
    table: Neighbours = {}
    with progress("comparing words", len(lengths), " words") as bar:
        for length in np.unique(lengths):
            group = np.flatnonzero(lengths == length)
            for start in range(0, len(group), _ROWS):
                rows = group[start : start + _ROWS]
                cosine = vectors[rows] @ vectors[group].T
                cosine[np.arange(len(rows)), np.arange(start, start + len(rows))] = -2
                cosine[(speech[rows][:, None] != speech[group]) & (speech[rows] >= 0)[:, None]] = -2
                for word, similarity in zip(rows.tolist(), cosine, strict=True):
                    least = config.min_cosine_text if length > 1 else config.min_cosine_character
                    close = similarity >= least
                    if near := _best(word, similarity[close], group[close], sides, config):
                        table[contexts.words[word]] = [(contexts.words[i], cosine) for i, cosine in near]
                bar.update(len(rows))
    return table


def _best(
    word: int, cosine: NDArray[np.float32], group: NDArray[np.int64], sides: list[_Side], config: SimilarConfig
) -> list[tuple[int, float]]:
    """The neighbours of a word among the words `group` [G], given the cosines [G]."""
    if not len(group):
        return []
    most = min(_CANDIDATES, len(group))
    best = np.argpartition(-cosine, most - 1)[:most]
    left, right = (side.attested(word, group[best]) for side in sides)
    attested = np.sqrt(left * right)
    score = cosine[best] + attested
    order = [i for i in np.argsort(-score, kind="stable") if attested[i] >= config.min_attested]
    return [(int(group[best[i]]), float(cosine[best[i]])) for i in order[: config.neighbours]]


class _Side:
    """The words beside each word, on one side."""

    def __init__(self, contexts: Contexts, position: int) -> None:
        here = contexts.column // contexts.per_position == position
        self._context = contexts.column[here] % contexts.per_position
        self._count = contexts.count[here]
        self._first = np.searchsorted(contexts.row[here], np.arange(len(contexts.words) + 1))
        self._share = np.zeros(contexts.per_position)

    def attested(self, word: int, others: NDArray[np.int64]) -> NDArray[np.float64]:
        """[N] the share of the contexts of `word` that the text also has beside each of `others` [N]."""
        own = slice(self._first[word], self._first[word + 1])
        count = self._count[own]
        if not len(count):
            return np.zeros(len(others))
        self._share[self._context[own]] = count / count.sum()
        shares = [float(self._share[self._context[self._first[i] : self._first[i + 1]]].sum()) for i in others]
        self._share[self._context[own]] = 0
        return np.array(shares)


def word_vectors(contexts: Contexts, config: SimilarConfig) -> NDArray[np.float32]:
    """[W, width] vectors of length 1."""
    words, columns = len(contexts.words), contexts.per_position * len(contexts.offsets)
    row, column, value = _positive_information(contexts)
    by_column = np.argsort(column, kind="stable")
    transposed = column[by_column], row[by_column], value[by_column]
    width = min(config.width, words)
    generator = np.random.default_rng(config.seed)
    basis = generator.standard_normal((columns, min(width + _EXTRA, words, columns)), np.float32)
    for _round in range(_ITERATIONS):
        left = np.linalg.qr(_times(row, column, value, basis, words))[0]
        basis = np.linalg.qr(_times(*transposed, left, columns))[0]
    left, sizes, _right = np.linalg.svd(_times(row, column, value, basis, words), full_matrices=False)
    vectors = left[:, :width] * np.sqrt(sizes[:width])
    unit: NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return unit


def _times(
    row: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[np.float32], dense: NDArray[np.float32], rows: int
) -> NDArray[np.float32]:
    """[rows, width] the product of a sparse matrix, whose entries are sorted by row, and `dense` [columns, width]."""
    product = np.zeros((rows, dense.shape[1]), np.float32)
    for start in range(0, len(row), _ENTRIES):
        part = slice(start, start + _ENTRIES)
        first = np.flatnonzero(np.diff(row[part], prepend=-1))
        product[row[part][first]] += np.add.reduceat(value[part, None] * dense[column[part]], first)
    return product


def _positive_information(
    contexts: Contexts,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """(rows, columns, values) of the positive pointwise mutual information of words and contexts."""
    positions = len(contexts.offsets)
    position = contexts.column // contexts.per_position
    smoothed = np.bincount(contexts.column, contexts.count, contexts.per_position * positions) ** _SMOOTHING
    smoothed = smoothed.reshape(positions, -1)
    chance = (smoothed / np.maximum(smoothed.sum(1, keepdims=True), 1e-9)).reshape(-1)
    cell = contexts.row * positions + position
    total = np.bincount(cell, contexts.count, len(contexts.words) * positions)
    information = np.log(contexts.count / (total[cell] * chance[contexts.column]))
    positive = information > 0
    return contexts.row[positive], contexts.column[positive], information[positive].astype(np.float32)
