"""What an objective reads and trains."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cnlu_pretrain.batching.rows import Batch
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.masking.masker import IGNORED, Masked, Masker

MASK, VOCABULARY = 4, 1000


def batch_of(rows: int = 64, width: int = 64) -> Batch:
    """Random tokens in words of two, between special tokens."""
    generator = np.random.default_rng(1)
    tokens = generator.integers(5, VOCABULARY, (rows, width))
    flags = np.tile((np.arange(width) % 2 == 1).astype(np.uint8), (rows, 1))
    flags[:, 0] = flags[:, -1] = 8
    kinds, mask = np.zeros((rows, width), np.int64), np.ones((rows, width), bool)
    return Batch(tokens, flags, kinds, mask, np.full(rows, -100))


def masked_of(batch: Batch, **masking) -> Masked:
    masker = Masker(MaskingConfig(**masking), seed=1, mask=MASK, ordinary=np.arange(5, VOCABULARY))
    return masker(batch.tokens, batch.flags, 0, np.arange(len(batch.tokens)))


@pytest.mark.parametrize("strategy", ["token", "word", "ngram", "span"])
def test_the_boundary_tokens_of_a_span_are_never_masked(strategy):
    batch = batch_of()
    masked = masked_of(batch, strategy=strategy, rate=0.3)
    (part,) = parts(batch, masked, 1, torch.device("cpu"))
    labels = torch.from_numpy(masked.labels).flatten()
    hidden = (labels[part.span_first - 1] != IGNORED) | (labels[part.span_last + 1] != IGNORED)
    assert not hidden.any(), f"{hidden.float().mean():.1%} of the predictions use a masked boundary token"
    assert bool(((part.span_first <= part.at) & (part.at <= part.span_last)).all())
    inside = [labels[first : last + 1] for first, last in zip(part.span_first, part.span_last, strict=True)]
    assert all(bool((span != IGNORED).all()) for span in inside)
