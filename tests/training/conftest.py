"""Trainings of a second: a few examples, a small network, and no export where nothing is parsed."""

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
    """Settings of a network that trains in a blink, with overrides."""
    return lambda *overrides: load_config(None, [*SMALL, *overrides])


@pytest.fixture
def examples() -> list[Example]:
    """Sixteen sentences of two intents with a city in each."""
    return list(EXAMPLES)


@pytest.fixture
def run(tmp_path: Path, small: Callable[..., Config]) -> Callable[..., tuple[Any, list[str]]]:
    """Train on examples; returns what `train` returns and what it said."""
    from cnlu.training.request import Request
    from cnlu.training.train import train

    def go(given: list[Example], *overrides: str, name: str = "model", **request: Any) -> tuple[Any, list[str]]:
        write_jsonl(given, tmp_path / "examples.jsonl")
        said: list[str] = []
        options = Request([tmp_path / "examples.jsonl"], tmp_path / name, small(*overrides), device="cpu", quiet=True)
        for key, value in request.items():
            setattr(options, key, value)
        return train(options, said.append), said

    return go


@pytest.fixture
def without_export(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph's export takes seconds; most tests of training do not need it."""
    monkeypatch.setattr("cnlu.training.pipeline.export_onnx", lambda network: b"")
