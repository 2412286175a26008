"""Every number of the command line and the settings is finite and within documented limits."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cnlu.cli import _parser
from cnlu.config import Config, ModelConfig
from cnlu.config.files import build_config, load_config
from cnlu.config.setting import real, whole
from cnlu.errors import UsageError
from cnlu_pretrain.config import MaskingConfig, PretrainConfig

NO_NUMBERS = [
    "nan",
    "-nan",
    "inf",
    "-inf",
    "1e400",
    "-1e400",
    "9" * 5000,
    "1" + "0" * 30,
    "-1000000000000",
    "true",
    "",
    "1,5",
    "0x10",
    "٣٫٥",
]


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from options(below)
        else:
            yield action


def test_every_number_option_has_a_range() -> None:
    kinds = [action.type for action in options(_parser()) if action.type is not None]
    assert len(kinds) > 8 and not {int, float} & set(kinds)


NUMBERED = [action for action in options(_parser()) if action.type]


@pytest.mark.parametrize("read", [action.type for action in NUMBERED], ids=[action.dest for action in NUMBERED])
def test_an_option_refuses_numbers_outside_its_range(read: Callable[[str], object]) -> None:
    for word in NO_NUMBERS:
        with pytest.raises(argparse.ArgumentTypeError, match=r"^.{1,70} is not a (whole )?number (from|above) \d"):
            read(word)


def test_the_limits_of_an_option_are_allowed_unless_they_are_exclusive() -> None:
    assert [whole(2, 9)(word) for word in ("2", "9", "3e0")] == [2, 9, 3]
    assert [real(0, 1)(word) for word in ("0", "1", " .5 ")] == [0, 1, 0.5]
    for read, word in ((whole(2, 9), "1"), (whole(2, 9), "10"), (whole(2, 9), "2.5"), (real(0, 1, above=True), "0")):
        with pytest.raises(argparse.ArgumentTypeError):
            read(word)


NUMBERS = [
    (kind, section.name, setting)
    for kind in (Config, PretrainConfig)
    for section in dataclasses.fields(kind)
    for setting in dataclasses.fields(section.default_factory)  # type: ignore[arg-type,misc]
    if type(setting.default) in (int, float)
]


@pytest.mark.parametrize(("kind", "section", "setting"), NUMBERS, ids=lambda value: getattr(value, "name", ""))
def test_a_setting_refuses_numbers_outside_its_range(kind: type, section: str, setting: Any) -> None:
    low, high = setting.metadata["low"], setting.metadata["high"]
    for value in [*NO_NUMBERS, float("nan"), float("inf"), True, None, low - 1, high + 1, 10**400, [1], "9" * 400]:
        with pytest.raises(UsageError, match=rf"{section}.{setting.name}.*{low}.*{high}") as caught:
            build_config({section: {setting.name: value}}, "settings.yaml", kind)
        assert len(str(caught.value)) < 250


def test_a_setting_built_in_python_refuses_nan() -> None:
    with pytest.raises(UsageError, match=r"model.dropout: is nan"):
        ModelConfig(dropout=float("nan"))


@pytest.mark.parametrize("shares", ["nan", "40 nan", "inf", "1e308 1e308"])
def test_shares_are_finite(shares: str) -> None:
    with pytest.raises(UsageError, match="ngram_shares"):
        MaskingConfig(ngram_shares=shares)


def test_an_override_is_read_as_the_file_is() -> None:
    with pytest.raises(UsageError, match=r"training.epochs.*1000000000"):
        load_config(None, ["training.epochs=1e300"])
