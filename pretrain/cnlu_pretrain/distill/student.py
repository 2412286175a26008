"""The student: a small encoder, initialized from its teacher where the shapes allow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import ElectraConfig, ElectraForMaskedLM

from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.config import PretrainConfig
from cnlu_pretrain.distill.projected_start import Sample, basis, start_layer, take_sample

Texts = tuple[Tensor, Tensor]
"""(token ids [B, T], attention mask [B, T])"""
EMBEDDING_STD = 0.05
"""Initial standard deviation of the student's token embeddings. A layer norm follows them, so it matters only to the
optimizer and to the head, which scores the vocabulary with the same vectors."""


@dataclass(frozen=True, kw_only=True)
class Factors:
    """The teacher's token embeddings as a product: [V, rank] @ [rank, width] + mean [width]."""

    tokens: Tensor
    positions: Tensor
    """[P, rank]"""
    directions: Tensor
    """[rank, width]"""
    mean: Tensor
    kept: float
    """Share of the variance that the rank keeps"""


def layer_map(student: int, teacher: int) -> list[int]:
    """[student] the teacher's layer, counted from 1, that each layer of the student learns from.

    Evenly spaced, the last one included: the uniform mapping of TinyBERT (arXiv 1909.10351, section 3.1). Raises
    UsageError where the student has more layers than its teacher.
    """
    if student > teacher:
        raise UsageError(
            "encoder.num_hidden_layers",
            _("{student} is more than the {teacher} layers of the teacher", student=student, teacher=teacher),
            _("lower it"),
        )
    return [-(-(i + 1) * teacher // student) for i in range(student)]


@dataclass(frozen=True, kw_only=True)
class Student:
    """A student before its training."""

    model: Any
    """An ELECTRA masked language model, which has BERT's layers and factorised embeddings"""
    directions: Tensor | None = None
    """[teacher's width, width] the start of the map to the teacher's hidden states, of a narrower student"""
    notes: list[str]
    """For the user"""


def build_student(teacher: Any, keep: Tensor, config: PretrainConfig, pad: int, texts: Texts) -> Student:
    """A student of `teacher`, an encoder of transformers; `keep` [N]: the ids of the pieces that it keeps.

    It starts from the teacher's layers where their structure is the same and it is not wider. `texts` are a sample of
    the corpus in the teacher's ids.
    """
    student = _random_student(teacher, len(keep), config, pad)
    if not _same_layers(student, teacher):
        note = "the student starts from random weights: its layers have another shape than the teacher's"
        return Student(model=student, notes=[note])
    width, directions = config.encoder.hidden_size, None
    with torch.no_grad():
        if width < teacher.config.hidden_size:
            sample = take_sample(teacher, *texts)
            directions = basis(sample, width)
            _project_layers(student, teacher, sample, directions)
        else:
            _copy_layers(student, teacher)
        kept = _start_embeddings(student, teacher, keep, directions)
    parameters = sum(p.numel() for p in student.parameters())
    projected = "" if directions is None else ", projected to its width"
    note = (
        f"student: {parameters / 1e6:.1f} M parameters, {len(keep)} pieces; it starts from the teacher's layers"
        f"{projected}, and its embeddings keep {kept:.0%} of the variance of the teacher's"
    )
    return Student(model=student, directions=directions, notes=[note])


def _random_student(teacher: Any, pieces: int, config: PretrainConfig, pad: int) -> Any:
    size = config.encoder
    settings = ElectraConfig(
        vocab_size=pieces,
        embedding_size=size.embedding_size or size.hidden_size,
        hidden_size=size.hidden_size,
        num_hidden_layers=size.num_hidden_layers,
        num_attention_heads=size.num_attention_heads,
        intermediate_size=size.intermediate_size,
        max_position_embeddings=min(size.max_position_embeddings, teacher.config.max_position_embeddings),
        hidden_dropout_prob=config.run.dropout,
        attention_probs_dropout_prob=config.run.dropout,
        pad_token_id=pad,
        layer_norm_eps=getattr(teacher.config, "layer_norm_eps", 1e-12),
    )
    torch.manual_seed(config.run.seed)
    with silent_transformers():
        return ElectraForMaskedLM._from_config(settings, attn_implementation=config.run.attention, dtype=torch.float32)


def _same_layers(student: Any, teacher: Any) -> bool:
    """Whether the student's layers are the teacher's, or the teacher's with a smaller width or fewer units."""
    own, other = student.config, teacher.config
    same = ("num_attention_heads", "hidden_act")
    if any(getattr(own, name) != getattr(other, name, None) for name in same) or own.hidden_size > other.hidden_size:
        return False
    layers = getattr(getattr(teacher, "encoder", None), "layer", None)
    if layers is None or own.intermediate_size > other.intermediate_size:
        return False
    names = set(layers[0].state_dict())
    return names == set(student.electra.encoder.layer[0].state_dict()) and hasattr(teacher, "embeddings")


def factorize(teacher: Any, keep: Tensor, rank: int) -> Factors:
    """The best approximation of the normalized embeddings of the pieces `keep` (principal components)."""
    embeddings = teacher.embeddings
    words = embeddings.word_embeddings.weight[keep]
    types, positions = embeddings.token_type_embeddings.weight[0], embeddings.position_embeddings.weight
    usual = positions[: min(64, len(positions))].mean(0)
    summed = words + types + usual
    normalized: Tensor = embeddings.LayerNorm(summed)
    mean = normalized.mean(0)
    _u, sizes, directions = torch.linalg.svd(normalized - mean, full_matrices=False)
    directions = directions[:rank]
    scale = embeddings.LayerNorm.weight / summed.std(-1, unbiased=False).mean()
    kept = float((sizes[:rank] ** 2).sum() / (sizes**2).sum())
    return Factors(
        tokens=(normalized - mean) @ directions.T,
        positions=(positions - usual) * scale @ directions.T,
        directions=directions,
        mean=mean,
        kept=kept,
    )


def _start_embeddings(student: Any, teacher: Any, keep: Tensor, directions: Tensor | None) -> float:
    """Factorise the teacher's embeddings; returns the share of their variance that the student's keep."""
    own = student.electra.embeddings
    if own.word_embeddings.weight.shape[1] == teacher.config.hidden_size:
        own.word_embeddings.weight.copy_(teacher.embeddings.word_embeddings.weight[keep])
        own.position_embeddings.weight.copy_(
            teacher.embeddings.position_embeddings.weight[: own.position_embeddings.num_embeddings]
        )
        own.token_type_embeddings.weight.copy_(
            teacher.embeddings.token_type_embeddings.weight[: own.token_type_embeddings.num_embeddings]
        )
        own.LayerNorm.load_state_dict(teacher.embeddings.LayerNorm.state_dict())
        return 1.0
    factors = factorize(teacher, keep, own.word_embeddings.weight.shape[1])
    project = torch.eye(len(factors.mean)) if directions is None else directions
    if hasattr(student.electra, "embeddings_project"):
        spread = factors.tokens.std() / EMBEDDING_STD
        tokens, positions = factors.tokens, factors.positions
        student.electra.embeddings_project.weight.copy_(project.T @ factors.directions.T * spread)
        student.electra.embeddings_project.bias.copy_(project.T @ factors.mean)
    else:  # the embeddings have the student's width, and their norm keeps the usual length
        tokens = (factors.tokens @ factors.directions + factors.mean) @ project
        positions = factors.positions @ factors.directions @ project
        spread = tokens.std() / EMBEDDING_STD
        own.LayerNorm.weight.fill_(tokens.std())
    own.word_embeddings.weight.copy_(tokens / spread)
    own.position_embeddings.weight.copy_(positions[: own.position_embeddings.num_embeddings] / spread)
    own.token_type_embeddings.weight.zero_()
    return factors.kept


def _layers(student: Any, teacher: Any) -> list[tuple[Any, int]]:
    """Each layer of the student, and the number of the teacher's, from 0, that it starts from."""
    layers = student.electra.encoder.layer
    return [
        (layer, number - 1)
        for layer, number in zip(layers, layer_map(len(layers), len(teacher.encoder.layer)), strict=True)
    ]


def _project_layers(student: Any, teacher: Any, sample: Sample, directions: Tensor) -> None:
    for layer, number in _layers(student, teacher):
        start_layer(layer, teacher.encoder.layer[number], number, sample, directions)


def _copy_layers(student: Any, teacher: Any) -> None:
    """Copy layers of the teacher, with the feed-forward units whose weights are largest."""
    for layer, number in _layers(student, teacher):
        weights = dict(teacher.encoder.layer[number].state_dict())
        inner, outer = weights["intermediate.dense.weight"], weights["output.dense.weight"]
        largest = (inner.norm(dim=1) * outer.norm(dim=0)).topk(student.config.intermediate_size).indices.sort().values
        weights["intermediate.dense.weight"] = inner[largest]
        weights["intermediate.dense.bias"] = weights["intermediate.dense.bias"][largest]
        weights["output.dense.weight"] = outer[:, largest]
        layer.load_state_dict(weights)
