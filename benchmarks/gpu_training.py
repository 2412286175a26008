"""The training part of `gpu.py`: random encoders, synthetic examples, training steps and their FLOPs."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import BertConfig, BertModel

from cnlu.config import EncoderConfig, ModelConfig, TrainingConfig
from cnlu.data.schema import Entity
from cnlu.data.tags import TagSet
from cnlu.encoder.backbone import Backbone
from cnlu.model.encoder_output import AlignedEncoder
from cnlu.model.ensemble import Ensemble
from cnlu.model.losses import IGNORE_INDEX
from cnlu.model.network import Sizes
from cnlu.text.tokens import Tokens
from cnlu.training.data.batching import plan_epoch
from cnlu.training.data.featurize import Row
from cnlu.training.fit.optimizer import build_optimizer, clip_gradients, set_rate
from cnlu.training.fit.step import GradientAccumulator

WORD_PIECES, CHARACTER_FEATURES, SENTENCE_FEATURES, INTENTS, ENTITY_TYPES = 21_128, 28_000, 10_000, 40, 20
WARM_UP = 5


@dataclass(frozen=True)
class Shape:
    """The shape of an encoder."""

    layers: int
    width: int
    heads: int
    inner: int
    word_pieces: int = WORD_PIECES


@dataclass(frozen=True)
class Measured:
    """The figures of one combination of encoder, batch size and length."""

    model: str
    batch: int
    length: int
    steps: int
    seconds: float
    examples: int
    tokens: int
    """Special tokens included, padding excluded"""
    operations: float
    peak_memory: int
    """Bytes; 0 on a CPU"""
    part: int
    """Examples computed at once; fewer than the batch if memory ran out"""


def build(shape: Shape) -> tuple[Ensemble, TagSet]:
    """A random encoder and joint network with the default settings of `cnlu train --encoder`, and its tags."""
    config = BertConfig(
        vocab_size=shape.word_pieces,
        hidden_size=shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.inner,
        max_position_embeddings=512,
    )
    model = BertModel._from_config(config, attn_implementation="eager")
    aligned_encoder = AlignedEncoder(Backbone(model, shape.width), EncoderConfig().sentence, 0)
    tags = TagSet([f"type{i}" for i in range(ENTITY_TYPES)], ModelConfig().tagging)
    sizes = Sizes(
        character_features=CHARACTER_FEATURES,
        sentence_features=SENTENCE_FEATURES,
        intents=INTENTS,
        roles=0,
        groups=0,
        encoder=shape.width,
        views=1,
    )
    return Ensemble(ModelConfig(), sizes, tags, aligned_encoder=aligned_encoder), tags


def synthetic_rows(count: int, longest: int, word_pieces: int, tags: TagSet) -> list[Row]:
    """Rows of random texts of `longest / 2` to `longest` characters, with 30 features each and one or two entities."""
    random = np.random.default_rng(1)
    rows = []
    for _ in range(count):
        length = int(random.integers(max(1, longest // 2), longest + 1))
        ids = np.concatenate([[1], random.integers(4, word_pieces, length), [2]])
        spans = []
        for _ in range(int(random.integers(1, 3))):
            start = int(random.integers(length))
            end = int(min(length, start + random.integers(1, 5)))
            spans.append(Entity(start, end, tags.entity_types[random.integers(ENTITY_TYPES)], ""))
        nothing = np.full(length, IGNORE_INDEX, np.int64)
        characters = random.integers(1, CHARACTER_FEATURES, (length, 30)).astype(np.int32)
        sentence = random.integers(1, SENTENCE_FEATURES, 3 * length).astype(np.int32)
        tagged = np.array(tags.encode(length, spans)[0], np.int64)
        tokens = Tokens(ids.astype(np.int64), np.eye(length + 2, dtype=np.float32)[1:-1])
        rows.append(
            Row(
                characters=characters,
                sentence=sentence,
                tags=tagged,
                roles=nothing,
                intent=int(random.integers(INTENTS)),
                tokens=tokens,
            )
        )
    return rows


def operations(network: Ensemble) -> Callable[[int, int], float]:
    """A function (characters, tokens) -> operations of the matrix products, forward and backward; see gpu.py."""
    assert network.aligned_encoder is not None
    backbone, members = network.aligned_encoder.backbone, network.networks()
    config = members[0].config
    encoder = sum(m.weight.numel() for m in backbone.modules() if isinstance(m, nn.Linear))
    places = characters = once = 0
    for member in members:
        places += sum(m.weight.numel() for m in member.layers.modules() if isinstance(m, nn.Linear))
        each = (member.character_in, member.emissions, member.roles, member.groups)
        characters += sum(m.weight.numel() for m in each)
        once += member.sentence_in.weight.numel() + member.intent_in.weight.numel() + member.labels.numel()

    def of(length: int, tokens: int) -> float:
        products = encoder * tokens + backbone.width * length * tokens  # the second aligns vectors with characters
        products += places * (length + 1) + characters * length + once
        attention = backbone.num_hidden_layers * backbone.width * tokens**2
        attention += len(members) * config.layers * config.width * (length + 1) ** 2
        return 6.0 * products + 12.0 * attention

    return of


def measure(
    model: str, shape: Shape, batch: int, length: int, device: torch.device, half: bool, seconds: float
) -> Measured:
    """Train for `seconds`. Raises ModelError if the memory is too small for a single example."""
    torch.manual_seed(1)
    network, tags = build(shape)
    rows = synthetic_rows(8 * batch, length, shape.word_pieces, tags)
    network = network.to(device).train()
    kept, current = list(copy.deepcopy(network).parameters()), list(network.parameters())
    config, encoder = TrainingConfig(batch_size=batch), EncoderConfig()
    optimizer = build_optimizer(network, config, encoder)
    accumulator = GradientAccumulator(
        network=network,
        rows=rows,
        device=device,
        character_masking=None,
        micro_batch_size=batch,
        bfloat16=half,
        log=lambda line: print(line, flush=True),
    )
    work = operations(network)
    done: list[Row] = []
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    epoch, step, steps, start = 0, 0, 0, math.inf
    while time.perf_counter() - start < seconds:
        for chosen in plan_epoch(rows, config, epoch):
            set_rate(optimizer, step + 1, 1_000_000, config.warmup)
            optimizer.zero_grad()
            accumulator.accumulate(chosen)
            clip_gradients(network, config.clip)
            optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(kept, current, 1.0 - config.average)
            step += 1
            if start < math.inf:
                steps += 1
                done += [rows[i] for i in chosen]
            elif step == WARM_UP:
                wait(device)
                start = time.perf_counter()
            if time.perf_counter() - start >= seconds:
                break
        epoch += 1
    wait(device)
    spent = time.perf_counter() - start
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    tokens = [len(row.tokens or ()) for row in done]
    total = sum(work(len(row), count) for row, count in zip(done, tokens, strict=True))
    return Measured(
        model=model,
        batch=batch,
        length=length,
        steps=steps,
        seconds=spent,
        examples=len(done),
        tokens=sum(tokens),
        operations=total,
        peak_memory=memory,
        part=min(batch, accumulator.micro_batch_size),
    )


def matrix_product(device: torch.device, half: bool, size: int) -> float:
    """10^12 operations per second of the product of two square matrices, the best of several runs."""
    one, other = (torch.randn(size, size, device=device, dtype=torch.bfloat16 if half else None) for _ in range(2))
    best, until = math.inf, time.perf_counter() + (0.1 if size < 1024 else 3.0)
    while best == math.inf or time.perf_counter() < until:
        wait(device)
        start = time.perf_counter()
        for _ in range(5):
            one @ other
        wait(device)
        best = min(best, (time.perf_counter() - start) / 5)
    return 2 * size**3 / best / 1e12


def wait(device: torch.device) -> None:
    """Wait until the device has finished."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
