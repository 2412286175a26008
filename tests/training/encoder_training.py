"""An encoder, rows and a network as training on an encoder prepares them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from cnlu.config.files import load_config
from cnlu.data.schema import Example
from cnlu.features.build_extractor import build_extractor
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.labels import Labels
from cnlu.training.data.featurize import Row, featurize
from cnlu.training.fit.encoder_setup import Encoder, prepare_encoder
from cnlu.training.fit.step import GradientAccumulator

SETTINGS = [
    "model.members=1",
    "model.sparse_width=8",
    "model.width=8",
    "model.heads=2",
    "model.feedforward=16",
    "model.label_width=8",
    "training.min_epochs=1",
    "training.max_epochs=2",
    "training.batch_size=8",
    "training.checkpoint_seconds=0",
    "features.min_count=1",
    "features.sentence_min_count=1",
]
CPU = torch.device("cpu")


def load_tiny_encoder(directory: Path, *overrides: str) -> Encoder:
    """The encoder as training loads it, without its log."""
    return prepare_encoder(str(directory), load_config(None, [*SETTINGS, *overrides], encoder=True), lambda line: None)


def prepare(directory: Path, examples: list[Example], *overrides: str) -> tuple[Encoder, list[Row], Ensemble]:
    """The encoder, the examples' rows and an untrained network on the encoder, in float32."""
    config = load_config(None, [*SETTINGS, "encoder.precision=float32", *overrides], encoder=True)
    encoder = prepare_encoder(str(directory), config, lambda line: None)
    labels = Labels.collect(examples)
    [rows], vocabularies = featurize([examples], build_extractor(config, {}, {}), labels, config, encoder.tokenizer)
    sizes = Sizes(
        character_features=len(vocabularies.characters),
        sentence_features=len(vocabularies.sentence),
        intents=len(labels.intents),
        roles=0,
        groups=0,
        encoder=encoder.aligned_encoder.width,
        views=encoder.views,
    )
    torch.manual_seed(1)
    return encoder, rows, Ensemble(config.model, sizes, labels.tag_set("BIO"), aligned_encoder=encoder.aligned_encoder)


def accumulator(
    network: Ensemble, rows: list[Row], part: int, log: Callable[[str], None] = lambda line: None
) -> GradientAccumulator:
    """An accumulator of `part` rows at once. The network is in evaluation mode: without dropout, runs compare."""
    return GradientAccumulator(
        network=network.eval(),
        rows=rows,
        device=CPU,
        character_masking=None,
        micro_batch_size=part,
        bfloat16=False,
        log=log,
    )


def gradients(network: Ensemble) -> list[torch.Tensor]:
    """The gradients of all parameters, without the tables' padding row: only training zeroes that one."""
    return [
        (p.grad[1:] if name.endswith("table.weight") else p.grad).clone()
        for name, p in network.named_parameters()
        if p.grad is not None
    ]
