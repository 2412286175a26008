"""From examples to a model directory: featurize -> build network -> fit -> calibrate -> package.

Plain training, continued training and distillation run the same steps, each with its own `TrainingInputs`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import torch

from cnlu.config import Config
from cnlu.data.schema import Example
from cnlu.errors import DataError, ModelError
from cnlu.export.onnx_export import export_onnx, round_tables
from cnlu.export.quantize import quantize
from cnlu.features.build_extractor import build_extractor
from cnlu.features.extract import Extractor
from cnlu.features.vocabulary import Vocabularies
from cnlu.i18n import _
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.labels import Labels
from cnlu.training.calibrate import Evaluation, build_evaluation, calibrate, calibrate_quantized
from cnlu.training.data.augment.augment import augment
from cnlu.training.data.character_masking import CharacterMasking
from cnlu.training.data.dataset import Dataset
from cnlu.training.data.featurize import Row
from cnlu.training.data.frozen_features import add_frozen_features
from cnlu.training.data.out_of_fold import all_members, featurize_by_mask, group_by_mask
from cnlu.training.fit.checkpoint import Checkpoint
from cnlu.training.fit.dev_evaluator import DevEvaluator
from cnlu.training.fit.encoder_setup import Encoder, unknown_token_notes
from cnlu.training.fit.grouping_weights import fit_grouping_weights
from cnlu.training.fit.loop import Run, fit, refit, scaled_epochs
from cnlu.training.inputs import Features, TrainingInputs
from cnlu.training.package import Fitted, package
from cnlu.training.request import Log, Request
from cnlu.training.training_log import log_dataset, log_summary


@dataclass(kw_only=True)
class TrainingResult:
    """The outcome of a training in memory; the model directory is written."""

    network: Ensemble
    extractor: Extractor
    vocabularies: Vocabularies
    labels: Labels
    dev_metrics: dict[str, Any] | None


def run_pipeline(inputs: TrainingInputs, request: Request, log: Log) -> TrainingResult:
    """Train on the inputs and write the model directory."""
    features = featurize(inputs, request, log)
    network, masker = build_network(inputs, features, request.config)
    evaluation = build_evaluation(inputs, features, request, log)
    run = _run(
        inputs=inputs,
        features=features,
        network=network,
        masker=masker,
        evaluation=evaluation,
        request=request,
        log=log,
    )
    with _resumable(run.checkpoint, log):
        fitted = _fit_and_calibrate(inputs, features, run, evaluation, request)
        package(inputs, features, fitted, request, log)
    run.checkpoint.clear()
    log_summary(request.out, fitted, best_epoch=evaluation.chooses_epoch, out_of_fold=evaluation.out_of_fold, log=log)
    return TrainingResult(
        network=network,
        extractor=features.extractor,
        vocabularies=features.vocabularies,
        labels=inputs.labels,
        dev_metrics=fitted.dev_metrics,
    )


def _fit_and_calibrate(
    inputs: TrainingInputs, features: Features, run: Run, evaluation: Evaluation, request: Request
) -> Fitted:
    """Train, calibrate and export. The calibration is that of the exported graph, in float32 or 8 bits."""
    run, all_rows = _with_encoder_output(run, features.rows, evaluation.dev, inputs, request)
    state = fit(run, request.resume)
    _finish(run.network)
    calibration, metrics = calibrate(inputs, features, evaluation, run.network)
    refit_epochs = _refit(run, all_rows, inputs.dataset)
    graph = _export(run.network, inputs.encoder, request)
    if request.int8 and evaluation.dev:
        quantized = calibrate_quantized(evaluation.dev, run.network, graph, run.log)
        keeps = inputs.dataset.held_out_by or evaluation.keeps_calibration
        calibration, metrics = (calibration, metrics) if keeps else quantized
    return Fitted(
        network=run.network,
        graph=graph,
        calibration=calibration,
        dev_metrics=metrics,
        state=state,
        refit_epochs=refit_epochs,
    )


def featurize(inputs: TrainingInputs, request: Request, log: Log) -> Features:
    """Augment the examples and turn them into rows. Raises DataError if no example has text."""
    config, dataset, encoder = request.config, inputs.dataset, inputs.encoder
    extractor = build_extractor(config, dataset.data.lookups, dataset.data.regexes)
    examples_by_mask, augmented = _augment(inputs, config, extractor)
    tokens = encoder.tokenizer if encoder else None
    rows, vocabularies = featurize_by_mask(
        examples=examples_by_mask,
        extractor=extractor,
        labels=inputs.labels,
        config=config,
        tokenizer=tokens,
        initial_vocabularies=inputs.initial_vocabularies,
    )
    if not rows:
        problem = _("all training examples are empty texts")
        raise DataError(", ".join(map(str, request.data)), problem, _("write some text into them"))
    examples = [example for group in examples_by_mask.values() for example in group]
    features = Features(
        extractor=extractor, rows=rows, vocabularies=vocabularies, examples=examples, augmented=augmented
    )
    epochs = scaled_epochs(config.training, sum(_learned_before_refit(rows, config)), inputs.epoch_share)
    log_dataset(inputs, features, config, f"device {inputs.device.type}, {epochs} epochs at most", log)
    if encoder:
        log(unknown_token_notes(encoder.tokenizer, dataset.train))
    return features


def _augment(
    inputs: TrainingInputs, config: Config, extractor: Extractor
) -> tuple[dict[int, list[Example]], dict[str, list[Example]]]:
    """(All examples by the mask of the members that leave them out at first, the augmented ones by kind).

    An augmented example is made from examples with the same mask only.
    """
    examples_by_mask = group_by_mask(inputs.dataset.train, inputs.dataset.held_out_by)
    augmented: dict[str, list[Example]] = {}
    for examples in examples_by_mask.values() if inputs.augment else ():
        for kind, new in augment(list(examples), inputs.dataset.data, config, extractor.segmenter).items():
            augmented.setdefault(kind, []).extend(new)
            examples.extend(new)
    return examples_by_mask, augmented


def _learned_before_refit(rows: list[Row], config: Config) -> list[bool]:
    """Whether at least one member learns from each row before the refit."""
    return [row.held_out_by != all_members(config.model.members) for row in rows]


def build_network(
    inputs: TrainingInputs, features: Features, config: Config
) -> tuple[Ensemble, CharacterMasking | None]:
    """The network with its initial weights. A frozen encoder is not part of it, because its output is computed once."""
    labels, encoder, vocabularies = inputs.labels, inputs.encoder, features.vocabularies
    masker = CharacterMasking.build(vocabularies.characters, inputs.device) if config.model.masked_tokens else None
    sizes = Sizes(
        character_features=len(vocabularies.characters),
        sentence_features=len(vocabularies.sentence),
        intents=len(labels.intents),
        roles=len(labels.role_names),
        groups=len(labels.group_columns),
        characters=masker.characters if masker else 0,
        encoder=encoder.aligned_encoder.width if encoder else 0,
        views=encoder.views if encoder else 0,
    )
    trained_encoder = encoder.aligned_encoder if encoder and config.encoder.tuning != "frozen" else None
    tags = labels.tag_set(config.model.tagging)
    network = Ensemble(
        config.model,
        sizes,
        tags,
        aligned_encoder=trained_encoder,
        members_with_encoder=config.encoder.members,
        items=labels.items,
    ).to(inputs.device)
    inputs.initialize(network, labels, features)
    if labels.items:
        network.set_item_weights(fit_grouping_weights(features.rows, labels.items, inputs.item_weights))
    return network, masker


def _run(
    inputs: TrainingInputs,
    features: Features,
    network: Ensemble,
    masker: CharacterMasking | None,
    evaluation: Evaluation,
    request: Request,
    log: Log,
) -> Run:
    """The inputs of the training loop."""
    config, dataset = request.config, inputs.dataset
    settings = config.to_dict() | ({"weights": inputs.encoder.digest} if inputs.encoder else {}) | inputs.fingerprint
    return Run(
        network=network,
        rows=list(compress(features.rows, _learned_before_refit(features.rows, config))),
        config=config.training,
        dev_score=evaluation.dev.frame_accuracy if evaluation.dev and evaluation.chooses_epoch else None,
        checkpoint=Checkpoint.beside(request.out, settings, [*features.examples, *dataset.dev], dataset.data),
        device=inputs.device,
        character_masking=masker,
        encoder=config.encoder,
        quiet=request.quiet,
        log=log,
        distillation=inputs.targets,
        share=inputs.epoch_share,
    )


def _with_encoder_output(
    run: Run, rows: list[Row], dev: DevEvaluator | None, inputs: TrainingInputs, request: Request
) -> tuple[Run, list[Row]]:
    """The run and all rows. Stores the output of a frozen encoder in the rows, including those of dev."""
    encoder, config = inputs.encoder, request.config
    if encoder is None or config.encoder.tuning != "frozen":
        return run, rows

    def encode(rows: list[Row]) -> list[Row]:
        memory, folder = config.encoder.cache_mb << 20, request.out.parent
        return add_frozen_features(
            rows=rows,
            aligned_encoder=encoder.aligned_encoder,
            views=encoder.views,
            device=inputs.device,
            memory=memory,
            folder=folder,
            quiet=request.quiet,
        )

    if dev is not None:
        dev.replace_rows(encode)
    rows = encode(rows)
    return replace(run, rows=list(compress(rows, _learned_before_refit(rows, config)))), rows


def _refit(run: Run, rows: list[Row], dataset: Dataset) -> int:
    """Continue training on all examples, including those held out for calibration; returns the number of epochs."""
    if not dataset.held_out_by:
        return 0
    epochs = refit(replace(run, rows=[replace(row, held_out_by=0) for row in rows]))
    _finish(run.network)
    return epochs


def _export(network: Ensemble, encoder: Encoder | None, request: Request) -> bytes:
    """The ONNX graph of the network and its encoder."""
    if encoder:
        encoder.attach_to(network)
    graph = export_onnx(network)
    if encoder:
        graph = encoder.with_metadata(graph)
    return quantize(graph) if request.int8 else graph


def _finish(network: Ensemble) -> None:
    """Round the sparse tables as the model directory stores them. Raises ModelError if a weight is not finite."""
    round_tables(network)
    if not all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters()):
        raise ModelError("", _("Training diverged: weights are no longer numbers"), _("lower training.learning_rate"))


@contextlib.contextmanager
def _resumable(checkpoint: Checkpoint, log: Log) -> Iterator[None]:
    """After an interruption, logs whether --resume can continue."""
    try:
        yield
    except KeyboardInterrupt:
        if checkpoint.exists():
            log("interrupted; run the same command with --resume to continue from the last saved state.")
        else:
            log("interrupted before a state was saved; nothing was written.")
        raise
