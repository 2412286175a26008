"""Fuses the members of an ensemble into one network with fewer operations, for the export.

The same answers as the ensemble's own without dropout, up to rounding; a test compares them. On a short text a step
costs more than its arithmetic, so whatever the members do alike is one step on a tensor with the members first. What
follows a norm takes over its weights, the queries take over the attention's scale, and since every score is linear in
what it is read from, the mean of the members' scores is a single product.
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
    """Below, M members of width W and n sparse dimensions read B texts of L characters, S = 1 + L places."""

    @torch.no_grad()
    def __init__(self, members: Sequence[JointNetwork]) -> None:
        super().__init__()
        first, count = members[0], len(members)
        config, narrow = first.config, first.config.sparse_width
        self.count, self.distance = count, config.relative_distance
        self.character_in = _Each([(m.character_in.weight[:, :narrow], m.character_in.bias) for m in members])
        self.sentence_in = _Each([(m.sentence_in.weight[:, :narrow], m.sentence_in.bias) for m in members])
        self.characters_known = self.sentence_known = None
        with_encoder = _with_encoder(members)
        if with_encoder[0]:
            known = [m.character_in.weight[:, narrow:] for m in members]
            self.characters_known = _Product(torch.cat([_filled(weight, with_encoder[0]) for weight in known]))
            known = [_of_views(m, m.sentence_in.weight[:, narrow:]) for m in members]
            self.sentence_known = _Product(torch.cat([_filled(weight, with_encoder[1]) for weight in known]))
        self.norm_in = _Scaled([m.norm_in for m in members])
        self.layers = nn.ModuleList(
            _FusedLayer(layers, config.heads) for layers in zip(*(map(_layer, m.layers) for m in members), strict=True)
        )
        readers = [m.output_heads() for m in members]
        self.parts = [reader.out_features for reader in readers[0]]
        weights = [torch.cat([reader.weight for reader in own]) for own in readers]
        biases = [torch.cat([reader.bias for reader in own]) for own in readers]
        spread = [_spread(members, k, *found) for k, found in enumerate(zip(weights, biases, strict=True))]
        self.reading = _mean(spread)
        self.intent = None if config.multi_label else _intent(members)

    def forward(self, sparse: Tensor, whole: Tensor, mask: Tensor, read: EncoderOutput | None = None) -> Outputs:
        """sparse [B, L, M, n] and whole [B, M, n] from the members' projections, mask [B, L] -> their mean."""
        batch, length = mask.shape
        each = self.character_in(sparse.permute(2, 0, 1, 3).flatten(0, 2), batch * length)
        text = self.sentence_in(whole.transpose(0, 1).flatten(0, 1), batch)
        each, text = each.view(self.count, batch, length, -1), text.view(self.count, batch, 1, -1)
        known, views = [sparse.flatten(2)], [whole.flatten(1)]
        if read is not None and self.characters_known is not None and self.sentence_known is not None:
            known, views = [*known, read.characters], [*views, read.views.flatten(1)]
            shape = (self.count, each.shape[-1])
            each = each + self.characters_known(known[1]).view(batch, length, *shape).permute(2, 0, 1, 3)
            text = text + self.sentence_known(views[1]).view(batch, 1, *shape).permute(2, 0, 1, 3)
        x = self.norm_in(torch.cat([text, each], 2).flatten(1, 2)).flatten(0, 1)
        padding = F.pad((1.0 - mask) * MASK_VALUE, (1, 0))[:, None, None, :]
        index = relative_positions(length, self.distance, mask.device)
        for layer in self.layers:
            x = layer(x, padding, index)
        x = _norm(x).view(self.count, batch, 1 + length, -1).permute(1, 2, 0, 3).flatten(2)
        emissions, roles, groups, *per_label = self.reading(torch.cat([x[:, 1:], *known], -1)).split(self.parts, -1)
        if self.intent is None:
            return Outputs(emissions, pooled(per_label[0], mask), roles, groups)
        return Outputs(emissions, self.intent(torch.cat([x[:, 0], *views], -1)), roles, groups)


class _Product(nn.Module):
    """A linear layer with fixed weights."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", weight.detach())
        self.register_buffer("bias", None if bias is None else bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class _Each(nn.Module):
    """One linear layer per member, each for its own rows; the runtime is fastest with two dimensions."""

    def __init__(self, layers: Sequence[tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Product(*found) for found in layers)

    def forward(self, x: Tensor, rows: int) -> Tensor:
        """[M * rows, in], the members' rows one after another -> [M * rows, out]."""
        parts = x.split([rows] * len(self.layers))
        return torch.cat([layer(part) for layer, part in zip(self.layers, parts, strict=True)])


class _Scaled(nn.Module):
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
        self.qkv = _Each([_scaled_queries(*_after(layer.before_attention, layer.qkv), heads) for layer in layers])
        self.out = _Each([(layer.out.weight, layer.out.bias) for layer in layers])
        self.wide = _Each([_after(layer.before_feedforward, layer.wide) for layer in layers])
        self.narrow = _Each([(layer.narrow.weight, layer.narrow.bias) for layer in layers])
        self.position: Tensor
        self.register_buffer("position", torch.cat([layer.position for layer in layers], 1))

    def forward(self, x: Tensor, padding: Tensor, index: Tensor) -> Tensor:
        """x [M * B * S, W]; padding [B, 1, 1, S]; index [S, S] -> the shape of x."""
        width, batch, places = x.shape[-1], padding.shape[0], padding.shape[-1]
        rows, members = batch * places, len(self.qkv.layers)
        qkv = self.qkv(_norm(x), rows).view(members * batch, places, 3 * self.heads, width // self.heads)
        q, k, v = qkv.transpose(1, 2).chunk(3, 1)
        bias = F.embedding(index, self.position).permute(2, 0, 1).view(members, 1, self.heads, places, places)
        attention = (q @ k.transpose(-1, -2) + (bias + padding).flatten(0, 1)).softmax(-1)
        x = x + self.out((attention @ v).transpose(1, 2).reshape(members * rows, width), rows)
        return x + self.narrow(F.gelu(self.wide(_norm(x), rows)), rows)


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def _layer(module: nn.Module) -> Layer:
    assert isinstance(module, Layer)
    return module


def _after(norm: nn.LayerNorm, linear: nn.Linear) -> tuple[Tensor, Tensor]:
    """Weight and bias of a linear layer that reads what the norm leaves before its own weights."""
    return linear.weight * norm.weight, linear.bias + linear.weight @ norm.bias


def _scaled_queries(weight: Tensor, bias: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """Of a layer whose first third are queries, which attention would divide by the root of their width."""
    width = len(weight) // 3
    scale = torch.ones(len(weight))
    scale[:width] /= math.sqrt(width // heads)
    return weight * scale[:, None], bias * scale


def _with_encoder(members: Sequence[JointNetwork]) -> tuple[int, int]:
    """How many values the encoder gives of a character, and of a text; 0 where no member hears of it."""
    sizes = [member.sizes for member in members]
    return max(one.encoder for one in sizes), max(one.encoder * one.views for one in sizes)


def _of_views(member: JointNetwork, weight: Tensor) -> Tensor:
    """[out, E] for the member's mixture of the encoder's K views -> [out, K * E] for the views one after another."""
    return torch.cat([share * weight for share in member.mixture.softmax(0)], 1) if member.sizes.encoder else weight


def _filled(weight: Tensor, width: int) -> Tensor:
    """Zeros for a member without the encoder."""
    return weight if weight.shape[1] else weight.new_zeros(len(weight), width)


def _spread(
    members: Sequence[JointNetwork], k: int, weight: Tensor, bias: Tensor, whole: bool = False
) -> tuple[Tensor, Tensor]:
    """A product that member k has with its output, its sparse projection and the encoder's vectors [out, W + n + E],
    as one with all members' outputs, all their projections and the encoder's [out, M * W + M * n + E].

    `whole`: of the text instead of a character.
    """
    count, width, narrow = len(members), members[k].config.width, members[k].config.sparse_width
    known = weight[:, width + narrow :]
    known = _filled(_of_views(members[k], known) if whole else known, _with_encoder(members)[whole])
    wide = torch.zeros(len(weight), count * (width + narrow))
    wide[:, k * width : (k + 1) * width] = weight[:, :width] * members[k].norm_out.weight
    wide[:, count * width :][:, k * narrow : (k + 1) * narrow] = weight[:, width : width + narrow]
    return torch.cat([wide, known], 1), bias + weight[:, :width] @ members[k].norm_out.bias


def _mean(products: Sequence[tuple[Tensor, Tensor]]) -> _Product:
    """One product that gives the mean of several products of the same vector."""
    weights, biases = zip(*products, strict=True)
    return _Product(torch.stack(weights).mean(0), torch.stack(biases).mean(0))


def _intent(members: Sequence[JointNetwork]) -> nn.Module:
    """To the intents' scores at once, or by way of the members' meanings where these are fewer than the intents."""
    meanings = [(m.intent_in.weight, m.intent_in.bias) for m in members]
    if len(members[0].labels) > sum(len(weight) for weight, _ in meanings):
        weights, biases = zip(*(_spread(members, k, *found, True) for k, found in enumerate(meanings)), strict=True)
        labels = torch.cat([m.labels for m in members], 1) / len(members)
        bias = torch.stack([m.label_bias for m in members]).mean(0)
        return nn.Sequential(_Product(torch.cat(weights), torch.cat(biases)), _Product(labels, bias))
    scores = [
        (m.labels @ weight, m.labels @ bias + m.label_bias) for m, (weight, bias) in zip(members, meanings, strict=True)
    ]
    return _mean([_spread(members, k, *found, True) for k, found in enumerate(scores)])
