"""NEZHA: a BERT whose attention uses a fixed encoding of the distance between two tokens (arXiv 1909.00204).

The transformers library no longer has this model. The parameters have the published names. `NezhaModel` has the
interface of a transformers encoder, as far as `Backbone` uses it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import PretrainedConfig
from transformers.activations import ACT2FN


class NezhaConfig(PretrainedConfig):
    """The settings of a published NEZHA's config.json, with the defaults of its release."""

    model_type = "nezha"

    def __init__(
        self,
        *,
        vocab_size: int = 21128,
        hidden_size: int = 768,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        intermediate_size: int = 3072,
        hidden_act: str = "gelu",
        hidden_dropout_prob: float = 0.1,
        attention_probs_dropout_prob: float = 0.1,
        max_position_embeddings: int = 512,
        max_relative_position: int = 64,
        use_relative_position: bool = True,
        type_vocab_size: int = 2,
        layer_norm_eps: float = 1e-12,
        initializer_range: float = 0.02,
        **other: Any,
    ) -> None:
        super().__init__(**other)
        self.vocab_size, self.hidden_size, self.intermediate_size = vocab_size, hidden_size, intermediate_size
        self.num_hidden_layers, self.num_attention_heads = num_hidden_layers, num_attention_heads
        self.hidden_act, self.layer_norm_eps, self.initializer_range = hidden_act, layer_norm_eps, initializer_range
        self.hidden_dropout_prob = hidden_dropout_prob
        self.attention_probs_dropout_prob = attention_probs_dropout_prob
        self.max_position_embeddings, self.type_vocab_size = max_position_embeddings, type_vocab_size
        self.max_relative_position, self.use_relative_position = max_relative_position, use_relative_position


def distance_table(furthest: int, depth: int) -> Tensor:
    """[2 * furthest + 1, depth]: the vector a_ij of each distance j - i, clipped, from -furthest up.

    Section 2.1: a_ij[2k] = sin((j - i) / 10000^(2k / depth)), a_ij[2k + 1] the cosine of the same. The released code,
    with which every published NEZHA was trained, numbers the distances from -furthest as 0, 1, 2, ...; so does this.
    """
    position = torch.arange(2 * furthest + 1, dtype=torch.float64)[:, None]
    angle = position / 10000.0 ** (torch.arange(0, depth, 2, dtype=torch.float64) / depth)
    return torch.stack([angle.sin(), angle.cos()], -1).reshape(len(position), -1)[:, :depth].float()


class _SelfAttention(nn.Module):
    def __init__(self, config: NezhaConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.attention_head_size = width // config.num_attention_heads
        self.query, self.key, self.value = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def forward(self, x: Tensor, padding: Tensor, distances: Tensor | None) -> Tensor:
        """x [B, T, width], padding [B, 1, 1, T], distances [T, T, depth] -> [B, T, heads * depth].

        Section 2.1: e_ij = q_i (k_j + a_ij) / sqrt(depth), z_i = sum_j softmax(e_i)_j (v_j + a_ij).
        """
        depth = self.attention_head_size
        q, k, v = (part(x).unflatten(-1, (-1, depth)).transpose(1, 2) for part in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2)
        if distances is not None:
            scores = scores + torch.einsum("bhid,ijd->bhij", q, distances)
        attention_probs = self.dropout((scores / math.sqrt(depth) + padding).softmax(-1))
        z = attention_probs @ v
        if distances is not None:
            z = z + torch.einsum("bhij,ijd->bhid", attention_probs, distances)
        return z.transpose(1, 2).flatten(2)


class _ResidualLinear(nn.Module):
    """A linear layer with a residual connection, then a layer norm."""

    def __init__(self, config: NezhaConfig, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        output: Tensor = self.LayerNorm(self.dropout(self.dense(x)) + residual)
        return output


class _Layer(nn.Module):
    def __init__(self, config: NezhaConfig) -> None:
        super().__init__()
        self.attention = nn.ModuleDict(
            {"self": _SelfAttention(config), "output": _ResidualLinear(config, config.hidden_size)}
        )
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.intermediate_size)})
        self.output = _ResidualLinear(config, config.intermediate_size)
        self.activation = ACT2FN[config.hidden_act]

    def forward(self, x: Tensor, padding: Tensor, distances: Tensor | None) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, padding, distances), x)
        output: Tensor = self.output(self.activation(self.intermediate["dense"](x)), x)
        return output


class _Embeddings(nn.Module):
    def __init__(self, config: NezhaConfig) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        if not config.use_relative_position:
            self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.absolute = not config.use_relative_position

    def forward(self, ids: Tensor, token_type_ids: Tensor | None = None) -> Tensor:
        """ids and token_type_ids (None: all 0) [B, T] -> [B, T, width]."""
        if token_type_ids is None:
            types = self.token_type_embeddings.weight[0]
        else:
            types = self.token_type_embeddings(token_type_ids)
        x = self.word_embeddings(ids) + types
        if self.absolute:
            x = x + self.position_embeddings.weight[: ids.shape[1]]
        embedded: Tensor = self.dropout(self.LayerNorm(x))
        return embedded


class States(NamedTuple):
    """The output of `NezhaModel`."""

    hidden_states: tuple[Tensor, ...]
    """(layers + 1) x [B, T, width], embeddings first"""

    @property
    def last_hidden_state(self) -> Tensor:
        """[B, T, width]"""
        return self.hidden_states[-1]


class NezhaModel(nn.Module):
    """Token ids to hidden states."""

    distances: Tensor

    def __init__(self, config: NezhaConfig) -> None:
        super().__init__()
        self.config, self.checkpointing = config, False
        self.embeddings = _Embeddings(config)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(_Layer(config) for _ in range(config.num_hidden_layers))})
        depth = config.hidden_size // config.num_attention_heads
        self.register_buffer("distances", distance_table(config.max_relative_position, depth), persistent=False)
        self.apply(self._initialize)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        **_: Any,
    ) -> States:
        """input_ids, attention_mask (1: a token; None: all are) and token_type_ids (None: all 0) [B, T]."""
        x = self.embeddings(input_ids, token_type_ids)
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        padding = (1.0 - attention_mask[:, None, None].to(x.dtype)) * torch.finfo(x.dtype).min
        distances = self._distances(input_ids.shape[1]) if self.config.use_relative_position else None
        states = [x]
        for layer in self.layers:
            if self.checkpointing and self.training:
                x = checkpoint(layer, x, padding, distances, use_reentrant=False)
            else:
                x = layer(x, padding, distances)
            states.append(x)
        return States(tuple(states))

    @property
    def layers(self) -> nn.ModuleList:
        """The stack of layers."""
        stack = self.encoder["layer"]
        assert isinstance(stack, nn.ModuleList)
        return stack

    def _distances(self, length: int) -> Tensor:
        """[length, length, depth]"""
        position = torch.arange(length, device=self.distances.device)
        furthest = self.config.max_relative_position
        return self.distances[(position[None, :] - position[:, None]).clamp(-furthest, furthest) + furthest]

    def _initialize(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.embeddings.word_embeddings

    def gradient_checkpointing_enable(self, **_: Any) -> None:
        """Recompute the activations within layers for the gradient instead of keeping them."""
        self.checkpointing = True
