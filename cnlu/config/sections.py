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
        "an annotated value such as [大](size:L) applies to entities of its type (by_type) or, as in Rasa, to all "
        "with this surface (everywhere); a `synonym:` section always applies to all types, except entries such as "
        "[大](size)",
        among=("by_type", "everywhere"),
        needs=("annotations",),
    )
    files: str = setting(
        "inside",
        "where the files that the data refers to may be, such as lookup files and links: in the folder of the YAML "
        "file or a folder that is read (inside), or anywhere",
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
        "word segmenter: auto takes rjieba if it is installed (same words, faster), else jieba",
        among=("auto", "jieba", "rjieba"),
        needs=("features.words",),
    )

    def __post_init__(self) -> None:
        check_limits(self, "text")


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """The sparse features of characters and of the sentence."""

    words: bool = setting(
        True, "features of the jieba word around a character, its position in it, and the neighbouring words"
    )
    pinyin: str = setting(
        "off",
        "tone-less pinyin of characters, robust to speech-recognition homophones; fuzzy also merges zh/z, n/l, "
        "ang/an and the like; needs cnlu[zh]",
        among=("off", "plain", "fuzzy"),
    )
    lexicon: str = setting(
        "hint",
        "lookup tables and regexes: hint makes their matches features of the model; extractor also reports a match "
        "as an entity of the table's name if the model found none there; off ignores them",
        among=("hint", "extractor", "off"),
    )
    min_count: int = setting(2, "character features with fewer occurrences are dropped", low=1)
    max_features: int = setting(28_000, "maximum number of character features; the most frequent are kept", low=1)
    sentence_ngram: int = setting(5, "longest character n-gram of the sentence's own features", low=1, high=8)
    sentence_min_count: int = setting(2, "sentence features in fewer examples are dropped", low=1)
    sentence_max_features: int = setting(
        10_000, "maximum number of sentence features; the most frequent are kept", low=1
    )

    def __post_init__(self) -> None:
        check_limits(self, "features")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The joint network."""

    members: int = setting(
        4, "number of networks in the ensemble, whose scores are averaged; the cost grows with it", low=1, high=16
    )
    sparse_width: int = setting(64, "width of the sparse features' projection", low=8, high=1024)
    width: int = setting(128, "width of the transformer", low=8, high=1024)
    layers: int = setting(1, "transformer layers; 0 uses the sparse projection only", low=0, high=12)
    heads: int = setting(4, "attention heads; must divide width", low=1, high=32, needs=("model.layers",))
    feedforward: int = setting(256, "width of the transformer's inner layer", low=8, high=4096, needs=("model.layers",))
    relative_distance: int = setting(
        8, "attention distinguishes distances up to this many characters", low=1, high=64, needs=("model.layers",)
    )
    sparse_dropout: float = setting(0.3, "share of a character's sparse features dropped in training", low=0, high=0.95)
    sentence_dropout: float = setting(0.3, "share of the sentence's features dropped in training", low=0, high=0.95)
    value_dropout: float = setting(
        0.0,
        "probability that an entity's characters lose all features in training, so that type and role are also "
        "learned from the context",
        low=0,
        high=0.95,
        needs=("model.entity_weight",),
    )
    dropout: float = setting(0.2, "dropout inside the network", low=0, high=0.95)
    tagging: str = setting(
        "BIO", "tag scheme of the entity tagger", among=("BIO", "BILOU"), needs=("model.entity_weight",)
    )
    label_width: int = setting(
        64,
        "width of the space that sentences and intent labels share",
        low=2,
        high=1024,
        needs=("model.intent_weight",),
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
        "other labels sampled per sentence by the similarity loss; all of them if there are fewer",
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
        "weight of the masked-character loss (15 % of characters masked and predicted); 0 is off",
        low=0,
        high=10,
    )
    multi_label: bool = setting(
        False,
        "a sentence may have several intents, written a+b in the examples: each is scored by itself, and all above "
        "0.5 are returned, in new combinations too; the settings of the intent loss and of label_width have no "
        "effect then",
        needs=("model.intent_weight",),
    )
    out_of_scope: str = setting(
        "out_of_scope",
        "name of the intent, if there is one, whose examples are out of scope; its probability adds to the "
        "out_of_scope score, which works without it too",
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


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """The pretrained encoder that `--encoder` names; without it these settings have no effect."""

    tuning: str = setting(
        "full",
        "full trains the whole encoder, lora trains low-rank matrices added to it (needs cnlu[lora]), frozen "
        "computes its vectors once and does not train it",
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
        "how many of model.members use the encoder; the others use sparse features alone, and all are averaged",
        low=1,
        high=16,
    )
    learning_rate: float = setting(
        1e-4, "peak learning rate of the encoder's last layer", low=0, high=1, needs=("encoder.tuning: full | lora",)
    )
    layer_decay: float = setting(
        0.9,
        "learning rate of each layer as a share of the one above it",
        low=0.01,
        high=1,
        needs=("encoder.tuning: full | lora",),
    )
    weight_decay: float = setting(
        0.01,
        "weight decay of AdamW; biases and norms are exempt",
        low=0,
        high=1,
        needs=("encoder.tuning: full | lora",),
    )
    accumulate: int = setting(
        1,
        "gradient accumulation: parts of a batch that are computed one after another, to save memory",
        low=1,
        high=1024,
    )
    checkpointing: bool = setting(
        False,
        "gradient checkpointing: compute activations twice instead of storing them; less memory, slower",
        needs=("encoder.tuning: full | lora",),
    )
    precision: str = setting(
        "auto",
        "number format of the encoder in training; auto takes bfloat16 where the device computes it natively",
        among=("auto", "float32", "bfloat16"),
    )
    lora_rank: int = setting(16, "rank of the low-rank matrices", low=1, high=1024, needs=("encoder.tuning: lora",))
    cache_mb: int = setting(
        1024,
        "vectors of a frozen encoder beyond this many megabytes are kept on disk",
        low=1,
        needs=("encoder.tuning: frozen",),
    )
    keep_layers: int = setting(
        0, "number of the encoder's layers to keep, evenly spaced; 0 keeps all", low=0, high=1000
    )
    prune_heads: float = setting(
        0.0, "share of the weakest attention heads of each layer to remove before training", low=0, high=0.9
    )

    def __post_init__(self) -> None:
        check_limits(self, "encoder")


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """What `cnlu check` reports; no model depends on it."""

    ignore: str = setting("", "codes of findings to leave out, separated by commas")
    fail_on: str = setting(
        "warning", "the exit code is 1 if a finding is at least this severe", among=("info", "warning", "error")
    )
    show: int = setting(
        10, "findings of one code that the terminal shows at most; 0 shows all, JSON always has all", low=0
    )
    min_intent_examples: int = setting(5, "an intent with fewer examples is reported", low=1)
    min_entity_examples: int = setting(5, "an entity type with fewer annotations is reported", low=1)
    imbalance: float = setting(
        20.0, "an intent is reported if the largest one has more than this many times its examples", low=1
    )
    missing_annotation_share: float = setting(
        0.8,
        "a missing annotation is reported if the value is annotated in at least this share of its "
        "occurrences; a rare value is judged together with the others of its type",
        low=0.5,
        high=1,
    )
    missing_annotation_common_share: float = setting(
        0.9,
        "the same for ordinary words and numbers, and if the intent never has the type; judged by the value's own "
        "occurrences only",
        low=0.5,
        high=1,
    )
    near_length: int = setting(
        8, "texts of at least this many characters that differ in one character are near duplicates", low=2
    )
    similarity: float = setting(
        0.8,
        "longer texts that share this much of their character bigrams are near duplicates",
        low=0.5,
        high=1,
    )

    def __post_init__(self) -> None:
        check_limits(self, "check")


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings: of a model, and of the check of its examples."""

    data: DataConfig = field(default_factory=DataConfig)
    text: TextConfig = field(default_factory=TextConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig, metadata={"needs": ("encoder",)})
    training: TrainingConfig = field(default_factory=TrainingConfig)
    check: CheckConfig = field(default_factory=CheckConfig)

    def to_dict(self) -> dict[str, Any]:
        """The settings that a model depends on: not `check`, nor `data`, which only shapes the training data."""
        return {name: section for name, section in dataclasses.asdict(self).items() if name not in ("check", "data")}


ENCODER_DEFAULTS: dict[str, dict[str, Any]] = {
    "training": {"epochs": 15, "max_examples": 60_000, "min_epochs": 6, "batch_size": 32, "min_steps": 300},
}
"""The defaults that differ for a model with an encoder; `configs/encoder.yaml` shows all of them."""
