"""The joint network, from characters and sentence to tag emissions and scores of intents, roles and groups.

It is DIET (arXiv 2004.09936) on characters: a small transformer takes the projected sparse features of the characters
and, at one more position, of the sentence; the tagger uses its output for the characters, and the intent classifier the
one for the sentence. Unlike DIET, each output head also takes the sparse projection directly, which helps with few
examples. For multi-intent sentences the intent head scores each character, so that a short part is not outvoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnlu.config import ModelConfig
from cnlu.data.grouping import ItemSet
from cnlu.data.tags import TagSet
from cnlu.model.attention import Layer, relative_positions
from cnlu.model.crf import LegalCRF
from cnlu.model.encoder_output import EncoderOutput
from cnlu.model.grouping_crf import GroupingCRF
from cnlu.model.mask_value import MASK_VALUE
from cnlu.model.sparse import SparseProjection


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of the network that follow from the data."""

    character_features: int
    sentence_features: int
    intents: int
    roles: int
    groups: int
    """Columns of the grouping scores"""
    characters: int = 0
    """Classes of the masked-character loss; 0 without it."""
    encoder: int = 0
    """Width of the pretrained encoder's vectors; 0 without one."""
    views: int = 0
    """Vectors per sentence from the encoder."""


class Outputs(NamedTuple):
    """The scores of a batch of B texts of at most L characters."""

    emissions: Tensor
    """[B, L, tags]"""
    intent: Tensor
    """[B, intents] scores; of one network for multi-intent, [B, L, intents]"""
    roles: Tensor
    """[B, L, 1 + roles] scores of "no role" and each role"""
    groups: Tensor
    """[B, L, columns] grouping scores, with the columns of `data.grouping`"""


def pooled(scores: Tensor, mask: Tensor) -> Tensor:
    """Intent scores of characters [B, L, K] under `mask` [B, L] -> of sentences [B, K].

    The log-sum-exp over the characters, a smooth maximum: a label needs a part of the sentence, which need not be
    annotated (Pinheiro & Collobert 2015, From Image-level to Pixel-level Labeling, arXiv 1411.6228, section 3.2).
    """
    return torch.logsumexp(scores + ((1.0 - mask) * MASK_VALUE)[..., None], 1)


class JointNetwork(nn.Module):
    """Emissions and scores from sparse features; `crf` holds the transitions, `items` the grouping CRF's weights."""

    def __init__(self, config: ModelConfig, sizes: Sizes, tags: TagSet, items: ItemSet | None = None) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        narrow, width = config.sparse_width, config.width
        inputs = narrow + sizes.encoder
        self.characters = SparseProjection(sizes.character_features, narrow, config.sparse_dropout, 1 / 3)
        self.sentence = SparseProjection(sizes.sentence_features, narrow, config.sentence_dropout, 1 / 4)
        self.character_in, self.sentence_in = nn.Linear(inputs, width), nn.Linear(inputs, width)
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        self.emissions = nn.Linear(width + inputs, len(tags.tags))
        self.roles = nn.Linear(width + inputs, 1 + sizes.roles)
        self.groups = nn.Linear(width + inputs, sizes.groups)
        self.crf, self.items = LegalCRF(tags), GroupingCRF(items) if items else None
        if config.multi_label:
            self.intents = nn.Linear(width + inputs, sizes.intents)
        else:
            self.intent_in = nn.Linear(width + inputs, config.label_width)
            self.labels = nn.Parameter(torch.randn(sizes.intents, config.label_width) * 0.3)
            self.label_bias = nn.Parameter(torch.zeros(sizes.intents))
        if sizes.encoder:
            self.mixture = nn.Parameter(torch.zeros(sizes.views))
        if config.masked_tokens:
            self.masked_character_head, self.mask_vector = (
                nn.Linear(width, sizes.characters),
                nn.Parameter(torch.zeros(narrow)),
            )

    def forward(
        self, characters: Tensor, sentence: Tensor, mask: Tensor, encoder_output: EncoderOutput | None = None
    ) -> Outputs:
        """characters [B, L, F] and sentence [B, S]: feature ids, 0 for none; mask [B, L]: 1 for a character.

        `encoder_output` is that of the same texts, for a network with an encoder.
        """
        return self.forward_projected(self.characters(characters), self.sentence(sentence), mask, encoder_output)

    def forward_projected(
        self, sparse: Tensor, sentence: Tensor, mask: Tensor, encoder_output: EncoderOutput | None = None
    ) -> Outputs:
        """The outputs from projected characters [B, L, sparse_width] and sentence [B, sparse_width]."""
        if self.sizes.encoder and encoder_output is not None:
            sparse = torch.cat([sparse, encoder_output.characters], -1)
            sentence = torch.cat([sentence, (self.mixture.softmax(0)[:, None] * encoder_output.views).sum(1)], -1)
        x = self._encode(sparse, sentence, mask)
        characters = self.dropout(torch.cat([x[:, 1:], sparse], -1))
        if self.config.multi_label:
            emissions, roles, groups, intent = self._apply_heads(characters)
        else:
            embedding = self.intent_in(self.dropout(torch.cat([x[:, 0], sentence], -1)))
            emissions, roles, groups = self._apply_heads(characters)
            intent = embedding @ self.labels.T + self.label_bias
        return Outputs(emissions, intent, roles, groups)

    def output_heads(self) -> tuple[nn.Linear, ...]:
        """The heads over characters: emissions, roles, groups, and for multi-intent the intents."""
        multi_intent = (self.intents,) if self.config.multi_label else ()
        return (self.emissions, self.roles, self.groups, *multi_intent)

    def _apply_heads(self, characters: Tensor) -> tuple[Tensor, ...]:
        """The scores of all output heads, computed in one product."""
        heads = self.output_heads()
        weight, bias = torch.cat([head.weight for head in heads]), torch.cat([head.bias for head in heads])
        return F.linear(characters, weight, bias).split([head.out_features for head in heads], -1)

    def masked_character_loss(self, inputs: dict[str, Tensor], hide: Tensor, target: Tensor) -> Tensor:
        """Weighted mean cross-entropy of predicting hidden characters; arguments are from `CharacterMasking.hide`."""
        sparse = torch.where(hide[..., None] > 0, self.mask_vector, self.characters(inputs["characters"]))
        x = self._encode(sparse, self.sentence(inputs["sentence"]), inputs["mask"])
        hidden = hide > 0
        if not bool(hidden.any()):
            return x.sum() * 0.0
        return self.config.masked_tokens * F.cross_entropy(self.masked_character_head(x[:, 1:][hidden]), target[hidden])

    def _encode(self, sparse: Tensor, sentence: Tensor, mask: Tensor) -> Tensor:
        """Inputs of characters [B, L, inputs] and sentence [B, inputs] -> [B, 1 + L, width], the sentence first."""
        x = torch.cat([self.sentence_in(self.dropout(sentence))[:, None], self.character_in(self.dropout(sparse))], 1)
        x = self.dropout(self.norm_in(x))
        padding = F.pad((1.0 - mask) * MASK_VALUE, (1, 0))[:, None, None, :]
        index = relative_positions(mask.shape[1], self.config.relative_distance, mask.device)
        for layer in self.layers:
            x = layer(x, padding, index)
        return self.norm_out(x)
