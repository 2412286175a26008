"""Sparse features to vectors: a sum of learned rows, with dropout of whole features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SparseProjection(nn.Module):
    """Linear map of a bag of features, stored as one row per feature (DIET, section 3, "Featurization").

    The sum of the rows equals the product of a multi-hot vector with a matrix. Dropout removes whole features and
    scales up the rest in training, so inference needs no scaling.
    """

    def __init__(self, features: int, width: int, dropout: float, scale: float) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(features, width, mode="sum", padding_idx=0)
        nn.init.normal_(self.table.weight, 0.0, 0.1)
        with torch.no_grad():
            self.table.weight[0] = 0.0
        self.dropout, self.scale = dropout, scale

    def forward(self, ids: Tensor) -> Tensor:
        """ids [..., features] (0: no feature) -> [..., width]."""
        if not self.training:  # gather and sum, because ONNX has no EmbeddingBag
            return F.embedding(ids, self.table.weight).sum(-2) * self.scale
        flat = ids.reshape(-1, ids.shape[-1])
        keep = (torch.rand(flat.shape, device=flat.device) >= self.dropout).float() / (1.0 - self.dropout)
        return self.table(flat, per_sample_weights=keep).view(*ids.shape[:-1], -1) * self.scale
