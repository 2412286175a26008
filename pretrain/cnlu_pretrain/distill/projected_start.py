"""A student that is narrower than its teacher starts from the teacher's layers, projected to its own width.

The hidden states of the teacher lie close to a subspace. Its basis, from a sample of text, maps the teacher's weights
to the student's: the principal components, as in SliceGPT (arXiv 2401.15024, section 3). An attention head becomes
narrower by a low-rank factorisation of its two products, query-key and value-output. Layer norms do not commute with
a projection; theirs are fitted to what the teacher computes for the sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the layers of a teacher read and compute for N tokens of text."""

    read: list[Tensor]
    """Of each layer, [N, width]: its input"""
    before_norm: list[tuple[Tensor, Tensor]]
    """Of each layer, [N, width] twice: the inputs of its two layer norms"""
    after_norm: list[tuple[Tensor, Tensor]]
    units: list[Tensor]
    """Of each layer, [N, intermediate size]: the activations of its feed-forward units"""


@dataclass(frozen=True, kw_only=True)
class Root:
    """The square root of a covariance [N, N], and its inverse."""

    root: Tensor
    inverse: Tensor

    @staticmethod
    def of(covariance: Tensor) -> Root:
        values, vectors = torch.linalg.eigh(covariance)
        values = values.clamp_min(values.max() * 1e-6).sqrt()
        return Root(root=vectors * values @ vectors.T, inverse=vectors / values @ vectors.T)


@torch.no_grad()
def take_sample(teacher: Any, tokens: Tensor, mask: Tensor) -> Sample:
    """The sample of the texts `tokens` [B, T] with `mask` [B, T]; the teacher has BERT's layers."""
    seen: dict[Any, tuple[Tensor, Tensor]] = {}
    is_token = mask.bool()

    def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen[module] = inputs[0][is_token], output[is_token]

    layers = list(teacher.encoder.layer)
    norms = [(layer.attention.output.LayerNorm, layer.output.LayerNorm) for layer in layers]
    watched = [teacher.embeddings, *(norm for pair in norms for norm in pair), *(one.intermediate for one in layers)]
    hooks = [module.register_forward_hook(keep) for module in watched if module is not teacher.embeddings]
    states = teacher(input_ids=tokens, attention_mask=mask, output_hidden_states=True).hidden_states
    for hook in hooks:
        hook.remove()
    return Sample(
        read=[state[is_token] for state in states[:-1]],
        before_norm=[(seen[first][0], seen[second][0]) for first, second in norms],
        after_norm=[(seen[first][1], seen[second][1]) for first, second in norms],
        units=[seen[layer.intermediate][1] for layer in layers],
    )


def basis(sample: Sample, width: int) -> Tensor:
    """[teacher's width, width] orthonormal columns but for one dimension, which a layer norm would take out anyway.

    They span the principal components of all hidden states, rotated so that the student's dimensions have equal
    shares of them and sum to zero.
    """
    states = torch.cat([sample.read[0], *(state for pair in sample.after_norm for state in pair)])
    components = torch.linalg.eigh(states.T @ states / len(states)).eigenvectors[:, 1 - width :]
    generator = torch.Generator().manual_seed(0)
    ones, others = torch.ones(width, 1), torch.randn(width, width - 1, generator=generator)
    rotation = torch.linalg.qr(torch.cat([ones, others], 1)).Q[:, 1:]
    return components.to(states.dtype) @ rotation.T


@torch.no_grad()
def start_layer(own: Any, other: Any, number: int, sample: Sample, directions: Tensor) -> None:
    """Start the student's layer `own` from the teacher's layer `other`, its `number` from 0."""
    read = sample.read[number] @ directions
    covariance = read.T @ read / len(read)
    _start_attention(own.attention, other.attention, covariance, directions)
    _start_feed_forward(own, other, sample.units[number], directions)
    norms = (own.attention.output.LayerNorm, own.output.LayerNorm)
    for norm, before, after in zip(norms, sample.before_norm[number], sample.after_norm[number], strict=True):
        _fit_norm(norm, before @ directions, after @ directions)


def _start_attention(own: Any, other: Any, covariance: Tensor, directions: Tensor) -> None:
    """Each head keeps the best approximation of its query-key and value-output products, on the sample."""
    mine, theirs, output = own.self, other.self, other.output.dense
    size, rank = theirs.attention_head_size, mine.attention_head_size
    read, written = Root.of(covariance), Root.of(torch.eye(len(covariance)))
    scale = (rank / size) ** 0.5  # scores are divided by the root of the head's size
    for head in range(mine.num_attention_heads):
        old, new = slice(head * size, (head + 1) * size), slice(head * rank, (head + 1) * rank)
        query, key, value = (part.weight[old] @ directions for part in (theirs.query, theirs.key, theirs.value))
        left, right = low_rank(query.T, key * scale, rank, read, read)
        mine.query.weight[new], mine.key.weight[new] = left.T, right
        of_bias = read.root @ (theirs.query.bias[old] @ key * scale)  # what the query's bias adds to a key's score
        mine.query.bias[new] = torch.linalg.lstsq(read.root @ right.T, of_bias[:, None]).solution[:, 0]
        left, right = low_rank(directions.T @ output.weight[:, old], value, rank, written, read)
        own.output.dense.weight[:, new], mine.value.weight[new] = left, right
    nn.init.zeros_(mine.key.bias)  # adds the same to the scores of all keys
    nn.init.zeros_(mine.value.bias)  # attention weights sum to 1, so it moves to the output
    own.output.dense.bias.copy_(directions.T @ (output.weight @ theirs.value.bias + output.bias))


def _start_feed_forward(own: Any, other: Any, units: Tensor, directions: Tensor) -> None:
    """Keep the units that change the output most; of the others, their mean."""
    inner, outer = other.intermediate.dense, other.output.dense
    projected = directions.T @ outer.weight
    importance = units.std(0) * projected.norm(dim=0)
    kept = importance.topk(own.intermediate.dense.out_features).indices.sort().values
    left_out = torch.ones(len(importance), dtype=torch.bool).index_fill(0, kept, False)
    own.intermediate.dense.weight.copy_((inner.weight @ directions)[kept])
    own.intermediate.dense.bias.copy_(inner.bias[kept])
    own.output.dense.weight.copy_(projected[:, kept])
    own.output.dense.bias.copy_(directions.T @ outer.bias + projected[:, left_out] @ units[:, left_out].mean(0))


def _fit_norm(norm: nn.LayerNorm, before: Tensor, after: Tensor) -> None:
    """Least squares, dimension by dimension: from the normalized inputs to the outputs, [N, width] each."""
    normalized = nn.functional.layer_norm(before, norm.normalized_shape, eps=norm.eps)
    centred, target = normalized - normalized.mean(0), after - after.mean(0)
    gain = (centred * target).sum(0) / centred.square().sum(0)
    norm.weight.copy_(gain)
    norm.bias.copy_(after.mean(0) - gain * normalized.mean(0))


def low_rank(first: Tensor, second: Tensor, rank: int, left: Root, right: Root) -> tuple[Tensor, Tensor]:
    """([N, rank], [rank, M]): factors of the best approximation of `first` [N, K] @ `second` [K, M], K at most N and M.

    The error is weighted by the covariances of what the product is multiplied with on both sides, `left` and `right`.
    """
    outer, inner = torch.linalg.qr(left.root @ first), torch.linalg.qr((second @ right.root).T)
    u, sizes, v = torch.linalg.svd(outer.R @ inner.R.T)
    root = sizes[:rank].sqrt()
    return left.inverse @ outer.Q @ (u[:, :rank] * root), (root[:, None] * v[:rank]) @ inner.Q.T @ right.inverse
