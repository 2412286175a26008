"""The grouping CRF: its likelihood in PyTorch is that of the decoder in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network needs the extra cnlu[train]")

import torch

from cnlu.data.grouping import WEIGHTS
from cnlu.data.schema import Entity, Example
from cnlu.model.grouping_crf import GroupingCRF
from cnlu.runtime.grouping import GroupDecoder, log_partition
from cnlu.runtime.labels import Labels
from cnlu.training.data.batching import collate
from cnlu.training.data.featurize import Row, _items
from cnlu.training.fit.grouping_weights import fit_grouping_weights

SETS = pytest.mark.parametrize("names", [["1", "2", "3"], ["out", "back"]], ids=["counting", "named"])


def example(text: str, groups: list[str | None]) -> Example:
    """Entities of two characters, alternating between the types size and drink."""
    places = [0, 2, 5, 7][: len(groups)]
    kinds = ["size", "drink", "drink", "size"]
    entities = (Entity(p, p + 2, k, "", group=g) for p, k, g in zip(places, kinds, groups, strict=False))
    return Example(text, None, tuple(entities))


def examples_of(names: list[str]) -> list[Example]:
    one, other = names[:2]
    return [
        example("大杯拿铁和美式小杯", [one, one, other, other]),
        example("大杯拿铁，豆浆", [one, None, other]),
        example("小杯", [None]),
    ]


def given(names: list[str]) -> tuple[Labels, list[Row], dict[str, torch.Tensor]]:
    examples = examples_of(names)
    labels = Labels.collect(examples)
    labels = Labels(
        labels.intents, labels.entities, {}, {"size": names, "drink": names}, counting=names if names[0] == "1" else []
    )
    nothing = np.zeros((9, 1), np.int64)
    rows = [
        Row(
            characters=nothing[: len(e.text)],
            sentence=nothing[0],
            tags=nothing[: len(e.text), 0],
            roles=nothing[: len(e.text), 0],
            intent=0,
            items=_items(e.text, list(e.entities), labels),
        )
        for e in examples
    ]
    return labels, rows, collate(rows, torch.device("cpu"))


def decision(labels: Labels) -> tuple[GroupingCRF, GroupDecoder]:
    assert labels.items is not None
    weights = np.random.default_rng(1).normal(0, 1, len(WEIGHTS)).astype(np.float32)
    chain = GroupingCRF(labels.items)
    chain.weights.data.copy_(torch.from_numpy(weights))
    return chain, GroupDecoder(labels.items, weights)


@SETS
@torch.no_grad()
def test_the_likelihood_is_that_of_the_decision(names: list[str]) -> None:
    labels, _, batch = given(names)
    chain, items = decision(labels)
    scores = torch.randn(3, 9, len(labels.group_columns), generator=torch.manual_seed(0))
    wanted = torch.nn.functional.one_hot(batch["items"].clamp_min(0), 1 + chain.labels) > 0
    scored = chain.scored(batch, chain.weights, scores)
    there = batch["items"] >= 0
    found = torch.stack([chain.log_partition(scored, there, wanted), chain.log_partition(scored, there)], 1)
    for i, one in enumerate(examples_of(names)):
        spans, count = [(e.start, e.end) for e in one.entities], len(one.entities)
        allowed = [labels.group_names] * count
        potentials = items.potentials(
            one.text, spans, [(e.entity, None) for e in one.entities], allowed, scores[i].numpy()
        )
        masks = np.stack([wanted[i, :count].numpy(), np.ones((count, 1 + chain.labels))]).astype(float)
        assert found[i].numpy() == pytest.approx(log_partition(potentials, items.items, masks), abs=1e-3)


@SETS
def test_a_text_has_the_same_loss_alone_and_among_longer_ones(names: list[str]) -> None:
    labels, _, batch = given(names)
    chain, _ = decision(labels)
    scores = torch.zeros(3, 9, len(labels.group_columns))
    alone = [chain.loss(scores[i : i + 1], {name: t[i : i + 1] for name, t in batch.items()}) for i in range(3)]
    assert chain.loss(scores, batch).item() == pytest.approx(sum(loss.item() for loss in alone), rel=1e-4)


def test_certain_facts_leave_little_loss_for_the_network() -> None:
    """The network then does not memorize the training sentences."""
    labels, rows, batch = given(["1", "2", "3"])
    chain, _ = decision(labels)
    size = []
    for sure in (False, True):
        if sure and labels.items:
            chain.weights.copy_(fit_grouping_weights(rows, labels.items))
        scores = torch.zeros(3, 9, len(labels.group_columns), requires_grad=True)
        chain.loss(scores, batch).backward()
        assert scores.grad is not None and torch.isfinite(scores.grad).all()
        size.append(float(scores.grad.abs().sum()))
    assert 0.0 < size[1] < size[0] / 2
