"""Modules that further objectives need besides the encoder and its head."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class OrderHead(nn.Module):
    """Predicts from the vector of [CLS] whether two texts are in order.

    BERT's pooler and two classes: next sentence (Devlin et al. 2019, section 3.1), sentence order (Lan et al. 2020,
    section 3.1).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool, self.score = nn.Linear(width, width), nn.Linear(width, 2)

    def forward(self, first: Tensor) -> Tensor:
        """[B, width] -> [B, 2]"""
        scores: Tensor = self.score(torch.tanh(self.pool(first)))
        return scores


class SpanBoundary(nn.Module):
    """Predicts a token of a span from the tokens before and after the span (SpanBERT, section 3.2).

    y_i = f(x_{s-1}, x_{e+1}, p_{i-s+1}): two layers with GELU and layer norm, scored by the encoder's own output layer.
    """

    def __init__(self, width: int, out: int, longest: int = 64, position_width: int = 200) -> None:
        """`out` is the input width of the output layer."""
        super().__init__()
        self.position = nn.Embedding(longest, position_width)
        self.inner = nn.Sequential(
            nn.Linear(2 * width + position_width, out),
            nn.GELU(),
            nn.LayerNorm(out),
            nn.Linear(out, out),
            nn.GELU(),
            nn.LayerNorm(out),
        )

    def forward(self, left: Tensor, right: Tensor, position: Tensor) -> Tensor:
        """[M, width] twice, positions in the span [M] counted from 0 -> [M, out]"""
        position = position.clamp(max=self.position.num_embeddings - 1)
        predicted: Tensor = self.inner(torch.cat([left, right, self.position(position)], -1))
        return predicted


class ReplacedHead(nn.Module):
    """Predicts for every token whether it was replaced (ELECTRA, section 2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.score = nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, hidden: Tensor) -> Tensor:
        """[N, width] -> logits [N]"""
        scores: Tensor = self.score(nn.functional.gelu(self.inner(hidden))).squeeze(-1)
        return scores
