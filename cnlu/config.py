"""Every setting, its default and what it does; YAML and `--set` overrides read into it.

A setting is a dataclass field made by `setting(default, doc, ...)`: the doc line is what
`configs/default.yaml` shows, the limits are checked whenever a section is built.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cnlu.data.files import read_text
from cnlu.data.wording import shown
from cnlu.data.yaml_nodes import parse_yaml, plain_value
from cnlu.errors import UsageError


def setting(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    among: tuple[str, ...] = (),
) -> Any:
    """A dataclass field with its documentation and its limits (`low` and `high` inclusive)."""
    return field(default=default, metadata={"doc": doc, "low": low, "high": high, "among": among})


def _check_limits(section: Any, name: str) -> None:
    for f in dataclasses.fields(section):
        value, meta = getattr(section, f.name), f.metadata
        if meta.get("among") and value not in meta["among"]:
            raise UsageError(f"{name}.{f.name} is {value!r}; choose one of: {', '.join(meta['among'])}.")
        low, high = meta.get("low"), meta.get("high")
        if low is not None and value < low:
            raise UsageError(f"{name}.{f.name} is {value}; it must be at least {low}.")
        if high is not None and value > high:
            raise UsageError(f"{name}.{f.name} is {value}; it must be at most {high}.")


@dataclass(frozen=True)
class TextConfig:
    """How raw text becomes comparable characters and words (labels always refer to the raw text)."""

    fold_width: bool = setting(
        True, "full-width and compatibility forms count as their plain form: Ｇ１２ is G12"
    )
    fold_case: bool = setting(True, "Latin letters count as lower case")
    simplify: bool = setting(False, "traditional characters count as simplified ones; needs cnlu[zh]")
    segmenter: str = setting(
        "auto",
        "who cuts words: auto takes rjieba when installed (same words, faster), else jieba",
        among=("auto", "jieba", "rjieba"),
    )

    def __post_init__(self) -> None:
        _check_limits(self, "text")


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
    max_features: int = setting(32_000, "most features of characters that are kept, the most frequent", low=1)
    sentence_ngram: int = setting(5, "longest character n-gram of the sentence's own features", low=1, high=8)
    sentence_min_count: int = setting(2, "a sentence feature seen in fewer examples is dropped", low=1)
    sentence_max_features: int = setting(12_000, "most features of sentences that are kept, the most frequent", low=1)

    def __post_init__(self) -> None:
        _check_limits(self, "features")


@dataclass(frozen=True)
class ModelConfig:
    """The joint network."""

    members: int = setting(
        3, "networks trained side by side, their scores averaged: steadier, at so many times the cost", low=1, high=16
    )
    sparse_width: int = setting(64, "width of the sparse features' projection", low=8, high=1024)
    width: int = setting(128, "width of the transformer", low=8, high=1024)
    layers: int = setting(2, "transformer layers; 0 leaves the sparse projection alone", low=0, high=12)
    heads: int = setting(4, "attention heads; must divide width", low=1, high=32)
    feedforward: int = setting(256, "width of the transformer's inner layer", low=8, high=4096)
    relative_distance: int = setting(
        8, "attention tells distances apart up to this many characters", low=1, high=64
    )
    sparse_dropout: float = setting(
        0.3, "share of a character's sparse features dropped in training", low=0, high=0.95
    )
    sentence_dropout: float = setting(
        0.3, "share of the sentence's features dropped in training", low=0, high=0.95
    )
    value_dropout: float = setting(
        0.0,
        "chance that an entity's own characters lose all features in training, so that type and role are also "
        "learned from what stands around it",
        low=0,
        high=0.95,
    )
    dropout: float = setting(0.2, "dropout inside the network", low=0, high=0.95)
    tagging: str = setting("BIO", "tag scheme of the entity tagger", among=("BIO", "BILOU"))
    label_width: int = setting(64, "width of the space where sentences meet intent labels", low=2, high=1024)
    intent_loss: str = setting(
        "similarity",
        "similarity scores the sentence against its label and sampled others (StarSpace-like, as DIET); "
        "cross_entropy against all labels",
        among=("similarity", "cross_entropy"),
    )
    negatives: int = setting(
        100, "other labels sampled per sentence by the similarity loss; with fewer labels all count", low=1
    )
    label_smoothing: float = setting(0.0, "intent probability spread over the other labels", low=0, high=0.5)
    masked_tokens: float = setting(
        0.0,
        "weight of the masked-character loss (15 % of characters hidden and guessed); 0 is off",
        low=0,
        high=10,
    )
    intent_weight: float = setting(1.0, "weight of the intent loss", low=0, high=100)
    entity_weight: float = setting(1.0, "weight of the entity loss", low=0, high=100)

    def __post_init__(self) -> None:
        _check_limits(self, "model")
        if self.width % self.heads:
            raise UsageError(f"model.width ({self.width}) must be a multiple of model.heads ({self.heads}).")
        if not self.intent_weight and not self.entity_weight:
            raise UsageError(
                "model.intent_weight and model.entity_weight are both 0: there is nothing to learn."
            )


@dataclass(frozen=True)
class TrainingConfig:
    """Batches, optimiser, stopping."""

    max_epochs: int = setting(30, "most passes over the training data", low=1)
    max_examples: int = setting(
        72_000,
        "passes are cut so that no more examples than this are seen, but never below min_epochs",
        low=1,
    )
    min_epochs: int = setting(8, "fewest planned passes", low=1)
    batch_size: int = setting(64, "examples a step", low=1)
    balance: float = setting(
        0.0,
        "0 draws intents as often as they occur, 1 equally often, between: their count to the power 1-balance",
        low=0,
        high=1,
    )
    learning_rate: float = setting(2e-3, "peak rate of the network", low=0, high=1)
    sparse_learning_rate: float = setting(2e-3, "peak rate of the sparse projections", low=0, high=1)
    crf_learning_rate: float = setting(1e-2, "peak rate of the tagger's transitions", low=0, high=1)
    weight_decay: float = setting(0.01, "AdamW's decay, transitions exempt", low=0, high=1)
    warmup: float = setting(
        0.1, "share of the steps in which the rate rises; it falls linearly after", low=0, high=0.9
    )
    clip: float = setting(1.0, "largest gradient norm", low=0.001)
    average: float = setting(
        0.99, "decay of the running average of the weights that is kept; 0 keeps the last", low=0, high=0.9999
    )
    dev_fraction: float = setting(
        0.1, "share of the examples held out for early stopping without --dev", low=0, high=0.5
    )
    patience: int = setting(8, "epochs without a better dev frame accuracy before training stops", low=1)
    max_length: int = setting(
        256, "longer texts are cut into overlapping windows of this many characters", low=16, high=4096
    )
    checkpoint_seconds: int = setting(
        30, "how often, at most, the state for --resume is saved (after an epoch)", low=0
    )
    seed: int = setting(1, "fixes everything random", low=0, high=2**32 - 1)
    threads: int = setting(
        1, "CPU threads; a model this small is fastest per CPU second with one", low=1, high=256
    )

    def __post_init__(self) -> None:
        _check_limits(self, "training")
        if self.min_epochs > self.max_epochs:
            raise UsageError(
                f"training.min_epochs ({self.min_epochs}) is above training.max_epochs ({self.max_epochs})."
            )


@dataclass(frozen=True)
class Config:
    """All settings of one model."""

    text: TextConfig = field(default_factory=TextConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str = "the configuration") -> Config:
        """Build from nested mappings; raises UsageError for an unknown key (naming the nearest) or a wrong type."""
        sections = {f.name: f for f in dataclasses.fields(cls)}
        built = {}
        for name, content in values.items():
            if name not in sections:
                raise UsageError(f"{where}: unknown section {name!r}{_nearest(name, sections)}.")
            if content is not None and not isinstance(content, Mapping):
                raise UsageError(f"{where}: section {name!r} must hold settings, not {content!r}.")
        try:
            for name, content in values.items():
                built[name] = _section(_types(cls)[name], content or {}, name)
            return cls(**built)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def load_config(
    path: str | Path | None, overrides: list[str] | None = None, seed: int | None = None
) -> Config:
    """Read a YAML file (None: the defaults), then apply `section.key=value` overrides and the seed.

    Raises UsageError, or DataError for a file that cannot be read, naming the place and the mend.
    """
    values = _read_yaml(Path(path)) if path is not None else {}
    for override in overrides or []:
        key, equals, text = override.partition("=")
        section, dot, name = key.strip().partition(".")
        if not equals or not dot:
            raise UsageError(
                f"--set {override!r}: write it as section.key=value, for example model.width=128."
            )
        sections = [f.name for f in dataclasses.fields(Config)]
        if section not in sections:
            raise UsageError(f"--set {override!r}: unknown section {section!r}{_nearest(section, sections)}.")
        _put(values, section, name.strip(), _read_scalar(text))
    if seed is not None:
        _put(values, "training", "seed", seed)
    where = str(path) if path is not None else "settings"
    config = Config.from_dict(values, where)
    _refuse_idle(config, where)
    return config


def _refuse_idle(config: Config, where: str) -> None:
    """A setting that the user changed and that another one robs of its effect is a mistake, not a silent nothing.

    Asked of what a user writes only: a stored model's settings may hold the defaults of another version.
    """
    model = config.model
    robbed = [
        (not config.features.words, "features.words: false", ["text.segmenter"]),
        (not model.layers, "model.layers: 0", ["model.heads", "model.feedforward", "model.relative_distance"]),
        (not model.entity_weight, "model.entity_weight: 0", ["model.tagging", "model.value_dropout"]),
        (not model.intent_weight, "model.intent_weight: 0",
         ["model.intent_loss", "model.negatives", "model.label_smoothing", "model.label_width"]),
        (model.intent_loss == "similarity", "model.intent_loss: similarity", ["model.label_smoothing"]),
        (model.intent_loss == "cross_entropy", "model.intent_loss: cross_entropy", ["model.negatives"]),
    ]  # fmt: skip
    usual = Config()
    for is_so, because, idle in robbed:
        for section, _, name in (key.partition(".") for key in idle):
            if is_so and getattr(getattr(config, section), name) != getattr(getattr(usual, section), name):
                raise UsageError(f"{where}: {section}.{name} has no effect with {because}; leave one of the two out.")


def to_yaml(config: Config) -> str:
    """The settings as commented YAML: above each key its type and what it does."""
    lines = ["# cnlu: every setting with its type and default. Keep only the lines you change.", ""]
    for f in dataclasses.fields(config):
        section = getattr(config, f.name)
        lines += [f"# {(section.__doc__ or '').strip()}", f"{f.name}:"]
        for s in dataclasses.fields(section):
            kind = " | ".join(s.metadata["among"]) or _types(type(section))[s.name].__name__
            value = getattr(section, s.name)
            shown = yaml.safe_dump(value, default_flow_style=True).partition("\n")[0]
            if isinstance(value, str):
                shown = f'"{value}"'
            lines += [f"  # {kind}: {s.metadata['doc']}", f"  {s.name}: {shown}"]
        lines.append("")
    return "\n".join(lines)


def _put(values: dict[str, Any], section: str, name: str, value: Any) -> None:
    """Override one setting; a section that holds no settings is left for `from_dict` to refuse."""
    if values.get(section) is None:
        values[section] = {}
    if isinstance(values[section], dict):
        values[section][name] = value


def _read_yaml(path: Path) -> dict[str, Any]:
    """As strict as the reader of examples: no tags that build objects, no key twice."""
    document = parse_yaml(read_text(path), str(path))
    if document.tags:
        line, tag = document.tags[0]
        raise UsageError(f"{path}:{line}: the tag {shown(tag)} asks for an object, and settings have none; remove it.")
    content = plain_value(document.root, str(path)) if document.root else None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(f"{path}: must hold sections such as 'model:'; see configs/default.yaml.")
    return content


def _read_scalar(text: str) -> bool | str:
    """The value of an override: a truth value or a word; `_typed` makes numbers of words."""
    word = text.strip()
    return {"true": True, "false": False}.get(word.lower(), word)


def _types(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _section(cls: Any, content: Mapping[str, Any], where: str) -> Any:
    types = _types(cls)
    for key in content:
        if key not in types:
            raise UsageError(f"{where}.{key}: unknown setting{_nearest(str(key), types)}.")
    return cls(**{key: _typed(value, types[key], f"{where}.{key}") for key, value in content.items()})


def _typed(value: Any, kind: type, where: str) -> Any:
    if kind in (int, float):
        number = _number(value)
        if number is not None and (kind is float or number == int(number)):
            return kind(number)
    elif isinstance(value, kind):
        return value
    expected = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}[kind]
    raise UsageError(f"{where}: expected {expected}, not {value!r}.")


def _number(value: Any) -> int | float | None:
    """A finite number, also one written as a word (an override); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = _parsed(value) if isinstance(value, str) else value
        return number if math.isfinite(number) else None
    except (ValueError, OverflowError):
        return None


def _parsed(word: str) -> int | float:
    try:
        return int(word)
    except ValueError:
        return float(word)


def _nearest(name: str, known: typing.Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.0)
    return f"; did you mean {close[0]!r}?" if close else ""
