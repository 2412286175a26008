"""Settings read from YAML and `--set` overrides, and written as commented YAML."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cnlu.config.needs import refuse_without_effect, unmet_settings
from cnlu.config.sections import ENCODER_DEFAULTS, Config
from cnlu.config.setting import number_of, short
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.io.text_files import read_text
from cnlu.io.yaml_nodes import parse_yaml, plain_value
from cnlu.resources import config_path
from cnlu.suggest import did_you_mean, suggest_section, suggest_setting

RENAMED: Mapping[str, str] = {
    "training.grow": "training.continue_share",
    "training.join": "training.multi_intent_pairs",
    "training.settle": "training.refit",
    "training.swap_values": "training.value_substitution",
    "training.synonyms": "training.synonym_replacement",
    "check.bare_share": "check.missing_annotation_share",
    "check.bare_common_share": "check.missing_annotation_common_share",
}
"""Old name of a setting or a section -> new name."""


def build_config(values: Mapping[str, Any], where: str = "", kind: Any = Config) -> Any:
    """Build settings of class `kind` (a dataclass of sections) from nested mappings; errors name `where`, e.g. a file.

    Raises UsageError for an unknown key (it suggests a similar one), a renamed key and a value of the wrong type.
    """
    try:
        for name, content in values.items():
            _check_section(str(name), content, kind)
        return kind(**{name: _section(kind, content or {}, name) for name, content in values.items()})
    except UsageError as error:
        raise UsageError(_placed(where, error.place), error.problem, error.fix) from None


def load_config(
    path: str | Path | None,
    overrides: list[str] | None = None,
    seed: int | None = None,
    encoder: bool = False,
    *,
    option_prefix: str = "--",
) -> Config:
    """Read a YAML file (None: the defaults), then apply `section.key=value` overrides and the seed.

    With `encoder`, ENCODER_DEFAULTS replace the defaults. Errors write an option's name after `option_prefix`, which is
    empty where the options come from a file.

    Raises UsageError for a wrong setting and for one without effect, DataError for a file that cannot be read.
    """
    values = read_values(path, overrides or [], option_prefix=option_prefix)
    if seed is not None:
        _put(values, "training", "seed", seed)
    where = "" if path is None else str(path)
    if encoder:
        for section, defaults in ENCODER_DEFAULTS.items():
            if values.get(section) is None or isinstance(values[section], dict):
                values[section] = {**defaults, **(values.get(section) or {})}
    config: Config = build_config(values, where)
    no_encoder = {} if encoder else {"encoder": _("has no effect without an encoder")}
    refuse_without_effect(config, unmet_settings(config) | no_encoder, where)
    return config


def find_config(name_or_path: str | None) -> str | Path | None:
    """The file that `--config` names: a path, or else a shipped file. Raises UsageError if there is neither.

    A folder here with the name of a shipped file, such as `pretrain`, does not hide it.
    """
    if name_or_path is None or os.sep in name_or_path:
        return name_or_path
    if not os.path.exists(name_or_path):
        return config_path(name_or_path)
    try:
        return config_path(name_or_path) if os.path.isdir(name_or_path) else name_or_path
    except UsageError:
        return name_or_path  # reading it says that it is a directory


def read_values(
    path: str | Path | None, overrides: list[str], kind: Any = Config, option_prefix: str = "--"
) -> dict[str, Any]:
    """The values of a YAML file, then of the overrides, as mappings for `build_config`; raises as `load_config`."""
    values = _read_yaml(Path(path)) if path is not None else {}
    sections = [f.name for f in dataclasses.fields(kind)]
    for override in overrides:
        key, equals, text = override.partition("=")
        section, dot, name = key.strip().partition(".")
        place = f"{option_prefix}set {override!r}"
        if not equals or not dot:
            fix = _("write it as section.key=value, for example {example}", example=_example(kind))
            raise UsageError(place, _("is not an override"), fix)
        if section not in sections:
            raise _unknown_section(section, [name.strip()], kind, place)
        _put(values, section, name.strip(), _read_scalar(text))
    return values


def _example(kind: Any) -> str:
    """The first whole number among the settings of class `kind`, as an override."""
    for section in dataclasses.fields(kind):
        for f in dataclasses.fields(_types(kind)[section.name]):
            if type(f.default) is int:
                return f"{section.name}.{f.name}={f.default}"
    return "section.key=value"


def to_yaml(config: Any) -> str:
    """The settings, a dataclass of sections, as commented YAML: above each key its type and what it does."""
    lines = ["# cnlu: every setting with its type and default. Keep only the lines you change.", ""]
    for f in dataclasses.fields(config):
        section = getattr(config, f.name)
        lines += [f"# {(section.__doc__ or '').strip()}", f"{f.name}:"]
        for s in dataclasses.fields(section):
            kind = " | ".join(s.metadata["among"]) or _types(type(section))[s.name].__name__
            value = getattr(section, s.name)
            written = yaml.safe_dump(value, default_flow_style=True).partition("\n")[0]
            if isinstance(value, str):
                written = f'"{value}"'
            lines += [f"  # {kind}: {s.metadata['doc']}", f"  {s.name}: {written}"]
        lines.append("")
    return "\n".join(lines)


def _put(values: dict[str, Any], section: str, name: str, value: Any) -> None:
    """Override one setting; `build_config` refuses a section that is not a mapping."""
    if values.get(section) is None:
        values[section] = {}
    if isinstance(values[section], dict):
        values[section][name] = value


def _read_yaml(path: Path) -> dict[str, Any]:
    """The content of a settings file; as for examples, a tag that builds an object or a repeated key is an error."""
    document = parse_yaml(read_text(path), str(path))
    if document.tags:
        line, tag = document.tags[0]
        problem = _("the tag {tag} asks for an object, which settings cannot hold", tag=shown(tag))
        raise UsageError(f"{path}:{line}", problem, _("remove it"))
    content = plain_value(document.root, str(path)) if document.root else None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise UsageError(path, _("must hold sections such as 'model:'"), _("see configs/default.yaml"))
    return content


def _read_scalar(text: str) -> bool | str:
    """The value of an override: a boolean or a string; `_typed` converts strings to numbers."""
    word = text.strip()
    return {"true": True, "false": False}.get(word.lower(), word)


def _types(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _check_section(name: str, content: Any, kind: Any) -> None:
    """Raises UsageError if the settings class has no such section, or if the content is not a mapping."""
    if name not in known_settings(kind):
        raise _unknown_section(name, map(str, content if isinstance(content, Mapping) else ()), kind)
    if content is not None and not isinstance(content, Mapping):
        problem = _("the section must hold settings, not {value}", value=short(content))
        raise UsageError(name, problem, _("write each setting on a line of its own below it"))


def _section(kind: Any, content: Mapping[str, Any], name: str) -> Any:
    """The section called `name` of the settings class `kind`."""
    cls = _types(kind)[name]
    types = _types(cls)
    for key in content:
        if key not in types:
            raise _unknown_setting(str(key), name, kind)
    limits = {f.name: f.metadata for f in dataclasses.fields(cls)}
    return cls(**{key: _typed(value, types[key], limits[key], f"{name}.{key}") for key, value in content.items()})


def _typed(value: Any, kind: type, limits: Mapping[str, Any], where: str) -> Any:
    if kind in (int, float):
        number = number_of(value)
        if number is not None and (kind is float or number == int(number)):
            return kind(number)
    elif isinstance(value, kind):
        return value
    raise UsageError(where, _expected(kind, {"value": short(value), "low": limits["low"], "high": limits["high"]}))


def _expected(kind: type, values: Mapping[str, Any]) -> str:
    """The problem of a wrong value. Every number has limits."""
    if kind is int:
        return _("expected a whole number from {low} to {high}, not {value}", **values)
    if kind is float:
        return _("expected a number from {low} to {high}, not {value}", **values)
    if kind is bool:
        return _("expected true or false, not {value}", **values)
    return _("expected a word, not {value}", **values)


def known_settings(kind: Any) -> dict[str, list[str]]:
    """The names of the settings of class `kind`, by section."""
    return {f.name: list(_types(_types(kind)[f.name])) for f in dataclasses.fields(kind)}


def _unknown_section(name: str, inside: Iterable[str], kind: Any, place: str = "") -> UsageError:
    """The error for an unknown section; `inside`: the settings that the user wrote in it."""
    if name in RENAMED:
        return _renamed(place or name, RENAMED[name])
    suggestion = suggest_section(name, inside, known_settings(kind))
    return UsageError(place, _("unknown section {name}", name=repr(name)), did_you_mean(suggestion))


def _unknown_setting(name: str, section: str, kind: Any) -> UsageError:
    """The error for an unknown setting of a section."""
    place = f"{section}.{name}"
    if place in RENAMED:
        return _renamed(place, RENAMED[place])
    return UsageError(place, _("unknown setting"), did_you_mean(suggest_setting(name, section, known_settings(kind))))


def _renamed(place: str, name: str) -> UsageError:
    return UsageError(place, _("is now called {name}", name=name), _("write the new name"))


def _placed(where: str, place: str) -> str:
    return ": ".join(part for part in (where, place) if part)
