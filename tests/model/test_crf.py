"""The tagger's likelihood compared with an enumeration of all tag sequences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network needs the extra cnlu[train]")

import torch
from torchcrf import CRF

from cnlu.data.schema import Entity
from cnlu.data.tags import TagSet
from cnlu.model.crf import LegalCRF


def legal(tags: TagSet, path: tuple[int, ...]) -> bool:
    steps = all(tags.legal[a, b] for a, b in itertools.pairwise(path))
    return bool(tags.legal_start[path[0]] and tags.legal_end[path[-1]] and steps)


def spread(crf: CRF) -> CRF:
    torch.manual_seed(0)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


@pytest.mark.parametrize("scheme", ["BIO", "BILOU"])
def test_the_likelihood_counts_the_legal_sequences_and_no_others(scheme: str) -> None:
    tags = TagSet(["a"] if scheme == "BILOU" else ["a", "b"], scheme)
    crf, length, count = spread(LegalCRF(tags)), 4, len(tags.tags)
    emissions = torch.randn(1, length, count)
    paths = list(itertools.product(range(count), repeat=length))
    batch = torch.tensor(paths)
    with torch.no_grad():
        losses = crf.negative_log_likelihood(
            emissions.expand(len(paths), -1, -1), batch, torch.ones(len(paths), length)
        ).double()
        chances = (-losses).exp().numpy()
        scores = np.array(
            [
                float(
                    crf.start_transitions[p[0]]
                    + crf.end_transitions[p[-1]]
                    + sum(emissions[0, i, t] for i, t in enumerate(p))
                    + sum(crf.transitions[a, b] for a, b in itertools.pairwise(p))
                )
                for p in paths
            ]
        )
    allowed = np.array([legal(tags, path) for path in paths])
    weights = np.where(allowed, np.exp(scores), 0.0)
    assert np.allclose(chances, weights / weights.sum(), atol=1e-6)
    assert (chances[~allowed] == 0).all()


def test_with_everything_legal_it_is_pytorch_crfs_own_likelihood() -> None:
    tags = TagSet(["a", "b"], "BIO")
    tags.legal, tags.legal_start = np.ones_like(tags.legal), np.ones_like(tags.legal_start)
    ours, theirs = spread(LegalCRF(tags)), spread(CRF(len(tags.tags), batch_first=True))
    emissions, gold = torch.randn(3, 6, 5), torch.randint(0, 5, (3, 6))
    mask = torch.tensor([[1.0] * 6, [1.0] * 4 + [0.0] * 2, [1.0] + [0.0] * 5])
    expected = -theirs(emissions, gold, mask.bool(), reduction="none")
    assert torch.allclose(ours.negative_log_likelihood(emissions, gold, mask), expected, atol=1e-5)


def test_padding_changes_no_loss() -> None:
    tags = TagSet(["a", "b"], "BILOU")
    crf = spread(LegalCRF(tags))
    emissions = torch.randn(1, 9, len(tags.tags))
    ids, _ = tags.encode(5, [Entity(1, 4, "b", "")])
    short = crf.negative_log_likelihood(emissions[:, :5], torch.tensor([ids]), torch.ones(1, 5))
    mask = torch.tensor([[1.0] * 5 + [0.0] * 4])
    padded = crf.negative_log_likelihood(emissions, torch.tensor([ids + [0] * 4]), mask)
    assert torch.allclose(padded, short)


def test_scores_far_apart_stay_finite() -> None:
    crf = spread(LegalCRF(TagSet(["a"], "BIO")))
    emissions = torch.tensor([[[0.0, 300.0, -300.0], [-300.0, 0.0, 300.0], [300.0, -300.0, 0.0]]], requires_grad=True)
    loss = crf.negative_log_likelihood(emissions, torch.tensor([[1, 2, 0]]), torch.ones(1, 3)).sum()
    loss.backward()
    assert 0 <= loss.item() < 1 and torch.isfinite(emissions.grad).all()
