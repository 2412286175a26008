"""Several joint networks that learn side by side and answer together."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from cnlu.config import ModelConfig
from cnlu.data.tags import TagSet
from cnlu.model.network import JointNetwork, Outputs, Sizes


class Ensemble(nn.Module):
    """Members differ in their first weights and in what dropout hides from them; their scores are averaged.

    Averaging emissions and transitions is the (unnormalised) product of the members' CRFs, so one lattice
    decodes the whole ensemble, at the price of one member.
    """

    def __init__(self, config: ModelConfig, sizes: Sizes, tags: TagSet) -> None:
        super().__init__()
        self.members = nn.ModuleList(JointNetwork(config, sizes, tags) for _ in range(config.members))

    def networks(self) -> list[JointNetwork]:
        return [member for member in self.members if isinstance(member, JointNetwork)]

    def forward(self, characters: Tensor, sentence: Tensor, mask: Tensor) -> Outputs:
        """Arguments as a member's; the mean of the members' outputs."""
        return mean_outputs([network(characters, sentence, mask) for network in self.networks()])

    def tagger(self) -> Tensor:
        """float32 [T + 2, T]: transitions, then the start row, then the end row, legality left to the tag set."""
        rows = [
            torch.cat([crf.transitions, crf.start_transitions[None], crf.end_transitions[None]])
            for crf in (network.crf for network in self.networks())
        ]
        return torch.stack(rows).mean(0).detach()


def mean_outputs(outputs: list[Outputs]) -> Outputs:
    """Part by part."""
    return Outputs(*(functools.reduce(torch.add, parts) / len(outputs) for parts in zip(*outputs, strict=True)))
