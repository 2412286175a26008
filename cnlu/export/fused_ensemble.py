"""Fuses the members of an ensemble into one network with fewer operations, for the export.

The outputs equal those of the ensemble without dropout, up to rounding; a test compares them. On a short text, the
overhead of an operation costs more than its arithmetic. So the operation that all members share runs once, on a tensor
whose first dimension is the members. The weights of a norm are folded into the linear layer after it, and the scale of
the attention into the queries. Each score is linear in its input, so the mean of the members' scores is one product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnlu.model.attention import Layer, relative_positions
from cnlu.model.encoder_output import EncoderOutput
from cnlu.model.mask_value import MASK_VALUE
from cnlu.model.network import JointNetwork, Outputs, pooled


class FusedEnsemble(nn.Module):
    """M members of width W with n sparse dimensions, for B texts of L characters; S = 1 + L positions."""

    @torch.no_grad()
    def __init__(self, members: Sequence[JointNetwork]) -> None:
        super().__init__()
        first, count = members[0], len(members)
        config, narrow = first.config, first.config.sparse_width
        self.count, self.distance = count, config.relative_distance
        self.character_in = _MemberLinear([(m.character_in.weight[:, :narrow], m.character_in.bias) for m in members])
        self.sentence_in = _MemberLinear([(m.sentence_in.weight[:, :narrow], m.sentence_in.bias) for m in members])
        self.encoder_characters_in = self.encoder_sentence_in = None
        encoder_widths = _encoder_widths(members)
        if encoder_widths[0]:
            weights = [m.character_in.weight[:, narrow:] for m in members]
            self.encoder_characters_in = _FixedLinear(
                torch.cat([_weight_or_zeros(weight, encoder_widths[0]) for weight in weights])
            )
            weights = [_expand_views(m, m.sentence_in.weight[:, narrow:]) for m in members]
            self.encoder_sentence_in = _FixedLinear(
                torch.cat([_weight_or_zeros(weight, encoder_widths[1]) for weight in weights])
            )
        self.norm_in = _MemberNorm([m.norm_in for m in members])
        self.layers = nn.ModuleList(
            _FusedLayer(layers, config.heads) for layers in zip(*(map(_layer, m.layers) for m in members), strict=True)
        )
        heads = [m.output_heads() for m in members]
        self.parts = [head.out_features for head in heads[0]]
        weights = [torch.cat([head.weight for head in member_heads]) for member_heads in heads]
        biases = [torch.cat([head.bias for head in member_heads]) for member_heads in heads]
        products = [_widened(members, k, *product) for k, product in enumerate(zip(weights, biases, strict=True))]
        self.character_heads = _mean_product(products)
        self.intent = None if config.multi_label else _intent_head(members)

    def forward(
        self, sparse: Tensor, sentence: Tensor, mask: Tensor, encoder_output: EncoderOutput | None = None
    ) -> Outputs:
        """sparse [B, L, M, n] and sentence [B, M, n] from the members' projections, mask [B, L] -> the mean outputs."""
        batch, length = mask.shape
        characters = self.character_in(sparse.permute(2, 0, 1, 3).flatten(0, 2), batch * length)
        text = self.sentence_in(sentence.transpose(0, 1).flatten(0, 1), batch)
        characters, text = characters.view(self.count, batch, length, -1), text.view(self.count, batch, 1, -1)
        inputs, views = [sparse.flatten(2)], [sentence.flatten(1)]
        if (
            encoder_output is not None
            and self.encoder_characters_in is not None
            and self.encoder_sentence_in is not None
        ):
            inputs, views = [*inputs, encoder_output.characters], [*views, encoder_output.views.flatten(1)]
            shape = (self.count, characters.shape[-1])
            characters = characters + self.encoder_characters_in(inputs[1]).view(batch, length, *shape).permute(
                2, 0, 1, 3
            )
            text = text + self.encoder_sentence_in(views[1]).view(batch, 1, *shape).permute(2, 0, 1, 3)
        x = self.norm_in(torch.cat([text, characters], 2).flatten(1, 2)).flatten(0, 1)
        padding = F.pad((1.0 - mask) * MASK_VALUE, (1, 0))[:, None, None, :]
        index = relative_positions(length, self.distance, mask.device)
        for layer in self.layers:
            x = layer(x, padding, index)
        x = _norm(x).view(self.count, batch, 1 + length, -1).permute(1, 2, 0, 3).flatten(2)
        emissions, roles, groups, *per_label = self.character_heads(torch.cat([x[:, 1:], *inputs], -1)).split(
            self.parts, -1
        )
        if self.intent is None:
            return Outputs(emissions, pooled(per_label[0], mask), roles, groups)
        return Outputs(emissions, self.intent(torch.cat([x[:, 0], *views], -1)), roles, groups)


class _FixedLinear(nn.Module):
    """A linear layer with fixed weights."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class _MemberLinear(nn.Module):
    """One linear layer per member, applied to its own rows; the runtime is fastest with two dimensions."""

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_FixedLinear(weight, bias) for weight, bias in layers)

    def forward(self, x: Tensor, rows: int) -> Tensor:
        """[M * rows, in], the members' rows one after another -> [M * rows, out]."""
        parts = x.split([rows] * len(self.layers))
        return torch.cat([layer(part) for layer, part in zip(self.layers, parts, strict=True)])


class _MemberNorm(nn.Module):
    """One layer norm per member."""

    def __init__(self, norms: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", torch.stack([norm.weight for norm in norms])[:, None])
        self.register_buffer("bias", torch.stack([norm.bias for norm in norms])[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """[M, B * S, W] -> the same shape."""
        return _norm(x) * self.weight + self.bias


class _FusedLayer(nn.Module):
    """The members' layers at one depth."""

    def __init__(self, layers: Sequence[Layer], heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = _MemberLinear(
            [_scaled_queries(*_fold_norm(layer.before_attention, layer.qkv), heads) for layer in layers]
        )
        self.out = _MemberLinear([(layer.out.weight, layer.out.bias) for layer in layers])
        self.wide = _MemberLinear([_fold_norm(layer.before_feedforward, layer.wide) for layer in layers])
        self.narrow = _MemberLinear([(layer.narrow.weight, layer.narrow.bias) for layer in layers])
        self.position: Tensor
        self.register_buffer("position", torch.cat([layer.position for layer in layers], 1))

    def forward(self, x: Tensor, padding: Tensor, index: Tensor) -> Tensor:
        """x [M * B * S, W]; padding [B, 1, 1, S]; index [S, S] -> the shape of x."""
        width, batch, positions = x.shape[-1], padding.shape[0], padding.shape[-1]
        rows, members = batch * positions, len(self.qkv.layers)
        qkv = self.qkv(_norm(x), rows).view(members * batch, positions, 3 * self.heads, width // self.heads)
        q, k, v = qkv.transpose(1, 2).chunk(3, 1)
        bias = F.embedding(index, self.position).permute(2, 0, 1).view(members, 1, self.heads, positions, positions)
        attention = (q @ k.transpose(-1, -2) + (bias + padding).flatten(0, 1)).softmax(-1)
        x = x + self.out((attention @ v).transpose(1, 2).reshape(members * rows, width), rows)
        return x + self.narrow(F.gelu(self.wide(_norm(x), rows)), rows)


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def _layer(module: nn.Module) -> Layer:
    assert isinstance(module, Layer)
    return module


def _fold_norm(norm: nn.LayerNorm, linear: nn.Linear) -> tuple[Tensor, Tensor]:
    """Weight and bias of the linear layer, with the weights of the norm before it folded in."""
    return linear.weight * norm.weight, linear.bias + linear.weight @ norm.bias


def _scaled_queries(weight: Tensor, bias: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of a query-key-value layer, whose queries are divided by the square root of a head's width."""
    width = len(weight) // 3
    scale = torch.ones(len(weight))
    scale[:width] /= math.sqrt(width // heads)
    return weight * scale[:, None], bias * scale


def _encoder_widths(members: Sequence[JointNetwork]) -> tuple[int, int]:
    """Width of the encoder output for a character, and for a text; 0 if no member uses the encoder."""
    sizes = [member.sizes for member in members]
    return max(size.encoder for size in sizes), max(size.encoder * size.views for size in sizes)


def _expand_views(member: JointNetwork, weight: Tensor) -> Tensor:
    """[out, E] for the member's mixture of the encoder's K views -> [out, K * E] for the concatenated views."""
    return torch.cat([share * weight for share in member.mixture.softmax(0)], 1) if member.sizes.encoder else weight


def _weight_or_zeros(weight: Tensor, width: int) -> Tensor:
    """The weight, or zeros [out, width] for a member without the encoder."""
    return weight if weight.shape[1] else weight.new_zeros(len(weight), width)


def _widened(
    members: Sequence[JointNetwork], k: int, weight: Tensor, bias: Tensor, sentence: bool = False
) -> tuple[Tensor, Tensor]:
    """The linear layer of member k, widened to the outputs and sparse projections of all members.

    Its input is the member's output, its sparse projection and the encoder output: [out, W + n + E]. The widened one
    is [out, M * W + M * n + E], with zeros for the other members. `sentence`: for the sentence instead of a character.
    """
    count, width, narrow = len(members), members[k].config.width, members[k].config.sparse_width
    encoder = weight[:, width + narrow :]
    encoder = _weight_or_zeros(
        _expand_views(members[k], encoder) if sentence else encoder, _encoder_widths(members)[sentence]
    )
    wide = torch.zeros(len(weight), count * (width + narrow))
    wide[:, k * width : (k + 1) * width] = weight[:, :width] * members[k].norm_out.weight
    wide[:, count * width :][:, k * narrow : (k + 1) * narrow] = weight[:, width : width + narrow]
    return torch.cat([wide, encoder], 1), bias + weight[:, :width] @ members[k].norm_out.bias


def _mean_product(products: Sequence[tuple[Tensor, Tensor]]) -> _FixedLinear:
    """One linear layer whose output is the mean of the outputs of several layers with the same input."""
    weights, biases = zip(*products, strict=True)
    return _FixedLinear(torch.stack(weights).mean(0), torch.stack(biases).mean(0))


def _intent_head(members: Sequence[JointNetwork]) -> nn.Module:
    """The layers from the sentence to the mean intent scores.

    One product, or two through the members' label space if it has fewer dimensions than there are intents.
    """
    projections = [(m.intent_in.weight, m.intent_in.bias) for m in members]
    if len(members[0].labels) > sum(len(weight) for weight, _ in projections):
        weights, biases = zip(
            *(_widened(members, k, *product, True) for k, product in enumerate(projections)), strict=True
        )
        labels = torch.cat([m.labels for m in members], 1) / len(members)
        bias = torch.stack([m.label_bias for m in members]).mean(0)
        return nn.Sequential(_FixedLinear(torch.cat(weights), torch.cat(biases)), _FixedLinear(labels, bias))
    scores = [
        (m.labels @ weight, m.labels @ bias + m.label_bias)
        for m, (weight, bias) in zip(members, projections, strict=True)
    ]
    return _mean_product([_widened(members, k, *product, True) for k, product in enumerate(scores)])
