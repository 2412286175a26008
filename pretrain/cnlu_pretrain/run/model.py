"""The model of a run: an encoder or a student with its objectives, and the corpus in its ids."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.config import PretrainConfig
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.distill.distiller import Distiller
from cnlu_pretrain.distill.sample import sample_texts
from cnlu_pretrain.distill.student import build_student
from cnlu_pretrain.distill.vocabulary import kept_ids, smaller_corpus
from cnlu_pretrain.encoder.load import Loaded, generator_for, load_encoder, random_encoder
from cnlu_pretrain.objectives.isolation import check_isolation
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.objectives.unmasked import UnmaskedPretrainer
from cnlu_pretrain.run.frozen_layers import freeze_layers
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.weight_average import WeightAverage


@dataclass(frozen=True)
class RunModel:
    """What a run trains, on the CPU in float32."""

    plain: Pretrainer
    corpora: list[Corpus]
    """The corpus of the run and those mixed in, in the ids of the model"""
    head_is_new: bool
    """Whether the head alone trains at first"""
    notes: list[str]
    average: WeightAverage | None = None
    """Averages the weights with the original ones; None: the trained weights are written"""


def load_run_model(request: RunRequest, corpora: list[Corpus]) -> RunModel:
    """An existing encoder, a random one, or a student; raises CnluError if it cannot be trained on the corpora."""
    return _student(request, corpora) if request.teacher else _encoder(request, corpora)


def _encoder(request: RunRequest, corpora: list[Corpus]) -> RunModel:
    config, corpus = request.config, corpora[0]
    objectives = config.objectives
    if request.encoder:
        loaded = load_encoder(request.encoder, corpus, config.run, objectives.trains_head)
    else:
        _refuse_without_original(config, _("a new encoder with random weights has no original"))
        loaded = random_encoder(corpus, config)
    model = loaded.model
    if config.run.isolate != "none":
        check_isolation(model.base_model)
    torch.manual_seed(config.run.seed)
    generator = generator_for(model, objectives.generator_share) if objectives.replaced_token else None
    if config.run.frozen_layers:
        _freeze(loaded, config.run.frozen_layers)
    torch.manual_seed(config.run.seed)  # so that the heads start from the same weights with and without a generator
    family = UnmaskedPretrainer if objectives.simcse or objectives.original else Pretrainer
    plain = family(model, objectives, str(request.encoder), generator)
    if config.run.checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    alpha, vocabulary = config.run.wise_ft, corpus.vocabulary - loaded.new_tokens
    average = WeightAverage(model.base_model, vocabulary, alpha) if alpha < 1 else None
    return RunModel(plain, corpora, loaded.head_is_new, loaded.notes, average)


def _freeze(loaded: Loaded, layers: int) -> None:
    if loaded.new_tokens:
        raise UsageError(
            "run.frozen_layers",
            _("freezes the embeddings, so the vectors of new tokens would not be trained"),
            _("leave it out, or prepare the corpus without --add-tokens"),
        )
    freeze_layers(loaded.model.base_model, layers)


def _student(request: RunRequest, corpora: list[Corpus]) -> RunModel:
    assert request.teacher
    config = request.config
    teacher = load_encoder(
        request.teacher, corpora[0], replace(config.run, dropout=0.0), trains_head=False
    ).model.base_model
    check_isolation(teacher)
    keep = kept_ids(corpora, config.distill.min_count)
    smaller: list[Corpus] = [smaller_corpus(corpus, keep) for corpus in corpora]
    teacher_ids = torch.from_numpy(keep)
    pad, texts = smaller[0].special_tokens.pad, sample_texts(corpora[0], config.run.length)
    student = build_student(teacher, teacher_ids, config, pad, texts)
    torch.manual_seed(config.run.seed)
    plain = Distiller(student.model, config, teacher, teacher_ids, student.directions)
    if config.run.checkpointing:
        student.model.gradient_checkpointing_enable({"use_reentrant": False})
    return RunModel(plain, smaller, False, student.notes)


def for_distillation(config: PretrainConfig) -> PretrainConfig:
    """The settings with rows of isolated sentences, since the teacher reads sentence by sentence.

    Raises UsageError for settings that exclude that.
    """
    if config.run.isolate == "document":
        raise UsageError("run.isolate", _("is document, but a teacher reads sentence by sentence"), _("leave it out"))
    for name in ("replaced_token", "simcse"):
        if getattr(config.objectives, name):
            raise UsageError(f"objectives.{name}", _("cannot be learned from a teacher"), _("leave it out"))
    _refuse_without_original(config, _("a student has no original weights"))
    return replace(config, run=replace(config.run, isolate="sentence"))


def _refuse_without_original(config: PretrainConfig, problem: str) -> None:
    """Raises UsageError for a setting that needs the weights of an original encoder."""
    needing = {
        "objectives.original": bool(config.objectives.original),
        "run.wise_ft": config.run.wise_ft < 1,
        "run.frozen_layers": bool(config.run.frozen_layers),
    }
    for name, is_set in needing.items():
        if is_set:
            raise UsageError(name, problem, _("leave it out"))
