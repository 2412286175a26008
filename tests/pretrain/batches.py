"""Batches of a corpus."""

from __future__ import annotations

import numpy as np
import torch

from cnlu_pretrain import rng
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.batching.rows import Layout, assemble
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import TensorBatch


def batch_of(corpus: Corpus, isolate: str, rows: int = 6) -> TensorBatch:
    """The first rows of a corpus, masked, with isolated texts or without."""
    layout = Layout(corpus.special_tokens, 64, "none", isolate)
    arrays = corpus.read(corpus.shards[0])
    indices = np.arange(rows)
    batch = assemble(arrays, layout.rows(arrays), indices, layout, rng.keys(0, 0, indices))
    masker = Masker(MaskingConfig(), seed=1, mask=corpus.mask, random_tokens=random_tokens_of(corpus))
    return next(parts(batch, masker(batch.tokens, batch.flags, 0, indices), 1, torch.device("cpu")))
