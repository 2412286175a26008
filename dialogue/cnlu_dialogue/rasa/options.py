"""The component's options in config.yml, and their checks."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.bundled import choose_encoder
from cnlu.config import Config
from cnlu.config.files import find_config, known_settings, load_config
from cnlu.config.setting import check_limits, setting
from cnlu.errors import UsageError
from cnlu.i18n import _, n_
from cnlu.suggest import find_in_sections, nearest

COMPONENT = "CnluClassifier"
MAX_RANKING = 10
"""The maximum number of intents in a parse result."""

PATH_OPTIONS = ("model", "trainer", "config", "encoder")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options; docs/rasa.md repeats each field's doc line."""

    model: str | None = setting(None, "a directory written by `cnlu train`; it is used as it is and nothing is trained")
    trainer: str | None = setting(None, "the Python interpreter with cnlu[train] that trains the model")
    config: str | None = setting(None, "a settings file of cnlu, or the name of a shipped one")
    set: Mapping[str, Any] | None = setting(None, "single settings of cnlu, such as training.epochs: 20")
    encoder: str | None = setting(
        None,
        "the pretrained encoder to train on: a directory or a hub name; zh-mini, installed with cnlu, if left "
        "out; none for sparse features alone",
    )
    intent_classification: bool = setting(True, "find the intent")
    entity_recognition: bool = setting(True, "find the entities")
    ranking_length: int = setting(MAX_RANKING, "maximum number of intents in intent_ranking", low=1, high=MAX_RANKING)
    threads: int = setting(1, "CPU threads per parse", low=1, high=256)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check_type(field.name, getattr(self, field.name), str(field.type))
        try:
            check_limits(self, COMPONENT)
        except UsageError as error:
            raise UsageError(error.place.removeprefix(f"{COMPONENT}."), error.problem, error.fix) from None
        unused = [name for name in ("trainer", "config", "set", "encoder") if getattr(self, name) is not None]
        if self.model is not None and unused:
            problem = n_("has no effect with `model`", "have no effect with `model`", len(unused))
            raise UsageError(", ".join(unused), problem, _("leave out either"))
        if not self.intent_classification and not self.entity_recognition:
            problem = _("both are off, so there is nothing to do")
            raise UsageError("intent_classification, entity_recognition", problem, _("switch one on"))


def read_settings(options: Mapping[str, Any]) -> Settings:
    """The component's entry in config.yml as settings; raises UsageError for an invalid entry."""
    names = [field.name for field in dataclasses.fields(Settings)]
    for name in options:
        if name not in names:
            raise UsageError(str(name), _("unknown option"), _suggestion(str(name), names))
    return Settings(**{name: _expand_home(value) if name in PATH_OPTIONS else value for name, value in options.items()})


def _suggestion(name: str, option_names: list[str]) -> str:
    """The fix for an unknown option: the option or the setting of cnlu that may be meant, else all options."""
    if option := nearest(name, option_names):
        return _("use {name} if that was meant", name=repr(option))
    if cnlu_setting := find_in_sections(name, known_settings(Config)):
        return _("use {name} if that was meant", name=f"`set: {{{cnlu_setting}: ...}}`")
    return _("choose one of: {names}", names=", ".join(option_names))


def training_config(settings: Settings) -> Config:
    """cnlu's own settings from `config` and `set`; raises CnluError if cnlu rejects them."""
    encoder = choose_encoder(settings.encoder)
    return load_config(settings_file(settings), overrides(settings), encoder=encoder is not None, option_prefix="")


def settings_file(settings: Settings) -> Path | None:
    """The file that `config` names, in the working directory or among the shipped files."""
    path = find_config(settings.config)
    return None if path is None else Path(path)


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


def _expand_home(path: Any) -> Any:
    """A path with `~` expanded to the user's home, as in a shell."""
    return os.path.expanduser(path) if isinstance(path, str) else path


def _check_type(name: str, value: Any, annotation: str) -> None:
    """Raises UsageError if the value is not of the annotated type."""
    if value is None and "None" in annotation:
        return
    types, expected = next(row for prefix, row in _types().items() if annotation.startswith(prefix))
    if not isinstance(value, types) or (types is int and isinstance(value, bool)):
        raise UsageError(name, _("{value} is not {expected}", value=repr(value), expected=expected), _("change it"))
    if value == "":
        raise UsageError(name, _("is empty"), _("give a value or leave it out"))


def _types() -> dict[str, tuple[type, str]]:
    """The start of an annotation -> its type, and the type's name in messages."""
    return {
        "Mapping": (Mapping, _("a mapping of settings such as training.epochs: 20")),
        "str": (str, _("a word or a path")),
        "bool": (bool, _("true or false")),
        "int": (int, _("a whole number")),
    }
