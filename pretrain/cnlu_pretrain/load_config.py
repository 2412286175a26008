"""Reads the settings of pretraining from a file and `--set`; an error for an old name gives the new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cnlu.config.files import build_config, find_config, read_values
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.resources import config_path
from cnlu_pretrain.config import PretrainConfig

RENAMED: Mapping[str, str] = {
    "body": "encoder",
    "body.layers": "encoder.num_hidden_layers",
    "body.width": "encoder.hidden_size",
    "body.heads": "encoder.num_attention_heads",
    "body.feedforward": "encoder.intermediate_size",
    "body.positions": "encoder.max_position_embeddings",
}
"""Old name of a section or setting -> its name now."""

RECIPE = "adapt"
"""The shipped settings for minutes of continued pretraining, which are used without `--config`"""


def load_config(named: str | None, overrides: list[str], *, recipe: bool = False) -> PretrainConfig:
    """Read the file that `--config` names, then apply `section.key=value` overrides.

    Without a file, the settings are the defaults, or with `recipe` those of RECIPE. Raises UsageError, or DataError for
    a file that cannot be read.
    """
    path = config_path(RECIPE) if recipe and named is None else find_config(named)
    for override in overrides:
        key = override.partition("=")[0].strip()
        _refuse_renamed(f"--set {override!r}", [key, key.partition(".")[0]])
    if path is not None:
        _refuse_renamed(str(path), _names(read_values(path, [], PretrainConfig)))
    where = str(path or "settings")
    config: PretrainConfig = build_config(read_values(path, overrides, PretrainConfig), where, PretrainConfig)
    return config


def _names(values: Mapping[str, Any]) -> Iterable[str]:
    for section, content in values.items():
        yield from (f"{section}.{name}" for name in content or ()) if isinstance(content, Mapping) else ()
        yield section


def _refuse_renamed(place: str, names: Iterable[str]) -> None:
    for name in names:
        if name in RENAMED:
            raise UsageError(
                place,
                _("{old} is now called {new}", old=name, new=RENAMED[name]),
                _("write the new name"),
            )
