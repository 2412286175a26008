"""Knowledge distillation: a trained model teaches a smaller one on unlabelled sentences, for `cnlu distill`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

import torch

from cnlu.config import Config
from cnlu.config.needs import refuse_without_effect
from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.data.unlabelled import annotated, read_texts
from cnlu.errors import DataError, UsageError
from cnlu.i18n import _, n_
from cnlu.model.encoder_output import AlignedEncoder
from cnlu.progress import no_log
from cnlu.text.tokens import AlignedTokenizer
from cnlu.text.view import view
from cnlu.training.data.augment.value_substitution import substitute_values
from cnlu.training.data.dataset import Dataset
from cnlu.training.data.featurize import plan_windows
from cnlu.training.fit.encoder_setup import Encoder, prepare_encoder
from cnlu.training.inputs import TrainingInputs, prepare, refuse_settings_without_effect
from cnlu.training.pipeline import TrainingResult, run_pipeline
from cnlu.training.request import Log, Request
from cnlu.training.transfer.distillation_targets import DistillationTargets
from cnlu.training.transfer.teacher import as_example, teacher_answers, with_vectors
from cnlu.training.transfer.trained_model import TrainedModel

NONE = "none"
MAX_DEV = 1000
"""Maximum number of dev texts; more would only make an epoch longer."""
MEMORY = 1 << 30
"""Bytes of the teacher's scores, and of its vectors, that are kept in memory; larger arrays go to disk."""
_LAYERS = re.compile(r"layers=(.*)")
_SHARED_SETTINGS = (
    ("model", "tagging"),
    ("model", "multi_label"),
    ("features", "lexicon"),
    ("text", "fold_width"),
    ("text", "fold_case"),
    ("text", "simplify"),
)
"""Settings that the student shares with its teacher; otherwise it could not learn the teacher's answers."""


@dataclass(frozen=True)
class Distillation:
    """The options of a distillation."""

    teacher: Path
    """Its model directory"""
    student: str = NONE
    """`none`: on sparse features alone; `layers=N`: on N layers of the teacher's encoder; else a directory or hub name
    of another encoder"""
    _: KW_ONLY
    max_texts: int = 50_000
    """Maximum number of texts, a uniform sample"""
    temperature: float = 2.0
    """Softmax temperature of the intents; above 1, unlikely intents count more"""
    hidden: float | None = None
    """Weight of the hidden-state loss; None: 1 if both have an encoder and the student's is trained"""
    copies: int = 0
    """Number of copies of each annotated sentence, with other entity values, that the student also learns from"""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_texts", 1, 10**9),
            ("temperature", 0.1, 100.0),
            ("hidden", 0.0, 1000.0),
            ("copies", 0, 1000),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                option = name.replace("_", "-")
                fix = _("it must be at least {low} and at most {high}", low=f"{low:g}", high=f"{high:g}")
                raise UsageError(f"--{option}", _("is {value}", value=value), fix)

    @property
    def layers(self) -> int | None:
        """N of `layers=N`. Raises UsageError if it is not a whole number of at least 1."""
        match = _LAYERS.fullmatch(self.student)
        if match is None:
            return None
        if not re.fullmatch(r"[1-9][0-9]{0,3}", match[1]):
            problem = _("is not a number of layers")
            raise UsageError(f"--student {self.student}", problem, _("write a whole number from 1 up, as in layers=4"))
        return int(match[1])


def distill(options: Distillation, request: Request, log: Log = no_log) -> TrainingResult:
    """Train the student and write its model directory, as `train` does; `request.data` are the texts.

    Raises UsageError, DataError or ModelError.
    """
    inputs, request = _student_inputs(options, request, log)  # frees the teacher's memory before training
    return run_pipeline(inputs, request, log)


def _student_inputs(options: Distillation, request: Request, log: Log) -> tuple[TrainingInputs, Request]:
    """The student's training inputs, and the request with the settings that follow from the teacher."""
    if request.int8 and options.student == NONE:
        raise UsageError("--int8", _("has no effect with --student none, which has no encoder"), _("leave it out"))
    layers, notes = options.layers, list[str]()
    device = prepare(request)
    texts = read_texts(request.data, options.max_texts, request.config.training.seed, notes, request.config.data)
    for note in notes:
        log(f"note: {note}")
    teacher = TrainedModel.load(options.teacher, request.config.training.threads)
    request = replace(request, config=_with_layers(_with_shared_settings(request.config, teacher), layers))
    encoder = _encoder(options, layers, teacher, request.config, log)
    teacher_encoder = _teacher_encoder(options, teacher, encoder, log)
    texts, dev = _held_out(texts, teacher, request, log)
    texts += _copies(options.copies, texts, dev, request, log)
    windows = _windows(texts, request.config, encoder.tokenizer if encoder else None)
    folder, quiet = request.out.parent, request.quiet
    answers, examples = teacher_answers(teacher, windows, MEMORY, folder, quiet)
    if teacher_encoder is not None:
        answers = with_vectors(
            answers=answers,
            teacher=teacher,
            aligned_encoder=teacher_encoder,
            texts=windows,
            device=device,
            memory=MEMORY,
            folder=folder,
            quiet=quiet,
        )
    targets = DistillationTargets.build(
        teacher=teacher,
        answers=answers,
        width=encoder.aligned_encoder.width if encoder else 0,
        temperature=options.temperature,
        hidden=_hidden_weight(options),
        device=device,
    )
    refuse_settings_without_effect(request.config, student=True)
    dataset = Dataset(teacher.dictionaries(), examples, dev)
    return _inputs(dataset, teacher, device, encoder, targets), request


def _inputs(
    dataset: Dataset, teacher: TrainedModel, device: torch.device, encoder: Encoder | None, targets: DistillationTargets
) -> TrainingInputs:
    """The student learns the teacher's targets: no example is augmented, and the model directory keeps none."""
    return TrainingInputs(
        dataset=dataset,
        labels=teacher.model.labels,
        device=device,
        encoder=encoder,
        targets=targets,
        augment=False,
        keep_examples=False,
        fingerprint=targets.metadata,
        metadata={"distilled": targets.metadata},
    )


def _with_shared_settings(config: Config, teacher: TrainedModel) -> Config:
    """The settings, with the shared ones taken from the teacher. Raises UsageError for one without effect."""
    defaults, teacher_config = Config(), teacher.model.config
    for section, name in _SHARED_SETTINGS:
        value, inherited = getattr(getattr(config, section), name), getattr(getattr(teacher_config, section), name)
        if value not in (inherited, getattr(getattr(defaults, section), name)):
            problem = _("a student has its teacher's, {value}", value=inherited)
            raise UsageError(f"{section}.{name}", problem, _("leave the setting out"))
        config = replace(config, **{section: replace(getattr(config, section), **{name: inherited})})
    refuse_without_effect(config, {"annotations": _("has no effect on a student, which learns no annotations")})
    for name in ("intent_weight", "entity_weight"):
        if not getattr(config.model, name):
            problem = _("is 0, but a student learns both intents and entities from its teacher")
            raise UsageError(f"model.{name}", problem, _("leave it out"))
    return config


def _with_layers(config: Config, layers: int | None) -> Config:
    if layers is None:
        return config
    if config.encoder.keep_layers not in (0, layers):
        problem = _("has no effect with {option}", option=f"--student layers={layers}")
        raise UsageError("encoder.keep_layers", problem, _("leave one of the two out"))
    return replace(config, encoder=replace(config.encoder, keep_layers=layers))


def _encoder(
    options: Distillation, layers: int | None, teacher: TrainedModel, config: Config, log: Log
) -> Encoder | None:
    """The encoder of the student."""
    if options.student == NONE:
        return None
    if layers is None:
        return prepare_encoder(options.student, config, log)
    pretrained = teacher.pretrained()
    count = pretrained.backbone.num_hidden_layers
    if layers > count:
        problem = n_(
            "the encoder of {model} has {count} layer",
            "the encoder of {model} has {count} layers",
            count,
            model=teacher.path,
        )
        raise UsageError(f"--student layers={layers}", problem, _("keep at most {count}", count=count))
    return prepare_encoder(str(teacher.path), config, log, pretrained)


def _teacher_encoder(
    options: Distillation, teacher: TrainedModel, encoder: Encoder | None, log: Log
) -> AlignedEncoder | None:
    """The teacher's encoder if the student learns from its hidden states, else None."""
    trains_encoder = encoder is not None and encoder.tuning != "frozen"
    if not trains_encoder and options.hidden is not None:
        raise UsageError("--hidden", _("has no effect on a student without an encoder that learns"), _("leave it out"))
    if not trains_encoder or not _hidden_weight(options):
        return None
    try:
        return teacher.aligned_encoder()
    except UsageError as error:
        if options.hidden is not None:
            raise
        log(f"note: the student does not learn from hidden states: {error}")
        return None


def _hidden_weight(options: Distillation) -> float:
    return 1.0 if options.hidden is None else options.hidden


def _held_out(texts: list[str], teacher: TrainedModel, request: Request, log: Log) -> tuple[list[str], list[Example]]:
    """(The training texts, the dev examples). Without --dev, the latter are some texts with the teacher's answers."""
    if request.dev:
        refuse_without_effect(request.config, {"dev_split": _("has no effect with --dev")})
        examples = load_data(list(request.dev), settings=request.config.data).examples
        dev = [example for example in examples if example.text.strip()]
        dev_texts = {example.text for example in dev}
        texts = [text for text in texts if text not in dev_texts]
        if not texts:
            raise DataError("--data", _("all its texts are also dev texts"), _("give other texts"))
        return texts, dev
    count = min(MAX_DEV, int(len(texts) * request.config.training.dev_fraction))
    if count:
        log(f"dev: the student is compared with its teacher on texts held out ({count})")
    else:
        refuse_without_effect(request.config, {"dev_choice": _("has no effect with no dev texts")})
        log(
            "note: there are no dev texts (too few texts, or training.dev_fraction is 0): "
            "the last epoch is kept, uncalibrated."
        )
    return texts[count:], [as_example(result) for result in teacher.model.parse_batch(texts[:count])]


def _copies(count: int, texts: list[str], dev: list[Example], request: Request, log: Log) -> list[str]:
    """Copies of the annotated examples among `texts` with other entity values, without dev texts.

    With little text, adding sentences of another kind harms the student. These are of the same kind, and the teacher
    scores each of them.
    """
    if not count:
        return []
    train_texts, seed = set(texts), request.config.training.seed
    examples = [example for example in annotated(request.data, request.config.data) if example.text in train_texts]
    known_texts = train_texts | {example.text for example in dev}
    copies = {copy.text: None for i in range(count) for copy in substitute_values(examples, 1.0, seed + i)}
    new_texts = [text for text in copies if text not in known_texts]
    if not new_texts:
        problem = _("there are no annotated entities in --data to replace")
        raise UsageError("--copies", problem, _("add annotated examples, or leave it out"))
    log(f"adding {len(new_texts)} copies of sentences with other entity values")
    return new_texts


def _windows(texts: Sequence[str], config: Config, tokens: AlignedTokenizer | None) -> list[str]:
    """The texts that the student reads: windows of long texts, and the part that their intent is classified from."""
    parts: dict[str, None] = {}
    for text in texts:
        visible = view(text)
        plan = plan_windows(visible.text, config, tokens)
        parts |= dict.fromkeys(visible.part([(window.start, window.end)]).raw for window in plan.windows)
        if plan.intent:
            parts[visible.part(plan.intent).raw] = None
    return [part for part in parts if len(view(part))]
