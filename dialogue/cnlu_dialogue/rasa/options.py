"""The component's options in config.yml, and the checks that they pass."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.config import Config
from cnlu.config.files import find_config, known_settings, load_config
from cnlu.config.setting import check_limits, setting
from cnlu.errors import CnluError, UsageError
from cnlu.i18n import _, n_
from cnlu.suggest import elsewhere, nearest

COMPONENT = "CnluClassifier"
RANKING = 10
"""The maximum number of intents in a parse result."""

PATHS = ("model", "trainer", "config", "encoder")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options; docs/rasa.md repeats each field's doc line."""

    model: str | None = setting(None, "a directory written by `cnlu train`; it is used as it is and nothing is trained")
    trainer: str | None = setting(None, "the Python interpreter with cnlu[train] that trains the model")
    config: str | None = setting(None, "a settings file of cnlu, or the name of a shipped one")
    set: Mapping[str, Any] | None = setting(None, "single settings of cnlu, such as training.epochs: 20")
    encoder: str | None = setting(None, "a pretrained encoder to train on: a directory or a hub name")
    intent_classification: bool = setting(True, "find the intent")
    entity_recognition: bool = setting(True, "find the entities")
    ranking_length: int = setting(RANKING, "maximum number of intents in intent_ranking", low=1, high=RANKING)
    threads: int = setting(1, "CPU threads per parse", low=1, high=256)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_type(field.name, getattr(self, field.name), str(field.type))
        try:
            check_limits(self, COMPONENT)
        except UsageError as error:
            raise UsageError(error.place.removeprefix(f"{COMPONENT}."), error.problem, error.fix) from None
        idle = [name for name in ("trainer", "config", "set", "encoder") if getattr(self, name) is not None]
        if self.model is not None and idle:
            problem = n_("has no effect with `model`", "have no effect with `model`", len(idle))
            raise UsageError(", ".join(idle), problem, _("leave out either"))
        if not self.intent_classification and not self.entity_recognition:
            problem = _("both are off, so there is nothing to do")
            raise UsageError("intent_classification, entity_recognition", problem, _("switch one on"))


def read_settings(options: Mapping[str, Any]) -> Settings:
    """The component's entry in config.yml as settings; raises UsageError for an invalid entry."""
    known = [field.name for field in dataclasses.fields(Settings)]
    for name in options:
        if name not in known:
            raise UsageError(str(name), _("unknown option"), _advice(str(name), known))
    return Settings(**{name: _at_home(value) if name in PATHS else value for name, value in options.items()})


def _advice(name: str, known: list[str]) -> str:
    if near := nearest(name, known):
        return _("use {name} if that was meant", name=repr(near))
    if setting := elsewhere(name, known_settings(Config)):
        return _("use {name} if that was meant", name=f"`set: {{{setting}: ...}}`")
    return _("choose one of: {names}", names=", ".join(known))


def training_config(settings: Settings) -> Config:
    """cnlu's own settings from `config` and `set`; raises CnluError if cnlu rejects them."""
    try:
        return load_config(settings_file(settings), overrides(settings), encoder=settings.encoder is not None)
    except CnluError as error:
        # The message names options of the command line; in config.yml they have no dashes.
        parts = (
            re.sub(r"--(set|encoder|config)(?![a-z-])", r"\1", part) for part in (error.place, error.problem, error.fix)
        )
        raise type(error)(*parts) from error


def settings_file(settings: Settings) -> Path | None:
    """The file that `config` names, in the working directory or among the shipped files."""
    found = find_config(settings.config)
    return None if found is None else Path(found)


def overrides(settings: Settings) -> list[str]:
    """`set` in the form of the command line, in the order of the file."""
    lines = []
    for key, value in (settings.set or {}).items():
        if not isinstance(key, str) or key.count(".") != 1:
            problem = _("{key} is not a setting", key=repr(key))
            raise UsageError("set", problem, _("write section.name: value, for example training.epochs: 20"))
        if isinstance(value, bool):
            value = str(value).lower()
        elif not isinstance(value, (int, float, str)):
            problem = _("{value} is not a value for a setting", value=repr(value))
            raise UsageError(f"set.{key}", problem, _("give a number, a word, true or false"))
        lines.append(f"{key}={value}")
    return lines


def _at_home(path: Any) -> Any:
    """A path with `~` replaced by the user's home, as a shell would do."""
    return os.path.expanduser(path) if isinstance(path, str) else path


def _check_type(name: str, value: Any, annotation: str) -> None:
    """Raises UsageError if the value is not of the annotated type."""
    if value is None and "None" in annotation:
        return
    types, expected = next(row for word, row in _types().items() if annotation.startswith(word))
    if not isinstance(value, types) or (types is int and isinstance(value, bool)):
        raise UsageError(name, _("{value} is not {expected}", value=repr(value), expected=expected), _("change it"))
    if value == "":
        raise UsageError(name, _("is empty"), _("give a value or leave it out"))


def _types() -> dict[str, tuple[type, str]]:
    """The start of an annotation to its type, and to the name of that type for a user."""
    return {
        "Mapping": (Mapping, _("a mapping of settings such as training.epochs: 20")),
        "str": (str, _("a word or a path")),
        "bool": (bool, _("true or false")),
        "int": (int, _("a whole number")),
    }
