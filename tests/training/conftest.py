"""Trainings of a second: a few examples, a small network, and no export where nothing is parsed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.config import Config
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example

SMALL = [
    "model.members=1",
    "model.sparse_width=8",
    "model.width=8",
    "model.layers=1",
    "model.heads=2",
    "model.feedforward=16",
    "model.label_width=8",
    "training.min_epochs=1",
    "training.max_epochs=3",
    "training.min_dev=1",
    "training.batch_size=8",
    "training.checkpoint_seconds=0",
    "features.min_count=1",
    "features.sentence_min_count=1",
]
CITIES = ["北京", "上海", "杭州", "成都"]


def _example(sentence: str, city: str) -> Example:
    start = sentence.index("{}")
    span = Entity(start, start + len(city), "city", city)
    return Example(sentence.format(city), "go" if "去" in sentence else "ask", (span,))


EXAMPLES = [_example(s, c) for c in CITIES for s in ("我要去{}", "去{}的票", "{}天气好吗", "问问{}的雨")]


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
