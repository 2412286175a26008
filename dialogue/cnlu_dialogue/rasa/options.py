"""The component's options: what may stand under its name in config.yml, and what is refused there."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.config import Config
from cnlu.config.files import known_settings, load_config
from cnlu.config.setting import check_limits, setting
from cnlu.errors import CnluError, UsageError
from cnlu.resources import config_path
from cnlu.suggest import elsewhere, nearest

COMPONENT = "CnluClassifier"
RANKING = 10
"""The most intents a parse result lists."""

PATHS = ("model", "trainer", "config", "encoder")


@dataclass(frozen=True)
class Settings:
    """The options; each field's doc line stands in docs/rasa.md."""

    model: str | None = setting(None, "a directory that `cnlu train` wrote: it is used as it is, nothing is trained")
    trainer: str | None = setting(None, "the Python interpreter that has cnlu[train] and does the training")
    config: str | None = setting(None, "a settings file of cnlu, or the name of a shipped one")
    set: Mapping[str, Any] | None = setting(None, "single settings of cnlu, such as training.epochs: 20")
    encoder: str | None = setting(None, "a pretrained encoder to train on: a directory or a hub name")
    intent_classification: bool = setting(True, "find the intent")
    entity_recognition: bool = setting(True, "find the entities")
    ranking_length: int = setting(RANKING, "most intents in intent_ranking", low=1, high=RANKING)
    threads: int = setting(1, "CPU threads of one parse", low=1, high=256)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_type(field.name, getattr(self, field.name), str(field.type))
        try:
            check_limits(self, COMPONENT)
        except UsageError as error:
            raise UsageError(str(error).removeprefix(f"{COMPONENT}.")) from None
        idle = [name for name in ("trainer", "config", "set", "encoder") if getattr(self, name) is not None]
        if self.model is not None and idle:
            raise UsageError(
                f"{' and '.join(idle)} would have no effect beside model, which is not trained; "
                "leave out one or the other."
            )
        if not self.intent_classification and not self.entity_recognition:
            raise UsageError(
                "intent_classification and entity_recognition are both off, so there is nothing to do; switch one on."
            )


def read_settings(options: Mapping[str, Any]) -> Settings:
    """The component's entry in config.yml as settings; raises UsageError, one sentence, for one that cannot be."""
    known = [field.name for field in dataclasses.fields(Settings)]
    for name in options:
        if name not in known:
            raise UsageError(f"unknown option {name!r}; {_advice(str(name), known)}")
    return Settings(**{name: _at_home(value) if name in PATHS else value for name, value in options.items()})


def _advice(name: str, known: list[str]) -> str:
    if near := nearest(name, known):
        return f"did you mean {near!r}?"
    if setting := elsewhere(name, known_settings(Config)):
        return f"did you mean `set: {{{setting}: ...}}`?"
    return f"there are: {', '.join(known)}."


def training_config(settings: Settings) -> Config:
    """cnlu's own settings as `config` and `set` give them; raises CnluError where cnlu would refuse them."""
    try:
        return load_config(settings_file(settings), overrides(settings), encoder=settings.encoder is not None)
    except CnluError as error:
        # The sentence was written for the command line, where these are flags.
        words = re.sub(r"--(set|encoder|config)\b", r"\1", str(error))
        raise type(error)(words) from error


def settings_file(settings: Settings) -> Path | None:
    """The file that `config` names, in the working directory or among the shipped ones."""
    name = settings.config
    if name is None:
        return None
    return Path(name) if os.path.exists(name) or os.sep in name else config_path(name)


def overrides(settings: Settings) -> list[str]:
    """`set` as the command line takes it, in the order of the file."""
    lines = []
    for key, value in (settings.set or {}).items():
        if not isinstance(key, str) or key.count(".") != 1:
            raise UsageError(f"set: {key!r} is no setting; write section.name: value, for example training.epochs: 20.")
        if isinstance(value, bool):
            value = str(value).lower()
        elif not isinstance(value, (int, float, str)):
            raise UsageError(f"set: {key} must be a number, a word, true or false, not {value!r}.")
        lines.append(f"{key}={value}")
    return lines


def _at_home(path: Any) -> Any:
    """A path with the user's folder in place of `~`, which no shell has replaced in a YAML file."""
    return os.path.expanduser(path) if isinstance(path, str) else path


def _check_type(name: str, value: Any, kind: str) -> None:
    if value is None and "None" in kind:
        return
    for word, types, said in (
        ("Mapping", Mapping, "settings such as training.epochs: 20, one a line"),
        ("str", str, "a word or a path"),
        ("bool", bool, "true or false"),
        ("int", int, "a whole number"),
    ):
        if not kind.startswith(word):
            continue
        if not isinstance(value, types) or (word == "int" and isinstance(value, bool)):
            raise UsageError(f"{name}: expected {said}, not {value!r}.")
        if value == "":
            raise UsageError(f"{name} is empty; name something or leave it out.")
        return
