"""A few sentences from all parts of a corpus, as one padded batch."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cnlu_pretrain.corpus.corpus import Corpus

SENTENCES = 1024


def sample_texts(corpus: Corpus, length: int) -> tuple[Tensor, Tensor]:
    """(token ids [B, T], attention mask [B, T]): at most SENTENCES, evenly spaced, cut to `length` tokens."""
    special = corpus.special_tokens
    room = length - len(special.before) - len(special.after)
    rows = []
    total = sum(shard.sentences for shard in corpus.shards)
    for shard in corpus.shards:
        arrays = corpus.read(shard)
        ends = np.cumsum(arrays.sentences, dtype=np.int64)
        count = max(1, min(len(ends), SENTENCES * len(ends) // total))
        for number in np.linspace(0, len(ends) - 1, count).astype(np.int64):
            start = int(ends[number - 1]) if number else 0
            stop = min(int(ends[number]), start + room)
            rows.append([*special.before, *arrays.tokens[start:stop].tolist(), *special.after])
    tokens = torch.full((len(rows), max(map(len, rows))), special.pad)
    mask = torch.zeros_like(tokens)
    for row, ids in enumerate(rows):
        tokens[row, : len(ids)] = torch.tensor(ids)
        mask[row, : len(ids)] = 1
    return tokens, mask
