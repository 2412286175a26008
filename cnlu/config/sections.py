"""Every setting, its default and what it does. `cnlu.config.files` reads them from YAML and `--set`.

A setting is a dataclass field made by `setting(default, doc, ...)`: the doc line is what
`configs/default.yaml` shows, the limits are checked whenever a section is built.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from cnlu.config.setting import check_limits, setting
from cnlu.config.training import TrainingConfig
from cnlu.errors import UsageError
from cnlu.i18n import _


@dataclass(frozen=True)
class DataConfig:
    """How the files of examples are read."""

    synonyms: str = setting(
        "by_type",
        "the value that an annotation such as [大](size:L) gives counts for entities of its type (by_type), or, as in "
        "Rasa, for all that read so (everywhere); what a `synonym:` section lists counts for all types either way, "
        "unless it is written [大](size) there",
        among=("by_type", "everywhere"),
        needs=("annotations",),
    )
    files: str = setting(
        "inside",
        "where a file may lie that the data lead to, as the name of a lookup table's file or as a link in a folder: in "
        "the folder of the YAML file that names it or in a folder that is read (inside), or anywhere",
        among=("inside", "anywhere"),
    )

    def __post_init__(self) -> None:
        check_limits(self, "data")


@dataclass(frozen=True)
class TextConfig:
    """How raw text becomes comparable characters and words (labels always refer to the raw text)."""

    fold_width: bool = setting(True, "full-width and compatibility forms count as their plain form: Ｇ１２ is G12")
    fold_case: bool = setting(True, "Latin letters count as lower case")
    simplify: bool = setting(False, "traditional characters count as simplified ones; needs cnlu[zh]")
    segmenter: str = setting(
        "auto",
        "who cuts words: auto takes rjieba when installed (same words, faster), else jieba",
        among=("auto", "jieba", "rjieba"),
        needs=("features.words",),
    )

    def __post_init__(self) -> None:
        check_limits(self, "text")


@dataclass(frozen=True)
class FeatureConfig:
    """The sparse features of characters and of the sentence."""

    words: bool = setting(True, "the jieba word a character stands in, its place in it, and the words around")
    pinyin: str = setting(
        "off",
        "tone-less pinyin of characters, robust to speech-recognition homophones; fuzzy also joins zh/z, n/l, "
        "ang/an and the like; needs cnlu[zh]",
        among=("off", "plain", "fuzzy"),
    )
    lexicon: str = setting(
        "hint",
        "lookup tables and regexes: hint makes their hits features that the model may follow or not; extractor "
        "also reports a hit as an entity of the table's name wherever the model found none; off ignores them",
        among=("hint", "extractor", "off"),
    )
    min_count: int = setting(2, "a feature of characters seen in fewer places is dropped", low=1)
    max_features: int = setting(28_000, "most features of characters that are kept, the most frequent", low=1)
    sentence_ngram: int = setting(5, "longest character n-gram of the sentence's own features", low=1, high=8)
    sentence_min_count: int = setting(2, "a sentence feature seen in fewer examples is dropped", low=1)
    sentence_max_features: int = setting(10_000, "most features of sentences that are kept, the most frequent", low=1)

    def __post_init__(self) -> None:
        check_limits(self, "features")


@dataclass(frozen=True)
class ModelConfig:
    """The joint network."""

    members: int = setting(
        4, "networks trained side by side, their scores averaged: steadier, at so many times the cost", low=1, high=16
    )
    sparse_width: int = setting(64, "width of the sparse features' projection", low=8, high=1024)
    width: int = setting(128, "width of the transformer", low=8, high=1024)
    layers: int = setting(1, "transformer layers; 0 leaves the sparse projection alone", low=0, high=12)
    heads: int = setting(4, "attention heads; must divide width", low=1, high=32, needs=("model.layers",))
    feedforward: int = setting(256, "width of the transformer's inner layer", low=8, high=4096, needs=("model.layers",))
    relative_distance: int = setting(
        8, "attention tells distances apart up to this many characters", low=1, high=64, needs=("model.layers",)
    )
    sparse_dropout: float = setting(0.3, "share of a character's sparse features dropped in training", low=0, high=0.95)
    sentence_dropout: float = setting(0.3, "share of the sentence's features dropped in training", low=0, high=0.95)
    value_dropout: float = setting(
        0.0,
        "chance that an entity's own characters lose all features in training, so that type and role are also "
        "learned from what stands around it",
        low=0,
        high=0.95,
        needs=("model.entity_weight",),
    )
    dropout: float = setting(0.2, "dropout inside the network", low=0, high=0.95)
    tagging: str = setting(
        "BIO", "tag scheme of the entity tagger", among=("BIO", "BILOU"), needs=("model.entity_weight",)
    )
    label_width: int = setting(
        64, "width of the space where sentences meet intent labels", low=2, high=1024, needs=("model.intent_weight",)
    )
    intent_loss: str = setting(
        "similarity",
        "similarity scores the sentence against its label and sampled others (StarSpace-like, as DIET); "
        "cross_entropy against all labels",
        among=("similarity", "cross_entropy"),
        needs=("model.intent_weight", "model.multi_label: false", "annotations"),
    )
    negatives: int = setting(
        100,
        "other labels sampled per sentence by the similarity loss; with fewer labels all count",
        low=1,
        needs=("model.intent_weight", "model.multi_label: false", "model.intent_loss: similarity", "annotations"),
    )
    label_smoothing: float = setting(
        0.0,
        "intent probability spread over the other labels",
        low=0,
        high=0.5,
        needs=("model.intent_weight", "model.multi_label: false", "model.intent_loss: cross_entropy", "annotations"),
    )
    masked_tokens: float = setting(
        0.0,
        "weight of the masked-character loss (15 % of characters hidden and guessed); 0 is off",
        low=0,
        high=10,
    )
    multi_label: bool = setting(
        False,
        "a sentence may have several intents, written a+b in the examples: each is scored by itself, and all that "
        "are likelier than not are given, in combinations never seen too; settings of the intent's loss and its label "
        "width are of no use then",
        needs=("model.intent_weight",),
    )
    out_of_scope: str = setting(
        "out_of_scope",
        "an intent of this name holds sentences that belong to no other: its probability counts into the score of the "
        "same name, which needs no such intent",
    )
    intent_weight: float = setting(1.0, "weight of the intent loss", low=0, high=100)
    entity_weight: float = setting(1.0, "weight of the entity loss", low=0, high=100)

    def __post_init__(self) -> None:
        check_limits(self, "model")
        if self.width % self.heads:
            problem = _("is {width}, not a multiple of model.heads: {heads}", width=self.width, heads=self.heads)
            raise UsageError("model.width", problem, _("change one of the two"))
        if not self.intent_weight and not self.entity_weight:
            problem = _("model.entity_weight is 0 too, and there is nothing to learn")
            raise UsageError("model.intent_weight", problem, _("give one of the two a weight"))


@dataclass(frozen=True)
class EncoderConfig:
    """The pretrained encoder that `--encoder` names; without one these have no effect."""

    tuning: str = setting(
        "full",
        "full trains all of the encoder, lora small additions to it (needs cnlu[lora]), frozen none of it: its vectors "
        "are computed once",
        among=("full", "lora", "frozen"),
    )
    sentence: str = setting(
        "cls",
        "the vector of the whole text: cls, mean or max of the last layer, mean of the first and the last layer, or "
        "a learned mixture of the last four layers' cls",
        among=("cls", "mean", "max", "first_last", "last_four"),
    )
    members: int = setting(
        2,
        "how many of model.members read the encoder; the others go by sparse features alone, and all are averaged",
        low=1,
        high=16,
    )
    learning_rate: float = setting(
        1e-4, "peak rate of the encoder's last layer", low=0, high=1, needs=("encoder.tuning: full | lora",)
    )
    layer_decay: float = setting(
        0.9,
        "each layer below learns at this share of the rate above it",
        low=0.01,
        high=1,
        needs=("encoder.tuning: full | lora",),
    )
    weight_decay: float = setting(
        0.01, "AdamW's decay; biases and norms are exempt", low=0, high=1, needs=("encoder.tuning: full | lora",)
    )
    accumulate: int = setting(1, "parts a batch is computed in, one after another, to save memory", low=1, high=1024)
    checkpointing: bool = setting(
        False,
        "compute activations twice instead of keeping them: less memory, slower",
        needs=("encoder.tuning: full | lora",),
    )
    precision: str = setting(
        "auto",
        "of the encoder's arithmetic in training; auto takes bfloat16 where the device computes it natively",
        among=("auto", "float32", "bfloat16"),
    )
    lora_rank: int = setting(16, "rank of the additions under lora", low=1, high=1024, needs=("encoder.tuning: lora",))
    cache_mb: int = setting(
        1024,
        "a frozen encoder's vectors beyond this many megabytes lie on disk",
        low=1,
        needs=("encoder.tuning: frozen",),
    )
    keep_layers: int = setting(0, "layers kept of the encoder, evenly spread; 0 keeps all", low=0, high=1000)
    prune_heads: float = setting(
        0.0, "share of each layer's attention heads removed before training, the weakest", low=0, high=0.9
    )

    def __post_init__(self) -> None:
        check_limits(self, "encoder")


@dataclass(frozen=True)
class CheckConfig:
    """What `cnlu check` reports; no model depends on it."""

    ignore: str = setting("", "codes of findings that are left out, separated by commas")
    fail_on: str = setting(
        "warning", "the exit code is 1 where a finding is at least this severe", among=("info", "warning", "error")
    )
    show: int = setting(10, "most findings of one code that the terminal shows; JSON holds all; 0 shows all", low=0)
    min_intent_examples: int = setting(5, "an intent with fewer examples is reported", low=1)
    min_entity_examples: int = setting(5, "an entity type with fewer annotations is reported", low=1)
    imbalance: float = setting(
        20.0, "an intent is reported where the largest one has more than this many times its examples", low=1
    )
    missing_annotation_share: float = setting(
        0.8,
        "a missing annotation is reported if the value is annotated in at least this share of its places; a value seen "
        "rarely is judged by the others of its type too",
        low=0.5,
        high=1,
    )
    missing_annotation_common_share: float = setting(
        0.9,
        "the same for ordinary words and numbers, and where the intent never has the type: judged by themselves alone",
        low=0.5,
        high=1,
    )
    near_length: int = setting(
        8, "texts of at least this many characters that differ in one are nearly the same", low=2
    )
    similarity: float = setting(
        0.8,
        "longer texts are nearly the same where they share this much of their pairs of neighbouring characters",
        low=0.5,
        high=1,
    )

    def __post_init__(self) -> None:
        check_limits(self, "check")


@dataclass(frozen=True)
class Config:
    """All settings: of one model, and of the check of its examples."""

    data: DataConfig = field(default_factory=DataConfig)
    text: TextConfig = field(default_factory=TextConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig, metadata={"needs": ("encoder",)})
    training: TrainingConfig = field(default_factory=TrainingConfig)
    check: CheckConfig = field(default_factory=CheckConfig)

    def to_dict(self) -> dict[str, Any]:
        """What a model depends on: not `check`, nor `data`, whose effects are the examples and dictionaries."""
        return {name: section for name, section in dataclasses.asdict(self).items() if name not in ("check", "data")}


ENCODER_DEFAULTS: dict[str, dict[str, Any]] = {
    "training": {"epochs": 15, "max_examples": 60_000, "min_epochs": 6, "batch_size": 32, "min_steps": 300},
}
"""What is set otherwise for a model with an encoder; `configs/encoder.yaml` shows the whole."""
