"""Contrastive learning of sentence vectors: SimCSE without labels (Gao et al. 2021, arXiv 2104.08821).

All shapes depend on those of the batch alone, and the host never waits for the device.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

TEMPERATURE = 0.05
"""Of the paper (section 6.1)"""
_MOST_TEXTS = 4096
"""Sentences that are compared at once; a larger batch is compared in groups of rows, so that memory stays linear."""
_SHORTEST = 3
"""Tokens of the shortest isolated sentence: [CLS], one token, [SEP]"""
_FACTORS = (-7046029254386353131, -4658895280553007687)
"""Odd 64-bit numbers with a random pattern of bits (splitmix64)"""


class SimCSE(nn.Module):
    """Sentence vectors from [CLS], through a layer that is used in training only (section 6.3 of the paper)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pool = nn.Linear(width, width)

    def forward(
        self, first: Tensor, second: Tensor, tokens: Tensor, piece: Tensor, position: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(sum of losses, number of sentences, number of sentences whose nearest vector is their own second one).

        `first` and `second` [B, T, width]: hidden states under two dropout masks; `tokens` [B, T] without masks;
        `piece` and `position` [B, T] as in `TensorBatch`.
        """
        sums = first.new_zeros(3, dtype=torch.float32)
        rows = max(1, _MOST_TEXTS // _most_pieces(tokens.shape[1]))
        for parts in zip(*(x.split(rows) for x in (first, second, tokens, piece, position)), strict=True):
            sums = sums + self._group(*parts)
        loss, count, correct = sums.unbind()
        return loss, count.detach(), correct.detach()

    def _group(self, first: Tensor, second: Tensor, tokens: Tensor, piece: Tensor, position: Tensor) -> Tensor:
        """[3] of rows whose sentences are the negatives of each other."""
        start, exists = starts(piece, position)
        index = start[..., None].expand(-1, -1, first.shape[-1])
        one, two = (
            nn.functional.normalize(torch.tanh(self.pool(view.gather(1, index))).flatten(0, 1).float(), dim=-1)
            for view in (first, second)
        )
        key, exists = text_keys(tokens, piece, position).flatten(), exists.flatten()
        own = torch.eye(len(key), dtype=torch.bool, device=key.device)
        compared = exists[None, :] & ((key[:, None] != key[None, :]) | own)  # a repeated sentence is no negative
        scores = (one @ two.T / TEMPERATURE).masked_fill(~(compared | own), -1e4)
        target = torch.arange(len(key), device=key.device)
        losses = nn.functional.cross_entropy(scores, target, reduction="none")
        correct = (scores.argmax(-1) == target).float()
        weight = exists.float()
        return torch.stack([(losses * weight).sum(), weight.sum(), (correct * weight).sum()])


def starts(piece: Tensor, position: Tensor) -> tuple[Tensor, Tensor]:
    """([B, S] the column where each piece of a row starts, [B, S] whether there is such a piece).

    `piece` and `position` [B, T] as in `TensorBatch`; S is the number of pieces that fit into a row.
    """
    rows, length = piece.shape
    most = _most_pieces(length)
    counted = (position == 0) & (piece >= 0) & (piece < most)
    target = torch.where(counted, piece, most)  # other tokens go to an extra place
    columns = torch.arange(length, device=piece.device).expand(rows, -1)
    start = torch.full((rows, most + 1), -1, dtype=torch.long, device=piece.device).scatter(1, target, columns)
    start = start[:, :most]
    return start.clamp(min=0), start >= 0


def text_keys(tokens: Tensor, piece: Tensor, position: Tensor) -> Tensor:
    """[B, S] a hash of the tokens of each piece, the same for pieces with the same tokens in the same order."""
    hashed = (tokens * 1_000_003 + position) * _FACTORS[0]
    hashed = (hashed ^ (hashed >> 29)) * _FACTORS[1]
    hashed = hashed ^ (hashed >> 32)
    most = _most_pieces(tokens.shape[1])
    sums = torch.zeros(len(tokens), most + 1, dtype=torch.long, device=tokens.device)
    return sums.scatter_add(1, torch.where((piece >= 0) & (piece < most), piece, most), hashed)[:, :most]


def _most_pieces(length: int) -> int:
    return -(-length // _SHORTEST)
