"""The fused ensemble, which is exported, gives the scores of the trained one."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the network needs the extra cnlu[train]")

import torch
from torch import Tensor

from cnlu.config import ModelConfig
from cnlu.data.tags import TagSet
from cnlu.export.fused_ensemble import FusedEnsemble
from cnlu.model.encoder_output import EncoderOutput
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Outputs, Sizes

SMALL = {"sparse_width": 8, "width": 16, "heads": 4, "feedforward": 24, "label_width": 8}
TAGS = TagSet(["city", "date"], "BIO")
LENGTHS = [7, 4, 1]


def build(encoder: int = 0, views: int = 0, intents: int = 5, reading: int | None = None, **settings: int) -> Ensemble:
    """An ensemble with random weights everywhere: initial norms and mixtures would have no effect."""
    torch.manual_seed(0)
    sizes = Sizes(
        character_features=50, sentence_features=40, intents=intents, roles=2, groups=1, encoder=encoder, views=views
    )
    config = ModelConfig(**{**SMALL, **settings})  # type: ignore[arg-type]
    network = Ensemble(config, sizes, TAGS, members_with_encoder=reading).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return network


def batch(encoder: int = 0, views: int = 0) -> dict[str, Tensor]:
    """Three texts of different lengths, with a random encoder output."""
    torch.manual_seed(1)
    mask = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]).float()
    characters = torch.randint(1, 50, (*mask.shape, 4)) * mask[..., None].long()
    given = {"characters": characters, "sentence": torch.randint(1, 40, (len(mask), 6)), "mask": mask}
    if encoder:
        given["vectors"] = torch.randn(*mask.shape, encoder) * mask[..., None]
        given["views"] = torch.randn(len(mask), views, encoder)
    return given


def joined(network: Ensemble, given: dict[str, Tensor]) -> Outputs:
    members = network.networks()
    sparse = torch.stack([m.characters(given["characters"]) for m in members], 2)
    whole = torch.stack([m.sentence(given["sentence"]) for m in members], 1)
    read = EncoderOutput(given["vectors"], given["views"]) if "vectors" in given else None
    answer: Outputs = FusedEnsemble(members)(sparse, whole, given["mask"], read)
    return answer


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(("encoder", "views"), [(0, 0), (12, 1), (12, 4)])
@torch.no_grad()
def test_the_fused_ensemble_gives_the_scores_of_the_ensemble(
    layers: int, members: int, encoder: int, views: int
) -> None:
    network, given = build(encoder, views, layers=layers, members=members), batch(encoder, views)
    expected, found = network(given), joined(network, given)
    there = given["mask"] > 0
    assert torch.allclose(found.intent, expected.intent, atol=1e-5)
    for name in ("emissions", "roles", "groups"):
        assert torch.allclose(getattr(found, name)[there], getattr(expected, name)[there], atol=1e-5), name
    assert found.emissions[there].std() > 0.1


@pytest.mark.parametrize("reading", [0, 1, 2])
@torch.no_grad()
def test_members_without_the_encoder_ignore_its_output(reading: int) -> None:
    network, given = build(12, 4, members=3, reading=reading), batch(12, 4)
    expected, found = network(given), joined(network, given)
    assert torch.allclose(found.intent, expected.intent, atol=1e-5)
    assert torch.allclose(found.emissions[0], expected.emissions[0], atol=1e-5)


@pytest.mark.parametrize(("encoder", "views"), [(0, 0), (12, 4)])
@torch.no_grad()
def test_several_intents_are_scored_over_the_characters_that_there_are(encoder: int, views: int) -> None:
    network, given = build(encoder, views, members=2, multi_label=True), batch(encoder, views)
    found = joined(network, given).intent
    assert found.shape == (len(LENGTHS), 5)
    assert torch.allclose(found, network(given).intent, atol=1e-5)
    alone = {
        name: values[1:2, : LENGTHS[1]] if values.ndim > 2 and name != "views" else values[1:2]
        for name, values in given.items()
    }
    alone["mask"] = given["mask"][1:2, : LENGTHS[1]]
    assert torch.allclose(found[1:2], network(alone).intent, atol=1e-4)


@pytest.mark.parametrize("intents", [0, 1, 16, 17, 200])
@torch.no_grad()
def test_the_fused_scores_match_for_any_number_of_intents(intents: int) -> None:
    network, given = build(12, 4, intents, members=2), batch(12, 4)
    found = joined(network, given).intent
    assert found.shape == (len(LENGTHS), intents)
    assert torch.allclose(found, network(given).intent, atol=1e-5)


@torch.no_grad()
def test_many_intents_are_scored_by_way_of_fewer_meanings() -> None:
    def weights(intents: int) -> int:
        return sum(
            kept.numel() for kept in FusedEnsemble(build(intents=intents, members=2).networks()).intent.buffers()
        )

    assert weights(16) == 16 * (2 * 24 + 1)
    assert weights(200) == 16 * (2 * 24 + 1) + 200 * (16 + 1)
