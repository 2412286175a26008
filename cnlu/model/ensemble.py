"""An ensemble of joint networks that are trained side by side and whose scores are averaged."""

from __future__ import annotations

import functools
from dataclasses import replace

import torch
from torch import Tensor, nn

from cnlu.config import ModelConfig
from cnlu.data.grouping import ItemSet
from cnlu.data.tags import TagSet
from cnlu.model.encoder_output import AlignedEncoder, EncoderOutput
from cnlu.model.network import JointNetwork, Outputs, Sizes, pooled


class Ensemble(nn.Module):
    """The members differ in their initial weights and their dropout; their scores are averaged.

    A pretrained encoder runs once for all of them. Averaging emissions and transitions is the (unnormalised) product
    of the members' CRFs, so one lattice decodes the whole ensemble at the cost of one member.
    """

    def __init__(
        self,
        config: ModelConfig,
        sizes: Sizes,
        tags: TagSet,
        *,
        aligned_encoder: AlignedEncoder | None = None,
        members_with_encoder: int | None = None,
        items: ItemSet | None = None,
    ) -> None:
        """`members_with_encoder`: how many members use the encoder, None for all; the rest use sparse features."""
        super().__init__()
        self.aligned_encoder = aligned_encoder
        without_encoder = replace(sizes, encoder=0, views=0)
        members_with_encoder = config.members if members_with_encoder is None else members_with_encoder
        self.members = nn.ModuleList(
            JointNetwork(config, sizes if number < members_with_encoder else without_encoder, tags, items)
            for number in range(config.members)
        )

    def networks(self) -> list[JointNetwork]:
        return [member for member in self.members if isinstance(member, JointNetwork)]

    def forward(self, batch: dict[str, Tensor]) -> Outputs:
        """The mean of the members' outputs, with intents per sentence; `batch` is from `collate`."""
        encoder_output = self.encode(batch)
        outputs = mean_outputs(
            [
                network(batch["characters"], batch["sentence"], batch["mask"], encoder_output)
                for network in self.networks()
            ]
        )
        return outputs._replace(intent=pooled(outputs.intent, batch["mask"])) if outputs.intent.ndim == 3 else outputs

    def encode(self, batch: dict[str, Tensor]) -> EncoderOutput | None:
        """The encoder's output for a batch, computed now or taken from the batch; None without an encoder."""
        if "vectors" in batch:
            return EncoderOutput(batch["vectors"], batch["views"])
        if self.aligned_encoder is None:
            return None
        encoder_output: EncoderOutput = self.aligned_encoder(batch["tokens"], batch["token_mask"], batch["alignment"])
        return encoder_output

    def tagger(self) -> Tensor:
        """float32 [T + 2, T]: transitions, then the start row, then the end row, without penalties."""
        rows = [
            torch.cat([crf.transitions, crf.start_transitions[None], crf.end_transitions[None]])
            for crf in (network.crf for network in self.networks())
        ]
        return torch.stack(rows).mean(0).detach()

    def item_weights(self) -> Tensor | None:
        """float32 [weights] of the grouping CRF, in the order of `data.grouping.WEIGHTS`; None without groups."""
        grouping_crf = self.networks()[0].items
        return None if grouping_crf is None else grouping_crf.weights

    def set_item_weights(self, weights: Tensor) -> None:
        """Set the weights of the grouping CRF, which all members share."""
        for network in self.networks():
            if network.items is not None:
                network.items.weights.copy_(weights)


def mean_outputs(outputs: list[Outputs]) -> Outputs:
    """The mean of each output over the members."""
    return Outputs(*(functools.reduce(torch.add, parts) / len(outputs) for parts in zip(*outputs, strict=True)))
