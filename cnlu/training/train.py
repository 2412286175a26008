"""From the user's files to a model directory: the steps of `cnlu train`, in order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain, compress
from pathlib import Path
from typing import Any

import torch

from cnlu.config import Config
from cnlu.config.needs import refuse_without_effect
from cnlu.data.schema import Example
from cnlu.errors import DataError, ModelError, UsageError
from cnlu.export.model_files import model_files
from cnlu.export.network_weights import to_safetensors
from cnlu.export.onnx_export import export_onnx, round_tables, without_notes
from cnlu.export.quantize import quantize
from cnlu.features.build_extractor import build_extractor
from cnlu.features.extract import Extractor
from cnlu.features.synonyms import Synonyms
from cnlu.features.vocabulary import Vocabularies
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.calibration import Calibration
from cnlu.runtime.labels import Labels
from cnlu.runtime.model_dir import check_out, write_model_dir
from cnlu.training.data.augment.augment import augment
from cnlu.training.data.character_masking import CharacterMasking
from cnlu.training.data.dataset import Dataset, collect_labels, counted, dictionary_notes, read_dataset
from cnlu.training.data.featurize import Row
from cnlu.training.data.frozen_features import add_frozen_features
from cnlu.training.data.out_of_fold import all_members, featurize_by_mask, group_by_mask, zero_unseen_features
from cnlu.training.data.replay import replay_files
from cnlu.training.fit.checkpoint import Checkpoint, TrainingState
from cnlu.training.fit.dev_evaluator import DevEvaluator, onnx_scorer
from cnlu.training.fit.encoder_setup import Encoder, prepare_encoder, unknown_token_notes
from cnlu.training.fit.grouping_weights import fit_grouping_weights
from cnlu.training.fit.loop import Run, fit, refit, scaled_epochs
from cnlu.training.request import Log, Request
from cnlu.training.transfer.distillation_targets import DistillationTargets
from cnlu.training.transfer.warm_start import WarmStart

FEW_DEV = 20
"""DevEvaluator examples; fewer do not calibrate a model that goes on from one that is calibrated."""
SHOWN = 3
"""Of the examples that are made, so many are shown"""


@dataclass
class TrainingResult:
    """What training leaves in memory, beside the directory it wrote."""

    network: Ensemble
    extractor: Extractor
    vocabularies: Vocabularies
    labels: Labels
    dev_metrics: dict[str, Any] | None


@dataclass(frozen=True)
class TrainingInputs:
    """What a training begins with."""

    found: Dataset
    labels: Labels
    device: torch.device
    encoder: Encoder | None
    distillation: DistillationTargets | None = None
    """Who gives the answers to learn, text by text; None: they are annotated"""
    warm_start: WarmStart | None = None
    """Whose weights it goes on from; None: from chance"""


def train(request: Request, log: Log = lambda line: None) -> TrainingResult:
    """Train and write the model directory; `log` gets the story, a line at a time.

    Raises UsageError, DataError or ModelError, each one sentence with its mend; an existing model at `out`
    stays as it was until the new one is whole.
    """
    if request.int8 and request.encoder is None:
        raise UsageError("--int8", _("has no effect without --encoder, for it rounds an encoder"), _("leave it out"))
    device = prepare(request)
    found = read_dataset(request, log)
    encoder = prepare_encoder(request.encoder, request.config, log) if request.encoder else None
    return learn(TrainingInputs(found, collect_labels(found, request.config), device, encoder), request, log)


def prepare(request: Request) -> torch.device:
    """What every training does first: refuses a place or a device it cannot use, fixes what is random."""
    if request.int8 and not request.store_weights:
        raise UsageError(
            "--no-store-weights", _("has no effect with --int8, which stores none"), _("leave one of the two out")
        )
    check_out(request.out, request.force)
    device = _device(request.device)
    torch.set_num_threads(request.config.training.threads)
    torch.manual_seed(request.config.training.seed)
    return device


def learn(inputs: TrainingInputs, request: Request, log: Log) -> TrainingResult:
    """From the examples to the model directory."""
    config, found, labels = request.config, inputs.found, inputs.labels
    encoder, device, distillation, warm_start = inputs.encoder, inputs.device, inputs.distillation, inputs.warm_start
    extractor = build_extractor(config, found.data.lookups, found.data.regexes)
    tokens = encoder.tokenizer if encoder else None
    _refuse_without_effect(inputs, request)
    learned, made = _learned(inputs, config, extractor)
    rows, vocabularies = featurize_by_mask(
        learned, extractor, labels, config, tokens, warm_start.vocabularies if warm_start else None
    )
    if not rows:
        raise DataError("All training examples are empty texts; write some text into them.")
    share = config.training.continue_share if warm_start else 1.0
    first = [row.held_out_by != all_members(config.model.members) for row in rows]
    epochs = scaled_epochs(config.training, sum(first), share)
    _tell(found, made, extractor, labels, vocabularies, config, f"device {device.type}, {epochs} epochs at most", log)
    if encoder:
        log(unknown_token_notes(encoder.tokenizer, found.train))
    network, character_masking = _network(config, labels, vocabularies, device, encoder)
    if warm_start:
        warm_start.initialize(network, labels.tag_set(config.model.tagging).tags, labels, vocabularies)
    elif found.held_out_by:
        zero_unseen_features(network, rows)
    if labels.items:
        network.set_item_weights(
            fit_grouping_weights(rows, labels.items, warm_start.item_weights if warm_start else None)
        )
    held_out, held_out_by = found.calibration_examples()
    dev = None
    if held_out:
        synonyms = Synonyms(found.data.synonyms, found.data.synonyms_of, extractor.normalizer)
        dev = DevEvaluator(
            held_out,
            extractor=extractor,
            vocabularies=vocabularies,
            labels=labels,
            config=config,
            synonyms=synonyms,
            tokenizer=tokens,
            held_out_by=held_out_by,
            learned=found.train,
        )
    settings = (
        config.to_dict()
        | ({"weights": encoder.digest} if encoder else {})
        | (distillation.about if distillation else {})
    )
    settings |= {"from": warm_start.digest} if warm_start else {}
    checkpoint = Checkpoint.beside(request.out, settings, [*chain(*learned.values()), *found.dev], found.data)
    few = warm_start is not None and len(held_out) < FEW_DEV
    score = dev.frame_accuracy if dev and _chooses(found, config, few, log) else None
    with _resumable(checkpoint, log):
        if encoder and config.encoder.tuning == "frozen":
            rows = _read_beforehand(rows, dev, encoder, config, device, request)
        run = Run(
            network,
            list(compress(rows, first)),
            config.training,
            score,
            checkpoint,
            device,
            character_masking,
            config.encoder,
            request.quiet,
            log,
            distillation,
            share,
        )
        state = fit(run, request.resume)
        _finish(network)
        calibration, metrics = dev.calibrate(network) if dev else (Calibration(), None)
        if warm_start and few:
            calibration, metrics = warm_start.calibration.with_characters(vocabularies.met), None
        refit_epochs = 0
        if found.held_out_by:
            refit_epochs = refit(replace(run, rows=[replace(row, held_out_by=0) for row in rows]))
            _finish(network)
        if encoder:
            encoder.attach_to(network)
        graph = export_onnx(network)
        if request.int8:
            graph = quantize(graph)
            if dev:
                rounded = _after_rounding(dev, network, graph, log)
                calibration, metrics = (calibration, metrics) if found.held_out_by or few else rounded
        elif encoder:
            graph = encoder.with_metadata(graph)
        metadata = {
            **asdict(calibration),
            "int8": request.int8,
            "seed": config.training.seed,
            "best_epoch": state.best_epoch,
            "history": state.history,
            "refit_epochs": refit_epochs,
            "dev": metrics,
            "examples": counted(found.train, config.model.multi_label),
            **({"distilled": distillation.about} if distillation else {}),
        }
        tokenizer = encoder.tokens_json if encoder else None
        files = model_files(
            config,
            labels,
            found.data,
            vocabularies,
            network,
            without_notes(graph),
            metadata,
            tokenizer,
            _weights(network, request, log),
        )
        files |= _kept(inputs, request, log)
        segmenter = extractor.segmenter.digest if config.features.words else None
        write_model_dir(request.out, files, {"segmenter": segmenter}, request.force)
    checkpoint.clear()
    log(_summary(request.out, state, metrics, score is not None, "left out" if any(held_out_by) else "on dev"))
    return TrainingResult(network, extractor, vocabularies, labels, metrics)


def _learned(
    inputs: TrainingInputs, config: Config, extractor: Extractor
) -> tuple[dict[int, list[Example]], dict[str, list[Example]]]:
    """By the bits of the members that leave them out at first, the examples and those made of them; and the latter by
    what they are. An example is made of such as the same members leave out.
    """
    learned = group_by_mask(inputs.found.train, inputs.found.held_out_by)
    made: dict[str, list[Example]] = {}
    for examples in learned.values() if inputs.distillation is None else ():
        for what, new in augment(list(examples), inputs.found.data, config, extractor.segmenter).items():
            made.setdefault(what, []).extend(new)
            examples.extend(new)
    return learned, made


def _refuse_without_effect(inputs: TrainingInputs, request: Request) -> None:
    unmet = {}
    if not inputs.warm_start:
        unmet["continue"] = _("has no effect without --from")
    if inputs.distillation:
        unmet["store_examples"] = _("has no effect on a student")
    elif not request.store_examples:
        unmet["store_examples"] = _("has no effect with --no-store-examples")
    refuse_without_effect(request.config, unmet)


def _kept(inputs: TrainingInputs, request: Request, log: Log) -> dict[str, bytes]:
    """Files with the examples that a later training from this model learns again."""
    found, training = inputs.found, request.config.training
    if inputs.distillation:
        return {}
    if not request.store_examples:
        log(
            "note: the model keeps none of its examples: `cnlu train --from` it will forget every label that the data "
            "given then have no examples of."
        )
        return {}
    return replay_files(found.train, [] if request.dev else found.dev, training.replay, training.seed)


def _weights(network: Ensemble, request: Request, log: Log) -> bytes | None:
    """The content of network.safetensors. None where --from cannot use it: with --no-store-weights, and with --int8,
    which leaves no encoder that could be trained.
    """
    if request.int8:
        return None
    if not request.store_weights:
        log(
            "note: the model holds no weights for training: `cnlu train --from` cannot continue it; parsing needs none."
        )
        return None
    return to_safetensors(network)


def _chooses(found: Dataset, config: Config, few: bool, log: Log) -> bool:
    """Whether the dev examples decide which pass is kept. Of a few the luckiest pass is no better than another.

    `few`: not even enough to calibrate anew a model that is calibrated.
    """
    training = config.training
    if len(found.dev) >= training.min_dev:
        return True
    problem = _("has no effect with fewer dev examples than training.min_dev ({least})", least=training.min_dev)
    refuse_without_effect(config, {"dev_choice": problem})
    by_one = set(found.held_out_by) - {0, all_members(config.model.members)}
    how = "as before" if few else f"on {len(found.calibration_examples()[0])} examples"
    log(
        f"note: fewer dev examples than training.min_dev ({training.min_dev}) are too few to choose an epoch by: the "
        f"last is kept, calibrated {how}{', each by a network that left it out' if by_one and not few else ''}"
        f"{'; then all are learned from' if found.held_out_by else ''}."
    )
    return False


def _device(wanted: str | None) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no CUDA device here; use --device cpu or install a CUDA build.")
    return torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))


def _tell(
    found: Dataset,
    made: dict[str, list[Example]],
    extractor: Extractor,
    labels: Labels,
    vocabularies: Vocabularies,
    config: Config,
    how: str,
    log: Log,
) -> None:
    """What is about to be trained, on what, and how."""
    for line in [f"note: {note}" for note in found.data.notes] + dictionary_notes(
        found.data, extractor.lexicon, config
    ):
        log(line)
    log(
        f"{len(found.train)} examples{''.join(f' and {len(new)} {what}' for what, new in made.items() if new)}, "
        f"{len(labels.intents)} intents, {len(labels.entities)} entity types, "
        f"{len(found.dev)} dev examples; {len(vocabularies.characters) - 1} character features, "
        f"{len(vocabularies.sentence) - 1} sentence features; {how}"
    )
    for what, new in made.items():
        if new:
            log(f"{what}, such as: {' '.join(shown(example.text) for example in new[:SHOWN])}")


def _network(
    config: Config, labels: Labels, vocabularies: Vocabularies, device: torch.device, encoder: Encoder | None
) -> tuple[Ensemble, CharacterMasking | None]:
    """A frozen encoder stays outside while the network learns: its answers are computed once."""
    character_masking = CharacterMasking.build(vocabularies.characters, device) if config.model.masked_tokens else None
    sizes = Sizes(
        len(vocabularies.characters),
        len(vocabularies.sentence),
        len(labels.intents),
        len(labels.role_names),
        len(labels.group_columns),
        character_masking.characters if character_masking else 0,
        encoder.aligned_encoder.width if encoder else 0,
        encoder.views if encoder else 0,
    )
    learning = encoder.aligned_encoder if encoder and config.encoder.tuning != "frozen" else None
    tags = labels.tag_set(config.model.tagging)
    return Ensemble(
        config.model,
        sizes,
        tags,
        aligned_encoder=learning,
        members_with_encoder=config.encoder.members,
        items=labels.items,
    ).to(device), character_masking


def _read_beforehand(
    rows: list[Row], dev: DevEvaluator | None, encoder: Encoder, config: Config, device: torch.device, request: Request
) -> list[Row]:
    def read(given: list[Row]) -> list[Row]:
        memory = config.encoder.cache_mb << 20
        return add_frozen_features(
            given, encoder.aligned_encoder, encoder.views, device, memory, request.out.parent, request.quiet
        )

    if dev is not None:
        dev.replace_rows(read)
    return read(rows)


@contextlib.contextmanager
def _resumable(checkpoint: Checkpoint, log: Log) -> Iterator[None]:
    """Says what an interruption leaves behind."""
    try:
        yield
    except KeyboardInterrupt:
        if checkpoint.exists():
            log("interrupted; the same command with --resume goes on from the last saved state.")
        else:
            log("interrupted before a state was saved; nothing was written.")
        raise


def _after_rounding(dev: DevEvaluator, network: Ensemble, graph: bytes, log: Log) -> tuple[Calibration, dict[str, Any]]:
    """Calibrated on what is shipped; says what the 8 bits cost."""
    calibration, metrics = dev.calibrate(network, onnx_scorer(graph))
    log(f"int8: dev frames {metrics['frame_accuracy']:.3f}, in float32 {dev.frame_accuracy(network):.3f}")
    return calibration, metrics


def _finish(network: Ensemble) -> None:
    """The weights as they are shipped: whole, and rounded where the model directory rounds them."""
    round_tables(network)
    if not all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters()):
        raise ModelError("Training diverged: weights are no longer numbers; lower training.learning_rate.")


def _summary(out: Path, state: TrainingState, metrics: dict[str, Any] | None, chosen: bool, where: str) -> str:
    written = f"best of {state.epoch} epochs was {state.best_epoch}" if chosen else f"after {state.epoch} epochs"
    if metrics is None:
        return f"{out}: written {written}"
    parts = [f"frames {metrics['frame_accuracy']:.3f}"]
    if metrics["intent"]:
        parts.append(f"intents {metrics['intent']['accuracy']:.3f}, ECE {metrics['intent']['ece']:.3f}")
    if metrics["entity"]:
        parts.append(f"entity F1 {metrics['entity']['f1']:.3f}")
    return f"{out}: written{';' if chosen else ''} {written}; {where}: {', '.join(parts)}"
