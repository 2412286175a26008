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
"""Encoder settings that control training and do not change the architecture"""


def continue_training(origin: Path, request: Request, log: Log = no_log) -> TrainingResult:
    """Train on from the model at `origin` and write the model directory, as `train` does.

    Raises UsageError, DataError or ModelError.
    """
    if request.encoder:
        problem = _("has no effect with --from, for {model} keeps its own", model=origin)
        raise UsageError("--encoder", problem, _("leave one of the two out"))
    device = prepare(request)
    trained = TrainedModel.load(origin, request.config.training.threads)
    if request.int8 and trained.model.tokens is None:
        raise UsageError("--int8", _("has no effect, for {model} has no encoder", model=origin), _("leave it out"))
    _check_segmenter(trained)
    encoded = trained.pretrained() if trained.model.tokens else None
    request = replace(request, config=inherited(request.config, trained))
    dataset = _dataset(trained, request, log)
    labels = _union(trained.model.labels, collect_labels(dataset, request.config))
    _log_labels(trained, dataset, labels, log)
    warm_start = _warm_start(trained, encoded.backbone.width if encoded else 0)
    encoder = prepare_encoder(str(origin), request.config, log, encoded) if encoded else None
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
    """Raises UsageError for another jieba dictionary, which would give other word features than the trained ones."""
    used, config = trained.files.manifest.get("segmenter"), trained.model.config
    if config.features.words and used != trained.model.extractor.segmenter.digest:
        problem = _("{model} was trained with another jieba dictionary than the one installed", model=trained.path)
        raise UsageError("--from", problem, _("install the same jieba, or train from scratch"))


def inherited(config: Config, trained: TrainedModel) -> Config:
    """The settings, with those of the architecture and the features taken from the model.

    Raises UsageError for one that is set to another value.
    """
    own = trained.model.config
    usual: Config = build_config(ENCODER_DEFAULTS if trained.model.tokens else {})
    for section in ("text", "features", "model", "encoder"):
        given, kept, default = (getattr(one, section) for one in (config, own, usual))
        names = [f.name for f in dataclasses.fields(given) if section != "encoder" or f.name not in _TRAINABLE_SETTINGS]
        for name in names:
            if getattr(given, name) not in (getattr(default, name), getattr(kept, name)):
                value = getattr(kept, name)
                problem = _("with --from, {model} keeps its own value, {value}", model=trained.path, value=value)
                raise UsageError(f"{section}.{name}", problem, _("leave the setting out, or train from scratch"))
        values = {name: getattr(kept, name) for name in names}
        config = replace(config, **{section: replace(given, **values)})
    return config


def _dataset(trained: TrainedModel, request: Request, log: Log) -> Dataset:
    """The new examples, and the replayed ones with other texts: a new annotation of a text replaces the old one."""
    data = load_data(list(request.data), settings=request.config.data)
    training = request.config.training
    if request.dev:
        new, held = data.examples, load_data(list(request.dev), settings=request.config.data).examples
    else:
        new, held = stratified_split(data.examples, training.dev_fraction, training.seed)
    learned, kept_out = replay_examples(trained.files.files)
    known = {example.text for example in [*data.examples, *held]}
    old = [example for example in learned if example.text not in known]
    out = [] if request.dev else [example for example in kept_out if example.text not in known]
    _with_dictionaries(data, trained.dictionaries())
    return build_dataset(data, [*old, *new], [*out, *held], request, log)


def _with_dictionaries(data: NluData, old: NluData) -> None:
    """Adds the model's lookup tables, regexes and synonyms; of a surface with two values the new one counts."""
    data.synonyms = {**old.synonyms, **data.synonyms}
    data.synonyms_of = {
        kind: {**old.synonyms_of.get(kind, {}), **data.synonyms_of.get(kind, {})}
        for kind in (*old.synonyms_of, *data.synonyms_of)
    }
    for mine, other in ((data.regexes, old.regexes), (data.lookups, old.lookups)):
        for name, entries in other.items():
            mine[name] = list(dict.fromkeys([*entries, *mine.get(name, [])]))


def _union(old: Labels, new: Labels) -> Labels:
    def both(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, list[str]]:
        return {kind: _sorted(one.get(kind, []), other.get(kind, [])) for kind in _sorted(list(one), list(other))}

    groups = both(old.groups, new.groups)
    counts = all(side.counting or not side.groups for side in (old, new))
    counting = counting_order({name for names in groups.values() for name in names}) if counts else []
    return Labels(
        _sorted(old.intents, new.intents),
        _sorted(old.entities, new.entities),
        both(old.roles, new.roles),
        groups,
        combined=_sorted(old.combined, new.combined),
        counting=counting,
    )


def _sorted(one: Sequence[str], other: Sequence[str]) -> list[str]:
    return sorted({*one, *other})


def _log_labels(trained: TrainedModel, dataset: Dataset, labels: Labels, log: Log) -> None:
    """Log the new labels, and those that the model may forget."""
    old = trained.model.labels
    for what, known, now in (("intents", old.intents, labels.intents), ("entity types", old.entities, labels.entities)):
        new = [name for name in now if name not in known]
        log(f"from {trained.path}: {len(known)} {what} known, {len(new)} new{': ' if new else ''}{', '.join(new)}")
    shown = collect_labels(dataset, trained.model.config)
    gone = [name for name in (*old.intents, *old.entities) if name not in {*shown.intents, *shown.entities}]
    if gone:
        log(
            f"warning: neither {trained.path} nor the data have examples of {', '.join(gone)}, so the model soon "
            "forgets these labels; add examples of them."
        )


def _vocabularies(trained: TrainedModel) -> Vocabularies:
    oos_scorer = trained.model.assembler.oos_scorer
    return Vocabularies(trained.model.characters, trained.model.sentence, oos_scorer.characters if oos_scorer else "")


def _calibration(trained: TrainedModel) -> Calibration:
    metadata = trained.model.training
    oos_scorer = metadata.get("oos_scorer")
    fitted = float(metadata.get("temperature", 1.0)), float(metadata.get("decision_bias", 0.0))
    return Calibration(*fitted, OosScorer(**oos_scorer) if oos_scorer else None, int(metadata.get("calibrated_on", 0)))
