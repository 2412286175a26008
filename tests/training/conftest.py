"""Trainings of a second: a few examples, a small network, with or without an encoder and the export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.config import Config
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Example
from tests.training.small import EXAMPLES, SMALL


@pytest.fixture
def small() -> Callable[..., Config]:
    """The settings of a network that trains in a second, with overrides."""
    return lambda *overrides: load_config(None, [*SMALL, *overrides])


@pytest.fixture
def examples() -> list[Example]:
    """Sixteen sentences of two intents with a city in each."""
    return list(EXAMPLES)


Run = Callable[..., tuple[Any, list[str]]]


@pytest.fixture
def run(tmp_path: Path, small: Callable[..., Config]) -> Run:
    """Train on examples; returns the result of `train` and its log."""

    def train_on(examples: list[Example], *overrides: str, name: str = "model", **request: Any) -> Any:
        return _train(tmp_path, examples, small(*overrides), name, request)

    return train_on


@pytest.fixture
def run_on_encoder(tmp_path: Path, tiny_bert: Path) -> Run:
    """Train on examples and the tiny encoder; returns the result of `train` and its log."""
    from tests.training.encoder_training import SETTINGS

    def train_on(examples: list[Example], *overrides: str, name: str = "model", **request: Any) -> Any:
        config = load_config(None, [*SETTINGS, *overrides], encoder=True)
        return _train(tmp_path, examples, config, name, {"encoder": str(tiny_bert), **request})

    return train_on


def _train(folder: Path, examples: list[Example], config: Config, name: str, options: dict[str, Any]) -> Any:
    from cnlu.training.request import Request
    from cnlu.training.train import train

    write_jsonl(examples, folder / "examples.jsonl")
    log: list[str] = []
    request = {"data": [folder / "examples.jsonl"], "out": folder / name, "config": config, **options}
    return train(Request(device="cpu", quiet=True, **request), log.append), log


@pytest.fixture
def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the export to ONNX, which takes seconds. The model that is written cannot be loaded."""
    monkeypatch.setattr("cnlu.training.pipeline.export_onnx", lambda network: b"")
