"""The likelihood of the annotated items, for training the grouping that `runtime.grouping` decodes.

The weights of the features are fitted first (`training.fit.grouping_weights`), and the network learns the rest. Trained
together, the network would memorise the training sentences and leave nothing for the features to explain, although the
features are what generalises to other sentences.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnlu.data.grouping import (
    BEGIN_WEIGHTS,
    BEGINS,
    BETWEEN,
    COUNT_WEIGHTS,
    GROUPED_WEIGHTS,
    IN_ORDER,
    RETURNS,
    SIMILARITY_WEIGHTS,
    WEIGHTS,
    ItemSet,
)
from cnlu.model.mask_value import MASK_VALUE


class GroupingScores(NamedTuple):
    """The scores of B texts with at most N entities and K labels; S = N + 1 positions where an item may have begun."""

    belongs: Tensor
    """[B, N, 1 + K]: the entity belongs to an item with the label"""
    continues: Tensor
    """[B, N, S]: the entity belongs to the item that began at the position"""
    begins: Tensor
    """[B, N, S]: the entity begins a new item after the one that began at the position"""
    returns: Tensor
    """[B]: the sentence returns to an earlier item"""
    end: Tensor
    """[B, P]: there are no more items, per state of the ItemSet"""


class GroupingCRF(nn.Module):
    """The linear-chain CRF of an ItemSet; the training of the network does not change its weights."""

    def __init__(self, items: ItemSet) -> None:
        super().__init__()
        self.counting, self.labels = items.counting, len(items.names)
        self.weights: Tensor
        self.register_buffer("weights", torch.tensor(list(WEIGHTS.values())))
        self.label: Tensor
        self.begins: Tensor
        self.returns: Tensor
        self.item_count: Tensor
        for name in ("label", "begins", "returns", "item_count"):
            self.register_buffer(name, torch.from_numpy(getattr(items, name)), persistent=False)

    def loss(self, scores: Tensor | None, batch: dict[str, Tensor], weights: Tensor | None = None) -> Tensor:
        """Negative log-likelihood, summed over the entities of all texts, under `weights` (default: its own).

        `scores` [B, L, columns] are the network's scores of characters, None to use the features alone; `batch` is from
        `training.data.batching.collate`.
        """
        gold = batch["items"]
        chain = self.scored(batch, self.weights if weights is None else weights, scores)
        target = F.one_hot(gold.clamp_min(0), 1 + self.labels) > 0
        doubled = GroupingScores(*(torch.cat([part, part]) for part in chain))
        sums = self.log_partition(doubled, torch.cat([gold, gold]) >= 0, torch.cat([torch.ones_like(target), target]))
        all_sequences, gold_sequences = sums.chunk(2)
        return (all_sequences - gold_sequences).sum()

    def scored(self, batch: dict[str, Tensor], weights: Tensor, scores: Tensor | None = None) -> GroupingScores:
        """The scores by the features, plus the network's scores of the characters if given."""
        belongs = (batch["items_grouped"] @ weights[GROUPED_WEIGHTS])[..., None].expand(-1, -1, 1 + self.labels)
        begins = batch["items_begins"] @ weights[BEGIN_WEIGHTS]
        similarity, continues = (batch["items_similarity"] * weights[SIMILARITY_WEIGHTS]).unbind(-1)
        if self.counting:
            turn = F.one_hot((batch["items_rank"] + 1).clamp_max(self.labels + 1), self.labels + 2)
            belongs = belongs + weights[IN_ORDER] * turn[..., : 1 + self.labels]
        if scores is not None:
            inside, between = _means(scores, batch["items_spans"])
            begins = begins + inside[..., BEGINS] + between[..., BETWEEN]
            if not self.counting:
                belongs = belongs + F.pad((inside + between)[..., BETWEEN + 1 :], (1, 0))
        begins = F.pad((begins[..., None] + similarity)[..., 1:], (1, 0))  # the first item must begin somewhere
        max_repeats = batch["items_max_repeats"][:, None]
        is_single = (self.item_count == 1).long().expand(len(max_repeats), -1)
        counted = torch.stack([is_single, max_repeats - self.item_count, self.item_count - max_repeats], -1).clamp_min(
            0
        )
        end = (counted * (self.item_count > 0)[:, None]).float() @ weights[COUNT_WEIGHTS]
        return GroupingScores(belongs, continues, begins, returns=weights[RETURNS].expand(len(max_repeats)), end=end)

    def log_partition(self, chains: GroupingScores, is_entity: Tensor, target: Tensor | None = None) -> Tensor:
        """Log of the sum over all sequences, or over those of the `target` labels [B, N, 1 + K].

        `is_entity` [B, N] is true for entities, false for padding; returns [B].
        """
        batch, count = is_entity.shape
        label = self.label
        moves = torch.full(tuple(self.begins.shape), MASK_VALUE, device=is_entity.device).masked_fill(self.begins, 0.0)
        moves = torch.where(self.returns, chains.returns[:, None, None], moves)
        penalty = torch.zeros_like(chains.belongs) if target is None else (~target).float() * MASK_VALUE
        belongs = (chains.belongs + penalty)[..., label] + label.eq(0).float() * MASK_VALUE
        alpha = torch.full((batch, len(label), 1), MASK_VALUE, device=is_entity.device)
        alpha[:, 0] = 0.0
        for i in range(count):
            begin_scores = torch.logsumexp(alpha + chains.begins[:, i, None, : i + 1], -1)
            begun = torch.logsumexp(begin_scores[:, :, None] + moves, 1) + belongs[:, i]
            continued = alpha + belongs[:, i, :, None] + chains.continues[:, i, None, : i + 1]
            after = torch.cat([torch.logaddexp(alpha + penalty[:, i, :1, None], continued), begun[..., None]], -1)
            alpha = torch.where(is_entity[:, i, None, None], after, F.pad(alpha, (0, 1), value=MASK_VALUE))
        return torch.logsumexp((alpha + chains.end[..., None]).flatten(1), 1)


def _means(scores: Tensor, spans: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of characters [B, L, C], spans [B, N, 3] (end of the one before, start, end) -> means over the entities'
    characters and over those before them, both [B, N, C]."""
    sums = F.pad(scores.cumsum(1), (0, 0, 1, 0))
    before, start, end = (
        sums.gather(1, offsets[..., None].expand(-1, -1, scores.shape[-1])) for offsets in spans.unbind(-1)
    )
    width = (spans[..., 1:] - spans[..., :-1]).clamp_min(1)[..., None]
    return (end - start) / width[:, :, 1], (start - before) / width[:, :, 0]
