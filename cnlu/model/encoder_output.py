"""The output of a pretrained encoder, aligned to characters: a vector per character, and views of the whole text."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from cnlu.encoder.backbone import Backbone
from cnlu.model.mask_value import MASK_VALUE

VIEWS = {"cls": 1, "mean": 1, "max": 1, "first_last": 1, "last_four": 4}
"""Number of vectors that each kind of sentence vector is a mixture of; the network learns the mixture."""


class EncoderOutput(NamedTuple):
    """The output for B texts of at most L characters."""

    characters: Tensor
    """[B, L, width]: the mean of the last layer's vectors of a character's tokens; 0 for a character without tokens"""
    views: Tensor
    """[B, K, width]: vectors of the whole text"""


class AlignedEncoder(nn.Module):
    """An encoder whose token vectors are averaged per character, with views of the sentence."""

    def __init__(self, backbone: Backbone, sentence: str, summary: int) -> None:
        """`sentence` is a key of VIEWS; `summary` is the position of the token for the text, 0 or -1 (the last)."""
        super().__init__()
        self.backbone, self.sentence, self.summary = backbone, sentence, summary

    @property
    def width(self) -> int:
        return self.backbone.width

    def forward(self, tokens: Tensor, token_mask: Tensor, alignment: Tensor) -> EncoderOutput:
        """tokens [B, T] ids, token_mask [B, T] (1: a token), alignment [B, L, T], as from `collate`."""
        states = self.backbone(tokens, token_mask)
        characters = alignment @ states[-1].float()
        if self.sentence == "cls":
            views = self._summary(states[-1], token_mask)[:, None]
        elif self.sentence == "last_four":
            views = torch.stack([self._summary(state, token_mask) for state in states[-4:]], 1)
        else:
            in_text = (alignment.sum(1) > 0).float()  # without special tokens
            last = states[-1] if self.sentence != "first_last" else (states[1] + states[-1]) / 2
            views = _pooled(last.float(), in_text, self.sentence == "max")[:, None]
        return EncoderOutput(characters, views.float())

    def _summary(self, state: Tensor, mask: Tensor) -> Tensor:
        """The vector [B, width] of the token that represents the text, from [B, T, width]."""
        if self.summary == 0:
            return state[:, 0]
        last = mask.sum(1).long() - 1
        return state.gather(1, last[:, None, None].expand(-1, 1, state.shape[-1]))[:, 0]


def _pooled(state: Tensor, in_text: Tensor, maximum: bool) -> Tensor:
    """Mean or maximum over the tokens with 1 in `in_text` [B, T]; 0 for a text without tokens."""
    has_tokens = in_text.sum(1, keepdim=True).clamp(max=1.0)
    if maximum:
        return (state + (1.0 - in_text[..., None]) * MASK_VALUE).amax(1) * has_tokens
    return (state * in_text[..., None]).sum(1) / in_text.sum(1, keepdim=True).clamp_min(1.0)
