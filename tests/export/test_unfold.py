"""The network that is taken out of its graph gives the answers of the one that went in."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the network needs the extra cnlu[train]")

import torch

from cnlu.export.fused_ensemble import FusedEnsemble
from cnlu.export.unfold import fill
from cnlu.model.ensemble import Ensemble
from tests.export.test_fused_ensemble import batch, build


@torch.no_grad()
def unfolded(network: Ensemble, *shape: int, **settings: int) -> Ensemble:
    """Another network with the weights of this one's joined form, and its tables."""
    found = build(*shape, **settings)
    for own, theirs in zip(found.networks(), network.networks(), strict=True):
        for parameter in own.parameters():
            parameter.copy_(torch.randn_like(parameter))
        for name in ("norm_out", "before_attention", "before_feedforward"):
            for place, module in own.named_modules():
                if place.endswith(name):
                    torch.nn.init.ones_(module.weight)  # as a network is made, which the way back counts on
                    torch.nn.init.zeros_(module.bias)
        own.characters.load_state_dict(theirs.characters.state_dict())
        own.sentence.load_state_dict(theirs.sentence.state_dict())
    fill(found, dict(FusedEnsemble(network.networks()).named_buffers()))
    return found


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(("encoder", "views"), [(0, 0), (12, 1), (12, 4)])
@torch.no_grad()
def test_it_answers_as_before(layers: int, members: int, encoder: int, views: int) -> None:
    network, given = build(encoder, views, layers=layers, members=members), batch(encoder, views)
    expected = network(given)
    found = unfolded(network, encoder, views, layers=layers, members=members)(given)
    there = given["mask"] > 0
    assert torch.allclose(found.intent, expected.intent, atol=1e-4)
    for name in ("emissions", "roles", "groups"):
        assert torch.allclose(getattr(found, name)[there], getattr(expected, name)[there], atol=1e-4), name


@pytest.mark.parametrize(("encoder", "views"), [(0, 0), (12, 4)])
@torch.no_grad()
def test_several_intents_are_scored_as_before(encoder: int, views: int) -> None:
    network, given = build(encoder, views, members=2, multi_label=True), batch(encoder, views)
    found = unfolded(network, encoder, views, members=2, multi_label=True)(given).intent
    assert torch.allclose(found, network(given).intent, atol=1e-4)


@pytest.mark.parametrize("intents", [0, 1, 16, 17, 200])
@torch.no_grad()
def test_however_many_intents_there_are(intents: int) -> None:
    network, given = build(12, 1, intents, members=2), batch(12, 1)
    found = unfolded(network, 12, 1, intents, members=2)(given).intent
    assert torch.allclose(found, network(given).intent, atol=1e-4)


@pytest.mark.parametrize("reading", [1, 2])
@torch.no_grad()
def test_members_that_do_not_hear_of_the_encoder_stay_deaf(reading: int) -> None:
    network, given = build(12, 1, members=3, reading=reading), batch(12, 1)
    found = unfolded(network, 12, 1, members=3, reading=reading)(given)
    assert torch.allclose(found.intent, network(given).intent, atol=1e-4)


@torch.no_grad()
def test_one_member_keeps_its_mixture_of_the_encoders_layers() -> None:
    network, given = build(12, 4, members=3, reading=1), batch(12, 4)
    found = unfolded(network, 12, 4, members=3, reading=1)
    assert torch.allclose(found(given).intent, network(given).intent, atol=1e-4)
    assert torch.allclose(found.networks()[0].mixture.softmax(0), network.networks()[0].mixture.softmax(0), atol=1e-4)
