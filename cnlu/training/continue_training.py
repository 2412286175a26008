"""`cnlu train --from MODEL`: train a model further on more examples, which may have new intents and entity types.

Training also replays the examples that the model directory keeps (experience replay, Rolnick et al. 2019, arXiv
1811.11682), because a network that sees only new labels forgets the old ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cnlu.config import ENCODER_DEFAULTS, Config
from cnlu.config.files import build_config
from cnlu.data.grouping import counting_order
from cnlu.data.load import load_data
from cnlu.data.schema import NluData
from cnlu.data.split import stratified_split
from cnlu.errors import UsageError
from cnlu.features.vocabulary import Vocabularies
from cnlu.i18n import _
from cnlu.model.ensemble import Ensemble
from cnlu.progress import no_log
from cnlu.runtime.calibration import Calibration
from cnlu.runtime.labels import Labels
from cnlu.runtime.out_of_scope import OosScorer
from cnlu.training.data.dataset import Dataset, build_dataset, collect_labels
from cnlu.training.data.replay import replay_examples
from cnlu.training.fit.encoder_setup import prepare_encoder
from cnlu.training.inputs import Features, TrainingInputs, prepare, refuse_settings_without_effect
from cnlu.training.pipeline import TrainingResult, run_pipeline
from cnlu.training.request import Log, Request
from cnlu.training.transfer.trained_model import TrainedModel
from cnlu.training.transfer.warm_start import WarmStart

_TRAINABLE_SETTINGS = (
    "learning_rate",
    "layer_decay",
    "weight_decay",
    "accumulate",
    "checkpointing",
    "precision",
    "cache_mb",
)
"""Encoder settings that control training and leave the architecture unchanged"""


def continue_training(origin: Path, request: Request, log: Log = no_log) -> TrainingResult:
    """Train on from the model at `origin` and write the model directory, as `train` does.

    Raises UsageError, DataError or ModelError.
    """
    if request.encoder:
        problem = _("has no effect with --from, because {model} keeps its own", model=origin)
        raise UsageError("--encoder", problem, _("leave one of the two out"))
    device = prepare(request)
    trained = TrainedModel.load(origin, request.config.training.threads)
    if request.int8 and trained.model.tokens is None:
        raise UsageError("--int8", _("has no effect, because {model} has no encoder", model=origin), _("leave it out"))
    _check_segmenter(trained)
    pretrained = trained.pretrained() if trained.model.tokens else None
    request = replace(request, config=inherited(request.config, trained), int8=_int8(request, trained))
    dataset = _dataset(trained, request, log)
    labels = _union(trained.model.labels, collect_labels(dataset, request.config))
    _log_labels(trained, dataset, labels, log)
    warm_start = _warm_start(trained, pretrained.backbone.width if pretrained else 0)
    encoder = prepare_encoder(str(origin), request.config, log, pretrained) if pretrained else None
    refuse_settings_without_effect(request.config, continues=True, stores_examples=request.store_examples)

    def initialize(network: Ensemble, labels: Labels, features: Features) -> None:
        tags = labels.tag_set(request.config.model.tagging).tags
        warm_start.initialize(network, tags, labels, features.vocabularies)

    inputs = TrainingInputs(
        dataset=dataset,
        labels=labels,
        device=device,
        encoder=encoder,
        initialize=initialize,
        initial_vocabularies=warm_start.vocabularies,
        item_weights=warm_start.item_weights,
        earlier_calibration=warm_start.calibration,
        epoch_share=request.config.training.continue_share,
        fingerprint={"from": warm_start.digest},
    )
    return run_pipeline(inputs, request, log)


def _int8(request: Request, trained: TrainedModel) -> bool:
    """Whether to store the encoder in 8 bits: as the model does unless the request says otherwise."""
    return trained.in_8_bits if request.int8 is None else request.int8


def _warm_start(trained: TrainedModel, encoder_width: int) -> WarmStart:
    return WarmStart(
        weights=trained.network_weights(encoder_width),
        item_weights=trained.item_weights(),
        tags=trained.tags.tags,
        labels=trained.model.labels,
        vocabularies=_vocabularies(trained),
        calibration=_calibration(trained),
        digest=trained.digest,
    )


def _check_segmenter(trained: TrainedModel) -> None:
    """Raises UsageError if another jieba dictionary is installed, because the word features would differ."""
    digest, config = trained.files.manifest.get("segmenter"), trained.model.config
    if config.features.words and digest != trained.model.extractor.segmenter.digest:
        problem = _("{model} was trained with another jieba dictionary than the one installed", model=trained.path)
        raise UsageError("--from", problem, _("install the same jieba, or train from scratch"))


def inherited(config: Config, trained: TrainedModel) -> Config:
    """The settings, with those of the architecture and the features taken from the model.

    Raises UsageError if one of these is set to another value.
    """
    model_config = trained.model.config
    defaults: Config = build_config(ENCODER_DEFAULTS if trained.model.tokens else {})
    for section in ("text", "features", "model", "encoder"):
        new, old, default = (getattr(settings, section) for settings in (config, model_config, defaults))
        names = [f.name for f in dataclasses.fields(new) if section != "encoder" or f.name not in _TRAINABLE_SETTINGS]
        for name in names:
            if getattr(new, name) not in (getattr(default, name), getattr(old, name)):
                value = getattr(old, name)
                problem = _("with --from, {model} keeps its own value, {value}", model=trained.path, value=value)
                raise UsageError(f"{section}.{name}", problem, _("leave the setting out, or train from scratch"))
        values = {name: getattr(old, name) for name in names}
        config = replace(config, **{section: replace(new, **values)})
    return config


def _dataset(trained: TrainedModel, request: Request, log: Log) -> Dataset:
    """The new examples and the replayed ones. A new annotation of a text replaces the replayed one."""
    data = load_data(list(request.data), settings=request.config.data)
    training = request.config.training
    if request.dev:
        train, dev = data.examples, load_data(list(request.dev), settings=request.config.data).examples
    else:
        train, dev = stratified_split(data.examples, training.dev_fraction, training.seed)
    new_texts = {example.text for example in [*data.examples, *dev]}
    old_train, old_dev = (
        [example for example in examples if example.text not in new_texts]
        for examples in replay_examples(trained.files.files)
    )
    _add_dictionaries(data, trained.dictionaries())
    return build_dataset(data, [*old_train, *train], [*([] if request.dev else old_dev), *dev], request, log)


def _add_dictionaries(data: NluData, old: NluData) -> None:
    """Adds the model's lookup tables, regexes and synonyms; if a surface has two values, the new one is used."""
    data.synonyms = {**old.synonyms, **data.synonyms}
    data.synonyms_of = {
        kind: {**old.synonyms_of.get(kind, {}), **data.synonyms_of.get(kind, {})}
        for kind in (*old.synonyms_of, *data.synonyms_of)
    }
    for new_tables, old_tables in ((data.regexes, old.regexes), (data.lookups, old.lookups)):
        for name, entries in old_tables.items():
            new_tables[name] = list(dict.fromkeys([*entries, *new_tables.get(name, [])]))


def _union(old: Labels, new: Labels) -> Labels:
    def both(first: dict[str, list[str]], second: dict[str, list[str]]) -> dict[str, list[str]]:
        return {kind: _sorted(first.get(kind, []), second.get(kind, [])) for kind in _sorted(list(first), list(second))}

    groups = both(old.groups, new.groups)
    all_counting = all(side.counting or not side.groups for side in (old, new))
    counting = counting_order({name for names in groups.values() for name in names}) if all_counting else []
    return Labels(
        _sorted(old.intents, new.intents),
        _sorted(old.entities, new.entities),
        both(old.roles, new.roles),
        groups,
        combined=_sorted(old.combined, new.combined),
        counting=counting,
    )


def _sorted(first: Sequence[str], second: Sequence[str]) -> list[str]:
    return sorted({*first, *second})


def _log_labels(trained: TrainedModel, dataset: Dataset, labels: Labels, log: Log) -> None:
    """Log the new labels, and the labels that the model may forget."""
    old = trained.model.labels
    pairs = (("intents", old.intents, labels.intents), ("entity types", old.entities, labels.entities))
    for kind, old_names, names in pairs:
        new = [name for name in names if name not in old_names]
        log(f"from {trained.path}: {len(old_names)} {kind} known, {len(new)} new{': ' if new else ''}{', '.join(new)}")
    annotated = collect_labels(dataset, trained.model.config)
    missing = [name for name in (*old.intents, *old.entities) if name not in {*annotated.intents, *annotated.entities}]
    if missing:
        log(
            f"warning: neither {trained.path} nor the data have examples of {', '.join(missing)}, so the model soon "
            "forgets these labels; add examples of them."
        )


def _vocabularies(trained: TrainedModel) -> Vocabularies:
    oos_scorer = trained.model.assembler.oos_scorer
    return Vocabularies(trained.model.characters, trained.model.sentence, oos_scorer.characters if oos_scorer else "")


def _calibration(trained: TrainedModel) -> Calibration:
    metadata = trained.model.training
    oos_scorer = metadata.get("oos_scorer")
    return Calibration(
        temperature=float(metadata.get("temperature", 1.0)),
        decision_bias=float(metadata.get("decision_bias", 0.0)),
        oos_scorer=OosScorer(**oos_scorer) if oos_scorer else None,
        calibrated_on=int(metadata.get("calibrated_on", 0)),
    )
