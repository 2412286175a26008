"""Fit the weights of the grouping CRF to the annotated items, before the network learns the rest."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cnlu.data.grouping import ItemSet
from cnlu.model.grouping_crf import GroupingCRF
from cnlu.training.data.batching import collate_items
from cnlu.training.data.featurize import Row

ENOUGH = 2000
"""Most texts to fit to; so few weights need no more."""
PULL = 0.1
"""Weight of the squared distance from the initial weights, beside the summed loss; it keeps weights without data.
Facts alone got .857 of the railway test's entities right with it, and as many with 0.3; .838 with 0.01, .848 with 1."""
STEPS = 60


def fit_grouping_weights(rows: Sequence[Row], items: ItemSet, start: Tensor | None = None) -> Tensor:
    """float32 [weights], fitted to the items of the rows by full-batch L-BFGS, so the same rows give the same weights.

    `start` are the weights to start from, those of a model whose training continues.
    """
    chain = GroupingCRF(items)
    begin = chain.weights if start is None else start.cpu()
    known = [row for row in rows if row.items is not None]
    if not known:
        return begin
    known = known[:: -(-len(known) // ENOUGH)]
    batch = {name: torch.from_numpy(array) for name, array in collate_items(known).items()}
    weights = begin.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = chain.loss(None, batch, weights) + PULL * (weights - begin).square().sum()
        total.backward()
        return total

    optimizer.step(loss)
    return weights.detach()
