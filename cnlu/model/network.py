"""The joint network: characters and sentence in, tag emissions, intent, roles and groups out.

DIET's idea (arXiv 2004.09936) with characters as the units: sparse features go through projections of
their own, a sentence position stands beside the characters in a small transformer, the tagger reads the
characters and the intent scorer the sentence. What DIET lacks here: each reader also sees the sparse
projection directly, beside the transformer, which helps where examples are few. Where a sentence may have several
intents, their scorer reads the characters too: what one part of the sentence asks need not be outvoted by the rest.
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
from cnlu.model.grouping_crf import ItemChain
from cnlu.model.sparse import SparseProjection

FAR_BELOW = -1e4  # added to attention towards padding


@dataclass(frozen=True)
class Sizes:
    """What the data decides about the network's shape."""

    character_features: int
    sentence_features: int
    intents: int
    roles: int
    groups: int
    """Columns of the scores of groups"""
    characters: int = 0
    """Distinct characters that the masked-character loss guesses among; 0 without it."""
    encoder: int = 0
    """Width of the pretrained encoder's vectors; 0 without one."""
    views: int = 0
    """Vectors that the encoder gives of a sentence."""


class Outputs(NamedTuple):
    """What the network says of a batch of B texts of at most L characters."""

    emissions: Tensor
    """[B, L, tags]"""
    intent: Tensor
    """[B, intents] scores; where there may be several, one network's are of the characters, [B, L, intents]"""
    roles: Tensor
    """[B, L, 1 + roles] scores of "no role" and each role"""
    groups: Tensor
    """[B, L, columns] what characters say of the items that entities belong to, as Labels.group_columns names them"""


def pooled(scores: Tensor, mask: Tensor) -> Tensor:
    """Intent scores of characters [B, L, K] under `mask` [B, L] -> of sentences [B, K], each label by itself.

    The log of the summed exponentials, a smooth maximum: a label needs a part of the sentence, and no one need say
    which (Pinheiro & Collobert 2015, From Image-level to Pixel-level Labeling, arXiv 1411.6228, section 3.2).
    """
    return torch.logsumexp(scores + ((1.0 - mask) * FAR_BELOW)[..., None], 1)


class JointNetwork(nn.Module):
    """Emissions and scores from sparse features; the tagger's transitions live in `crf`, the weights of items in
    `items`."""

    def __init__(self, config: ModelConfig, sizes: Sizes, tags: TagSet, items: ItemSet | None = None) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        narrow, width = config.sparse_width, config.width
        known = narrow + sizes.encoder
        self.characters = SparseProjection(sizes.character_features, narrow, config.sparse_dropout, 1 / 3)
        self.sentence = SparseProjection(sizes.sentence_features, narrow, config.sentence_dropout, 1 / 4)
        self.character_in, self.sentence_in = nn.Linear(known, width), nn.Linear(known, width)
        self.norm_in, self.norm_out = nn.LayerNorm(width), nn.LayerNorm(width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        self.emissions = nn.Linear(width + known, len(tags.tags))
        self.roles = nn.Linear(width + known, 1 + sizes.roles)
        self.groups = nn.Linear(width + known, sizes.groups)
        self.crf, self.items = LegalCRF(tags), ItemChain(items) if items else None
        if config.multi_label:
            self.intents = nn.Linear(width + known, sizes.intents)
        else:
            self.intent_in = nn.Linear(width + known, config.label_width)
            self.labels = nn.Parameter(torch.randn(sizes.intents, config.label_width) * 0.3)
            self.label_bias = nn.Parameter(torch.zeros(sizes.intents))
        if sizes.encoder:
            self.mixture = nn.Parameter(torch.zeros(sizes.views))
        if config.masked_tokens:
            self.guess, self.hidden = nn.Linear(width, sizes.characters), nn.Parameter(torch.zeros(narrow))

    def forward(self, characters: Tensor, sentence: Tensor, mask: Tensor, read: EncoderOutput | None = None) -> Outputs:
        """characters [B, L, F] and sentence [B, S]: feature ids, 0 for none; mask [B, L]: 1 for a character.

        `read` is what the encoder says of the same texts, for a network that has one.
        """
        return self.answer(self.characters(characters), self.sentence(sentence), mask, read)

    def answer(self, sparse: Tensor, whole: Tensor, mask: Tensor, read: EncoderOutput | None = None) -> Outputs:
        """From the projections [B, L, narrow] and [B, narrow] on."""
        if self.sizes.encoder and read is not None:
            sparse = torch.cat([sparse, read.characters], -1)
            whole = torch.cat([whole, (self.mixture.softmax(0)[:, None] * read.views).sum(1)], -1)
        x = self._encode(sparse, whole, mask)
        each = self.dropout(torch.cat([x[:, 1:], sparse], -1))
        if self.config.multi_label:
            emissions, roles, groups, intent = self._readings(each)
        else:
            meaning = self.intent_in(self.dropout(torch.cat([x[:, 0], whole], -1)))
            emissions, roles, groups = self._readings(each)
            intent = meaning @ self.labels.T + self.label_bias
        return Outputs(emissions, intent, roles, groups)

    def readers(self) -> tuple[nn.Linear, ...]:
        """Of each character: emissions, roles, groups, and where there may be several the intents."""
        multi_intent = (self.intents,) if self.config.multi_label else ()
        return (self.emissions, self.roles, self.groups, *multi_intent)

    def _readings(self, each: Tensor) -> tuple[Tensor, ...]:
        """What the readers say, in one product."""
        readers = self.readers()
        weight, bias = torch.cat([r.weight for r in readers]), torch.cat([r.bias for r in readers])
        return F.linear(each, weight, bias).split([r.out_features for r in readers], -1)

    def masked_loss(self, inputs: dict[str, Tensor], hide: Tensor, target: Tensor) -> Tensor:
        """Weighted mean cross-entropy of guessing hidden characters; arguments as training.masking.hide gives them."""
        sparse = torch.where(hide[..., None] > 0, self.hidden, self.characters(inputs["characters"]))
        x = self._encode(sparse, self.sentence(inputs["sentence"]), inputs["mask"])
        chosen = hide > 0
        if not bool(chosen.any()):
            return x.sum() * 0.0
        return self.config.masked_tokens * F.cross_entropy(self.guess(x[:, 1:][chosen]), target[chosen])

    def _encode(self, sparse: Tensor, whole: Tensor, mask: Tensor) -> Tensor:
        """What is known of characters [B, L, known] and text [B, known] -> [B, 1 + L, width], the text first."""
        x = torch.cat([self.sentence_in(self.dropout(whole))[:, None], self.character_in(self.dropout(sparse))], 1)
        x = self.dropout(self.norm_in(x))
        padding = F.pad((1.0 - mask) * FAR_BELOW, (1, 0))[:, None, None, :]
        index = relative_positions(mask.shape[1], self.config.relative_distance, mask.device)
        for layer in self.layers:
            x = layer(x, padding, index)
        return self.norm_out(x)
