"""The distance between the vectors of two encoders that read the same text."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cnlu_pretrain.objectives.losses import TensorBatch

Sums = tuple[Tensor, Tensor, Tensor]


def vector_distances(predicted: Sequence[Tensor], targets: Sequence[Tensor], batch: TensorBatch) -> tuple[Sums, Sums]:
    """The sums of `ObjectiveSums` for token vectors and for sentence vectors; the third is the sum of cosines.

    `predicted` and `targets`: hidden states [B, T, width] in float32, layer by layer. Token vectors: mean squared error
    over all layers (TinyBERT, arXiv 1909.10351, section 3.1). Sentence vectors: 1 - cosine of [CLS] in the last layer.
    """
    token = _tokens(batch)
    first = token * _first(batch)
    errors = torch.stack([_error(p, t) for p, t in zip(predicted, targets, strict=True)]).mean(0)
    cosine = nn.functional.cosine_similarity(predicted[-1], targets[-1], dim=-1)
    return (
        ((errors * token).sum(), token.sum(), (cosine * token).sum().detach()),
        (((1 - cosine) * first).sum(), first.sum(), (cosine * first).sum().detach()),
    )


def _tokens(batch: TensorBatch) -> Tensor:
    """[B, T] 1 for a token, 0 for padding."""
    if batch.piece is not None:
        return (batch.piece >= 0).float()
    return torch.ones_like(batch.tokens, dtype=torch.float32) if batch.mask is None else batch.mask.float()


def _first(batch: TensorBatch) -> Tensor:
    """[B, T] True for the first token of each text; a row without isolated texts is one text."""
    if batch.position is not None:
        return batch.position == 0
    return (torch.arange(batch.tokens.shape[1], device=batch.tokens.device) == 0).expand_as(batch.tokens)


def _error(predicted: Tensor, target: Tensor) -> Tensor:
    """[B, T] mean squared error of each token's vector, as a share of the variance of the target's entries."""
    return (predicted - target).square().mean(-1) / target.var(-1, unbiased=False).clamp(min=1e-6)
