"""Calibrate a trained network on the dev examples, or on training examples that some members left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnlu.features.synonyms import Synonyms
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.calibration import Calibration
from cnlu.training.fit.dev_evaluator import DevEvaluator, onnx_scorer
from cnlu.training.inputs import Features, TrainingInputs
from cnlu.training.request import Log, Request
from cnlu.training.training_log import log_last_epoch_kept

FEW_DEV = 20
"""With fewer dev examples, a model that continues from a calibrated one keeps its calibration"""


@dataclass(frozen=True)
class Evaluation:
    """The examples that evaluate and calibrate the model."""

    dev: DevEvaluator | None
    """None without such examples"""
    out_of_fold: bool
    """Whether they are training examples that some members leave out at first"""
    chooses_epoch: bool
    """Whether they decide which epoch is kept; otherwise the last one is"""
    keeps_calibration: bool
    """Whether they are too few to calibrate again a model that is calibrated already"""


def build_evaluation(inputs: TrainingInputs, features: Features, request: Request, log: Log) -> Evaluation:
    """The evaluation of a training. Raises UsageError for training.patience if dev does not choose the epoch."""
    config, dataset, extractor = request.config, inputs.dataset, features.extractor
    held_out, held_out_by = dataset.calibration_examples()
    keeps_calibration = inputs.earlier_calibration is not None and len(held_out) < FEW_DEV
    if not held_out:
        return Evaluation(dev=None, out_of_fold=False, chooses_epoch=False, keeps_calibration=keeps_calibration)
    synonyms = Synonyms(dataset.data.synonyms, dataset.data.synonyms_of, extractor.normalizer)
    dev = DevEvaluator(
        examples=held_out,
        extractor=extractor,
        vocabularies=features.vocabularies,
        labels=inputs.labels,
        config=config,
        synonyms=synonyms,
        tokenizer=inputs.encoder.tokenizer if inputs.encoder else None,
        held_out_by=held_out_by,
        learned=dataset.train,
    )
    chooses_epoch = len(dataset.dev) >= config.training.min_dev
    if not chooses_epoch:
        log_last_epoch_kept(dataset, config, keeps_calibration, log)
    return Evaluation(
        dev=dev, out_of_fold=any(held_out_by), chooses_epoch=chooses_epoch, keeps_calibration=keeps_calibration
    )


def calibrate(
    inputs: TrainingInputs, features: Features, evaluation: Evaluation, network: Ensemble
) -> tuple[Calibration, dict[str, Any] | None]:
    """(The calibration, the dev metrics under it or None)."""
    calibration, metrics = evaluation.dev.calibrate(network) if evaluation.dev else (Calibration(), None)
    if inputs.earlier_calibration and evaluation.keeps_calibration:
        return inputs.earlier_calibration.with_characters(features.vocabularies.seen_characters), None
    return calibration, metrics


def calibrate_quantized(
    dev: DevEvaluator, network: Ensemble, graph: bytes, log: Log
) -> tuple[Calibration, dict[str, Any]]:
    """Like `calibrate`, for the 8-bit graph; logs how much the rounding costs."""
    calibration, metrics = dev.calibrate(network, onnx_scorer(graph))
    log(f"int8: dev frames {metrics['frame_accuracy']:.3f}, in float32 {dev.frame_accuracy(network):.3f}")
    return calibration, metrics
