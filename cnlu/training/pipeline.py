"""From examples to a model directory: featurize -> build network -> fit -> calibrate -> package.

Plain training, continuing and distilling run the same steps; each hands in its own `TrainingInputs`.
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
from cnlu.features.synonyms import Synonyms
from cnlu.features.vocabulary import Vocabularies
from cnlu.i18n import _
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.calibration import Calibration
from cnlu.runtime.labels import Labels
from cnlu.training.data.augment.augment import augment
from cnlu.training.data.character_masking import CharacterMasking
from cnlu.training.data.dataset import Dataset
from cnlu.training.data.featurize import Row
from cnlu.training.data.frozen_features import add_frozen_features
from cnlu.training.data.out_of_fold import all_members, featurize_by_mask, group_by_mask
from cnlu.training.fit.checkpoint import Checkpoint
from cnlu.training.fit.dev_evaluator import DevEvaluator, onnx_scorer
from cnlu.training.fit.encoder_setup import Encoder, unknown_token_notes
from cnlu.training.fit.grouping_weights import fit_grouping_weights
from cnlu.training.fit.loop import Run, fit, refit, scaled_epochs
from cnlu.training.inputs import Features, TrainingInputs
from cnlu.training.package import Fitted, package
from cnlu.training.request import Log, Request
from cnlu.training.training_log import log_dataset, log_last_epoch_kept, log_summary

FEW_DEV = 20
"""DevEvaluator examples; fewer do not calibrate again a model that continues from a calibrated one"""


@dataclass(kw_only=True)
class TrainingResult:
    """What training leaves in memory beside the directory it wrote."""

    network: Ensemble
    extractor: Extractor
    vocabularies: Vocabularies
    labels: Labels
    dev_metrics: dict[str, Any] | None


@dataclass(frozen=True)
class Evaluation:
    """The examples that measure and calibrate."""

    dev: DevEvaluator | None
    """None where there are none"""
    out_of_fold: bool
    """Whether they are training examples that members leave out at first"""
    chooses_epoch: bool
    """Whether they decide which epoch is kept; else it is the last"""
    keeps_calibration: bool
    """Whether they are too few to calibrate an already calibrated model again"""


def run_pipeline(inputs: TrainingInputs, request: Request, log: Log) -> TrainingResult:
    """Train on the inputs and write the model directory."""
    features = featurize(inputs, request, log)
    network, masker = build_network(inputs, features, request.config)
    evaluation = _evaluation(inputs, features, request, log)
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
    chooses, out_of_fold = evaluation.chooses_epoch, evaluation.out_of_fold
    log_summary(request.out, fitted, chosen=chooses, out_of_fold=out_of_fold, log=log)
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
    """Train, calibrate and export. The calibration belongs to the exported graph, 8-bit or not."""
    run, all_rows = _with_encoder_output(run, features.rows, evaluation.dev, inputs, request)
    state = fit(run, request.resume)
    _finish(run.network)
    calibration, metrics = calibrate(inputs, features, evaluation, run.network)
    refit_epochs = _refit(run, all_rows, inputs.dataset)
    graph = _export(run.network, inputs.encoder, request)
    if request.int8 and evaluation.dev:
        rounded = _calibrate_rounded(evaluation.dev, run.network, graph, run.log)
        keeps = inputs.dataset.held_out_by or evaluation.keeps_calibration
        calibration, metrics = (calibration, metrics) if keeps else rounded
    return Fitted(
        network=run.network,
        graph=graph,
        calibration=calibration,
        dev_metrics=metrics,
        state=state,
        refit_epochs=refit_epochs,
    )


def featurize(inputs: TrainingInputs, request: Request, log: Log) -> Features:
    """Augment the examples and turn them into rows. Raises DataError where no example has text."""
    config, dataset, encoder = request.config, inputs.dataset, inputs.encoder
    extractor = build_extractor(config, dataset.data.lookups, dataset.data.regexes)
    learned, augmented = _augment(inputs, config, extractor)
    tokens = encoder.tokenizer if encoder else None
    rows, vocabularies = featurize_by_mask(
        examples=learned, extractor=extractor, labels=inputs.labels, config=config, tokenizer=tokens, known=inputs.known
    )
    if not rows:
        problem = _("all training examples are empty texts")
        raise DataError(", ".join(map(str, request.data)), problem, _("write some text into them"))
    examples = [example for group in learned.values() for example in group]
    features = Features(
        extractor=extractor, rows=rows, vocabularies=vocabularies, examples=examples, augmented=augmented
    )
    epochs = scaled_epochs(config.training, sum(_learned_first(rows, config)), inputs.epoch_share)
    log_dataset(inputs, features, config, f"device {inputs.device.type}, {epochs} epochs at most", log)
    if encoder:
        log(unknown_token_notes(encoder.tokenizer, dataset.train))
    return features


def _augment(
    inputs: TrainingInputs, config: Config, extractor: Extractor
) -> tuple[dict[int, list[Example]], dict[str, list[Example]]]:
    """(All examples by the bits of the members that leave them out at first, the made ones by what they are).

    An example is only made of examples that the same members leave out.
    """
    learned = group_by_mask(inputs.dataset.train, inputs.dataset.held_out_by)
    made: dict[str, list[Example]] = {}
    for examples in learned.values() if inputs.augment else ():
        for kind, new in augment(list(examples), inputs.dataset.data, config, extractor.segmenter).items():
            made.setdefault(kind, []).extend(new)
            examples.extend(new)
    return learned, made


def _learned_first(rows: list[Row], config: Config) -> list[bool]:
    """Which rows at least one member learns from before the refit."""
    return [row.held_out_by != all_members(config.model.members) for row in rows]


def build_network(
    inputs: TrainingInputs, features: Features, config: Config
) -> tuple[Ensemble, CharacterMasking | None]:
    """The network with its initial weights. It does not contain a frozen encoder, whose output is computed once."""
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
    learning = encoder.aligned_encoder if encoder and config.encoder.tuning != "frozen" else None
    tags = labels.tag_set(config.model.tagging)
    network = Ensemble(
        config.model,
        sizes,
        tags,
        aligned_encoder=learning,
        members_with_encoder=config.encoder.members,
        items=labels.items,
    ).to(inputs.device)
    inputs.initialize(network, labels, features)
    if labels.items:
        network.set_item_weights(fit_grouping_weights(features.rows, labels.items, inputs.item_weights))
    return network, masker


def _evaluation(inputs: TrainingInputs, features: Features, request: Request, log: Log) -> Evaluation:
    """Raises UsageError for training.patience where dev does not choose the epoch."""
    config, dataset, extractor = request.config, inputs.dataset, features.extractor
    held_out, held_out_by = dataset.calibration_examples()
    few = inputs.earlier_calibration is not None and len(held_out) < FEW_DEV
    if not held_out:
        return Evaluation(None, False, False, few)
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
    chooses = len(dataset.dev) >= config.training.min_dev
    if not chooses:
        log_last_epoch_kept(dataset, config, few, log)
    return Evaluation(dev, any(held_out_by), chooses, few)


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
    about = config.to_dict() | ({"weights": inputs.encoder.digest} if inputs.encoder else {}) | inputs.fingerprint
    return Run(
        network=network,
        rows=list(compress(features.rows, _learned_first(features.rows, config))),
        config=config.training,
        dev_score=evaluation.dev.frame_accuracy if evaluation.dev and evaluation.chooses_epoch else None,
        checkpoint=Checkpoint.beside(request.out, about, [*features.examples, *dataset.dev], dataset.data),
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
    """The run and all rows; with a frozen encoder its output is computed and stored in the rows, those of dev too."""
    encoder, config = inputs.encoder, request.config
    if encoder is None or config.encoder.tuning != "frozen":
        return run, rows

    def read(given: list[Row]) -> list[Row]:
        memory, folder = config.encoder.cache_mb << 20, request.out.parent
        return add_frozen_features(
            rows=given,
            aligned_encoder=encoder.aligned_encoder,
            views=encoder.views,
            device=inputs.device,
            memory=memory,
            folder=folder,
            quiet=request.quiet,
        )

    if dev is not None:
        dev.replace_rows(read)
    rows = read(rows)
    return replace(run, rows=list(compress(rows, _learned_first(rows, config)))), rows


def calibrate(
    inputs: TrainingInputs, features: Features, evaluation: Evaluation, network: Ensemble
) -> tuple[Calibration, dict[str, Any] | None]:
    """(The calibration, the dev metrics with it or None)."""
    calibration, metrics = evaluation.dev.calibrate(network) if evaluation.dev else (Calibration(), None)
    if inputs.earlier_calibration and evaluation.keeps_calibration:
        return inputs.earlier_calibration.with_characters(features.vocabularies.seen_characters), None
    return calibration, metrics


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
    if request.int8:
        return quantize(graph)
    return encoder.with_metadata(graph) if encoder else graph


def _calibrate_rounded(
    dev: DevEvaluator, network: Ensemble, graph: bytes, log: Log
) -> tuple[Calibration, dict[str, Any]]:
    """As `calibrate`, of the 8-bit graph that is shipped; logs what the rounding costs."""
    calibration, metrics = dev.calibrate(network, onnx_scorer(graph))
    log(f"int8: dev frames {metrics['frame_accuracy']:.3f}, in float32 {dev.frame_accuracy(network):.3f}")
    return calibration, metrics


def _finish(network: Ensemble) -> None:
    """Round the sparse tables as the model directory does. Raises ModelError where a weight is not finite."""
    round_tables(network)
    if not all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters()):
        raise ModelError("", _("Training diverged: weights are no longer numbers"), _("lower training.learning_rate"))


@contextlib.contextmanager
def _resumable(checkpoint: Checkpoint, log: Log) -> Iterator[None]:
    """Logs, after an interruption, whether --resume can continue."""
    try:
        yield
    except KeyboardInterrupt:
        if checkpoint.exists():
            log("interrupted; run the same command with --resume to continue from the last saved state.")
        else:
            log("interrupted before a state was saved; nothing was written.")
        raise
