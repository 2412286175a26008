"""Settings read from YAML and `--set` overrides, and written as commented YAML."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cnlu.config.sections import ENCODER_DEFAULTS, Config, EncoderConfig
from cnlu.config.setting import number_of, short
from cnlu.errors import UsageError
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text
from cnlu.io.yaml_nodes import parse_yaml, plain_value
from cnlu.resources import config_path
from cnlu.suggest import meant_section, meant_setting


def build_config(values: Mapping[str, Any], where: str = "the configuration", kind: Any = Config) -> Any:
    """Build settings of a kind (a dataclass of sections) from nested mappings.

    Raises UsageError for an unknown key, naming the nearest, or a wrong type.
    """
    sections = {f.name: f for f in dataclasses.fields(kind)}
    built = {}
    for name, content in values.items():
        if name not in sections:
            inside = content if isinstance(content, Mapping) else ()
            meant = meant_section(str(name), map(str, inside), known_settings(kind))
            raise UsageError(f"{where}: unknown section {name!r}{_did_you_mean(meant)}")
        if content is not None and not isinstance(content, Mapping):
            raise UsageError(f"{where}: section {name!r} must hold settings, not {content!r}.")
    try:
        for name, content in values.items():
            built[name] = _section(kind, content or {}, name)
        return kind(**built)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def load_config(
    path: str | Path | None, overrides: list[str] | None = None, seed: int | None = None, encoder: bool = False
) -> Config:
    """Read a YAML file (None: the defaults), then apply `section.key=value` overrides and the seed.

    With `encoder` what neither sets is as ENCODER_DEFAULTS says.

    Raises UsageError, or DataError for a file that cannot be read, naming the place and the mend.
    """
    values = read_values(path, overrides or [])
    if seed is not None:
        _put(values, "training", "seed", seed)
    where = str(path) if path is not None else "settings"
    if encoder:
        for section, usual in ENCODER_DEFAULTS.items():
            if values.get(section) is None or isinstance(values[section], dict):
                values[section] = {**usual, **(values.get(section) or {})}
    config: Config = build_config(values, where)
    _refuse_idle(config, where)
    if not encoder and config.encoder != EncoderConfig():
        raise UsageError(f"{where}: encoder settings have no effect without --encoder; give one or leave them out.")
    return config


def find_config(named: str | None) -> str | Path | None:
    """The file that `--config` names: a path, or else a shipped file. Raises UsageError where it is neither."""
    if named is None or os.path.exists(named) or os.sep in named:
        return named
    return config_path(named)


def read_values(path: str | Path | None, overrides: list[str], kind: Any = Config) -> dict[str, Any]:
    """What a YAML file says, then the overrides, as nested mappings for `build_config`; raises as `load_config`."""
    values = _read_yaml(Path(path)) if path is not None else {}
    sections = [f.name for f in dataclasses.fields(kind)]
    for override in overrides:
        key, equals, text = override.partition("=")
        section, dot, name = key.strip().partition(".")
        if not equals or not dot:
            raise UsageError(f"--set {override!r}: write it as section.key=value, for example {_example(kind)}.")
        if section not in sections:
            meant = meant_section(section, [name.strip()], known_settings(kind))
            raise UsageError(f"--set {override!r}: unknown section {section!r}{_did_you_mean(meant)}")
        _put(values, section, name.strip(), _read_scalar(text))
    return values


def _example(kind: Any) -> str:
    """The first whole number among the settings of a kind, as an override."""
    for section in dataclasses.fields(kind):
        for f in dataclasses.fields(_types(kind)[section.name]):
            if type(f.default) is int:
                return f"{section.name}.{f.name}={f.default}"
    return "section.key=value"


def _refuse_idle(config: Config, where: str) -> None:
    """A setting that the user changed and that another one robs of its effect is a mistake, not a silent nothing.

    Asked of what a user writes only: a stored model's settings may hold the defaults of another version.
    """
    model = config.model
    robbed = [
        (not config.features.words, "features.words: false", ["text.segmenter"]),
        (not model.layers, "model.layers: 0", ["model.heads", "model.feedforward", "model.relative_distance"]),
        (
            not model.entity_weight,
            "model.entity_weight: 0",
            ["model.tagging", "model.value_dropout", "training.value_substitution"],
        ),
        (
            not model.intent_weight,
            "model.intent_weight: 0",
            ["model.intent_loss", "model.negatives", "model.label_smoothing", "model.label_width", "model.multi_label"],
        ),
        (
            model.multi_label,
            "model.multi_label: true",
            ["model.intent_loss", "model.negatives", "model.label_smoothing", "training.balance"],
        ),
        (not model.multi_label, "model.multi_label: false", ["training.multi_intent_pairs"]),
        (not config.training.synonym_replacement, "training.synonym_replacement: 0", ["training.synonym_table"]),
        (model.intent_loss == "similarity", "model.intent_loss: similarity", ["model.label_smoothing"]),
        (model.intent_loss == "cross_entropy", "model.intent_loss: cross_entropy", ["model.negatives"]),
    ]
    encoder = config.encoder
    robbed += [
        (
            encoder.tuning == "frozen",
            "encoder.tuning: frozen",
            ["encoder.learning_rate", "encoder.layer_decay", "encoder.weight_decay", "encoder.checkpointing"],
        ),
        (encoder.tuning != "frozen", f"encoder.tuning: {encoder.tuning}", ["encoder.cache_mb"]),
        (encoder.tuning != "lora", f"encoder.tuning: {encoder.tuning}", ["encoder.lora_rank"]),
    ]
    usual = Config()
    for is_so, because, idle in robbed:
        for section, _, name in (key.partition(".") for key in idle):
            if is_so and getattr(getattr(config, section), name) != getattr(getattr(usual, section), name):
                raise UsageError(f"{where}: {section}.{name} has no effect with {because}; leave one of the two out.")


def to_yaml(config: Any) -> str:
    """The settings, a dataclass of sections, as commented YAML: above each key its type and what it does."""
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
    """Override one setting; a section that holds no settings is left for `build_config` to refuse."""
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


def _section(kind: Any, content: Mapping[str, Any], name: str) -> Any:
    """The section called `name` of a kind of settings."""
    cls = _types(kind)[name]
    types = _types(cls)
    for key in content:
        if key not in types:
            meant = meant_setting(str(key), name, known_settings(kind))
            raise UsageError(f"{name}.{key}: unknown setting{_did_you_mean(meant)}")
    limits = {f.name: f.metadata for f in dataclasses.fields(cls)}
    return cls(**{key: _typed(value, types[key], limits[key], f"{name}.{key}") for key, value in content.items()})


def _typed(value: Any, kind: type, limits: Mapping[str, Any], where: str) -> Any:
    if kind in (int, float):
        number = number_of(value)
        if number is not None and (kind is float or number == int(number)):
            return kind(number)
    elif isinstance(value, kind):
        return value
    expected = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}[kind]
    if limits.get("low") is not None:
        expected += f" from {limits['low']} to {limits['high']}"
    raise UsageError(f"{where}: expected {expected}, not {short(value)}.")


def known_settings(kind: Any) -> dict[str, list[str]]:
    """The names of a kind's settings, by section."""
    return {f.name: list(_types(_types(kind)[f.name])) for f in dataclasses.fields(kind)}


def _did_you_mean(meant: str | None) -> str:
    return f"; did you mean {meant!r}?" if meant else "."
