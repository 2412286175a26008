"""Rows of two pieces for sentence-pair objectives: decides which pieces of a shard form a pair.

A row is a run of a document's sentences, divided at its middle sentence. Where only one sentence of a longer document
fits, or the sentence is longer than a row, it is divided at the word nearest to its middle: a segment of ALBERT or
BERT is any stretch of text. A document of one short sentence, such as an utterance, gives no pair; such documents are
packed, several a row, and train the other objectives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnlu_pretrain.batching.packing import PackedRows, chunks, pack_pieces
from cnlu_pretrain.corpus.shards import WORD, Arrays


def pair_rows(arrays: Arrays, room: int, room_unpaired: int, between: int) -> PackedRows:
    """Rows of pairs of at most `room` tokens, then packed rows of at most `room_unpaired` tokens without a pair."""
    sentences, documents = arrays.sentences.astype(np.int64), arrays.documents.astype(np.int64)
    total = np.append(0, np.cumsum(sentences))
    document_of = np.repeat(np.arange(len(documents)), documents)
    first, end = _without_leftovers(*chunks(sentences, documents, room), document_of, total, room)
    start, stop = total[first], total[end]
    windows = -(-(stop - start) // room)
    chunk = np.repeat(np.arange(len(first)), windows)
    within = np.arange(len(chunk)) - np.repeat(np.cumsum(windows) - windows, windows)
    size = (stop - start)[chunk]
    begin = start[chunk] + within * size // windows[chunk]
    finish = start[chunk] + (within + 1) * size // windows[chunk]
    one = (end - first == 1)[chunk]
    middle = np.where(one, _word_near((begin + finish) // 2, arrays), total[(first + end) // 2][chunk])
    document = document_of[first][chunk]
    alone = one & (documents[document] == 1) & (windows[chunk] == 1)
    pair = ~alone & (begin < middle) & (middle < finish)
    starts = np.stack([begin, middle], 1)[pair].reshape(-1)
    sizes = np.stack([middle - begin, finish - middle], 1)[pair].reshape(-1)
    packed = pack_pieces(begin[~pair], (finish - begin)[~pair], room_unpaired, between)
    count = int(pair.sum())
    return PackedRows(
        first=np.append(np.arange(count) * 2, packed.first + 2 * count),
        start=np.append(starts, packed.start),
        size=np.append(sizes, packed.size),
        cut=int((windows > 1).sum()) + packed.cut,
        document=np.append(document[pair], np.full(len(packed), -1)),
    )


def _without_leftovers(
    first: NDArray[np.int64], end: NDArray[np.int64], document: NDArray[np.int64], total: NDArray[np.int64], room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same runs, but a run of one sentence takes the last sentence of a run of three or more before it."""
    size = end - first
    takes = np.zeros(len(first), bool)
    takes[1:] = (size[1:] == 1) & (size[:-1] > 2) & (document[first[1:]] == document[first[:-1]])
    takes &= total[end] - total[np.maximum(first - 1, 0)] <= room
    first = first - takes
    return first, np.append(first[1:], end[-1:])


def _word_near(position: NDArray[np.int64], arrays: Arrays) -> NDArray[np.int64]:
    """The start of a word that is nearest to each position."""
    starts = np.flatnonzero(arrays.flags & WORD)
    if not len(starts):
        return position
    after = np.minimum(np.searchsorted(starts, position), len(starts) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(starts[after] - position < position - starts[before], starts[after], starts[before])
