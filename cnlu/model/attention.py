"""A small pre-norm transformer layer with relative position biases."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnlu.config import ModelConfig


def relative_positions(length: int, distance: int, device: torch.device) -> Tensor:
    """Indices [1 + length, 1 + length] of the position bias: distances -distance..distance count from 0.

    Position 0 is the sentence, which has no distance to the characters; pairs with it get the last index.
    """
    position = torch.arange(length + 1, device=device)
    index = (position[None, :] - position[:, None]).clamp(-distance, distance) + distance
    outside = (position[None, :] == 0) | (position[:, None] == 0)
    return torch.where(outside, 2 * distance + 1, index)


class Layer(nn.Module):
    """Attention with a learned bias per head and clipped distance (Raffel et al. 2020, section 2.1), then GELU."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.before_attention, self.before_feedforward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, config.feedforward), nn.Linear(config.feedforward, width)
        self.position = nn.Parameter(torch.zeros(2 * config.relative_distance + 2, config.heads))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, padding: Tensor, index: Tensor) -> Tensor:
        """x [B, L, width]; padding [B, 1, 1, L] (0, or very negative); index [L, L] -> [B, L, width]."""
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for part in self.qkv(self.before_attention(x)).chunk(3, -1)
        )
        bias = F.embedding(index, self.position).permute(2, 0, 1)[None] + padding
        attention = (q @ k.transpose(-1, -2) / math.sqrt(width // self.heads) + bias).softmax(-1)
        x = x + self.dropout(self.out((attention @ v).transpose(1, 2).reshape(batch, length, width)))
        return x + self.dropout(self.narrow(F.gelu(self.wide(self.before_feedforward(x)))))
