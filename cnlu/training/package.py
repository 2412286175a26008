"""The last step of a training: the trained network and its metadata as a model directory."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cnlu.export.model_files import model_files
from cnlu.export.network_weights import to_safetensors
from cnlu.export.onnx_export import without_exporter_metadata
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.calibration import Calibration
from cnlu.runtime.model_dir import write_model_dir
from cnlu.training.data.dataset import count_labels
from cnlu.training.data.replay import replay_files
from cnlu.training.fit.checkpoint import TrainingState
from cnlu.training.inputs import Features, TrainingInputs
from cnlu.training.request import Log, Request


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """The outcome of fit and calibrate."""

    network: Ensemble
    graph: bytes
    """The exported network, with its encoder"""
    calibration: Calibration
    dev_metrics: dict[str, Any] | None
    state: TrainingState
    refit_epochs: int


def package(inputs: TrainingInputs, features: Features, fitted: Fitted, request: Request, log: Log) -> None:
    """Write the model directory. Raises ModelError or UsageError as `write_model_dir` does."""
    config, encoder = request.config, inputs.encoder
    files = model_files(
        config=config,
        labels=inputs.labels,
        data=inputs.dataset.data,
        vocabularies=features.vocabularies,
        network=fitted.network,
        graph=without_exporter_metadata(fitted.graph),
        metadata=_metadata(inputs, fitted, request),
        tokens=encoder.tokens_json if encoder else None,
        weights=_weights(fitted.network, request, log),
    )
    files |= _examples(inputs, request, log)
    segmenter = features.extractor.segmenter.digest if config.features.words else None
    write_model_dir(request.out, files, {"segmenter": segmenter}, request.force)


def _metadata(inputs: TrainingInputs, fitted: Fitted, request: Request) -> dict[str, Any]:
    """The content of training.json."""
    config = request.config
    return {
        **asdict(fitted.calibration),
        "int8": bool(request.int8),
        "seed": config.training.seed,
        "best_epoch": fitted.state.best_epoch,
        "history": fitted.state.history,
        "refit_epochs": fitted.refit_epochs,
        "dev": fitted.dev_metrics,
        "examples": count_labels(inputs.dataset.train, config.model.multi_label),
        **inputs.metadata,
    }


def _weights(network: Ensemble, request: Request, log: Log) -> bytes | None:
    """The content of network.safetensors; None with --no-store-weights."""
    if not request.store_weights:
        log(
            "note: the model directory holds no weights for training: it can parse, but "
            "`cnlu train --from` cannot continue it."
        )
        return None
    return to_safetensors(network)


def _examples(inputs: TrainingInputs, request: Request, log: Log) -> dict[str, bytes]:
    """Files with the examples that a training continued from this model replays."""
    dataset, training = inputs.dataset, request.config.training
    if not inputs.keep_examples:
        return {}
    if not request.store_examples:
        log(
            "note: the model directory holds no examples: a later `cnlu train --from` forgets the labels that its data "
            "have no examples of."
        )
        return {}
    return replay_files(dataset.train, [] if request.dev else dataset.dev, training.replay, training.seed)
