"""A pretrained encoder of any family as one module: token ids in, the hidden states of every layer out."""

from __future__ import annotations

import json
from typing import Any

from torch import Tensor, nn


class Backbone(nn.Module):
    """Hides the differences between families: argument names, outputs, and the place of the layers."""

    def __init__(self, model: Any, width: int) -> None:
        """`model` is an encoder of transformers, or has the same interface; its pooler is removed."""
        super().__init__()
        if isinstance(getattr(model, "pooler", None), nn.Module):
            model.pooler = None
        self.model: nn.Module = model
        self.width = width
        self.config: Any = model.config
        """The config of the family."""
        self._xlnet: bool = self.config.model_type == "xlnet"

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """ids [B, T], mask [B, T] (1: a token) -> hidden states, embeddings first: (layers + 1) x [B, T, width].

        Every row has at least one token; the states of padding are undefined. All tokens have token type 0.
        """
        arguments: dict[str, Any] = {"attention_mask": mask.long()}
        if self._xlnet:  # its mask is a float, and its last token <cls> has token type 2
            last = (mask.cumsum(1) == mask.sum(1, keepdim=True)) & (mask > 0)
            arguments = {"attention_mask": mask.float(), "token_type_ids": last.long() * 2, "use_mems": False}
        output: Any = self.model(input_ids=ids, output_hidden_states=True, return_dict=True, **arguments)
        states: tuple[Tensor, ...] = output.hidden_states
        return states

    def layers(self) -> nn.ModuleList:
        """The stack of layers; ALBERT's holds one layer that runs several times."""
        stacks = [m for m in self.model.modules() if isinstance(m, nn.ModuleList)]
        return max(stacks, key=lambda stack: sum(p.numel() for p in stack.parameters()))

    @property
    def num_hidden_layers(self) -> int:
        """Number of layers that a text passes through: one less than the number of hidden states."""
        return int(self.config.num_hidden_layers)

    @property
    def vocab_size(self) -> int:
        """Size of the embedding table."""
        embeddings: Any = self.model
        return int(embeddings.get_input_embeddings().weight.shape[0])

    def settings(self) -> dict[str, Any]:
        """The content of a config.json without paths and library versions, for `instantiate.random_backbone`."""
        settings: dict[str, Any] = json.loads(self.config.to_json_string(use_diff=False))
        return {key: value for key, value in settings.items() if key not in ("_name_or_path", "transformers_version")}
