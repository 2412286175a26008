"""Several joint networks that learn side by side and answer together."""

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
    """Members differ in their first weights and in what dropout hides from them; their scores are averaged.
    A pretrained encoder is read once for all of them.

    Averaging emissions and transitions is the (unnormalised) product of the members' CRFs, so one lattice
    decodes the whole ensemble, at the price of one member.
    """

    def __init__(
        self,
        config: ModelConfig,
        sizes: Sizes,
        tags: TagSet,
        reader: AlignedEncoder | None = None,
        reading: int | None = None,
        items: ItemSet | None = None,
    ) -> None:
        """`reading`: how many members hear of the encoder, None for all; the others go by sparse features alone."""
        super().__init__()
        self.reader = reader
        without_encoder = replace(sizes, encoder=0, views=0)
        reading = config.members if reading is None else reading
        self.members = nn.ModuleList(
            JointNetwork(config, sizes if number < reading else without_encoder, tags, items)
            for number in range(config.members)
        )

    def networks(self) -> list[JointNetwork]:
        return [member for member in self.members if isinstance(member, JointNetwork)]

    def forward(self, batch: dict[str, Tensor]) -> Outputs:
        """The mean of the members' outputs, intents of sentences; `batch` as made by training.batches.collate."""
        read = self.read(batch)
        found = mean_outputs(
            [network(batch["characters"], batch["sentence"], batch["mask"], read) for network in self.networks()]
        )
        return found._replace(intent=pooled(found.intent, batch["mask"])) if found.intent.ndim == 3 else found

    def read(self, batch: dict[str, Tensor]) -> EncoderOutput | None:
        """What the encoder says of a batch, or said of it when it was read beforehand; None without an encoder."""
        if "vectors" in batch:
            return EncoderOutput(batch["vectors"], batch["views"])
        if self.reader is None:
            return None
        read: EncoderOutput = self.reader(batch["tokens"], batch["token_mask"], batch["alignment"])
        return read

    def tagger(self) -> Tensor:
        """float32 [T + 2, T]: transitions, then the start row, then the end row, legality left to the tag set."""
        rows = [
            torch.cat([crf.transitions, crf.start_transitions[None], crf.end_transitions[None]])
            for crf in (network.crf for network in self.networks())
        ]
        return torch.stack(rows).mean(0).detach()

    def item_weights(self) -> Tensor | None:
        """float32 [weights]: of the decision on groups, in the order of data.grouping.WEIGHTS; None without groups."""
        chain = self.networks()[0].items
        return None if chain is None else chain.weights

    def set_item_weights(self, weights: Tensor) -> None:
        """For all members: they hold for any network."""
        for network in self.networks():
            if network.items is not None:
                network.items.weights.copy_(weights)


def mean_outputs(outputs: list[Outputs]) -> Outputs:
    """Part by part."""
    return Outputs(*(functools.reduce(torch.add, parts) / len(outputs) for parts in zip(*outputs, strict=True)))
