"""zh-mini, the encoder that is installed with cnlu and that training uses by default."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cnlu
from cnlu.bundled import BUNDLED, bundled_directory, choose_encoder
from tests.cli.quick import QUICK, YAML

Cli = Callable[..., Any]

MAX_MB = 12.5
MAX_PARAMETERS = 6.1e6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "nlu.yml"
    path.write_text(YAML, encoding="utf-8")
    return path


def test_training_builds_on_it_by_default(cli: Cli, data: Path, tmp_path: Path) -> None:
    assert cli("train", data, "--out", tmp_path / "model", *QUICK).code == 0
    assert (tmp_path / "model" / "tokens.json").exists()
    assert json.loads((tmp_path / "model" / "training.json").read_text("utf-8"))["int8"] is True
    assert cnlu.load(tmp_path / "model").parse("去北京")["text"] == "去北京"


def test_it_may_be_stored_in_float32(cli: Cli, data: Path, tmp_path: Path) -> None:
    assert cli("train", data, "--out", tmp_path / "model", "--no-int8", *QUICK).code == 0
    assert json.loads((tmp_path / "model" / "training.json").read_text("utf-8"))["int8"] is False


def test_training_without_an_encoder_is_an_option(cli: Cli, data: Path, tmp_path: Path) -> None:
    assert cli("train", data, "--out", tmp_path / "model", "--encoder", "none", *QUICK).code == 0
    assert not (tmp_path / "model" / "tokens.json").exists()


def test_the_option_may_name_another_encoder() -> None:
    assert [choose_encoder(name) for name in (None, "none", "a/b")] == [BUNDLED, None, "a/b"]


def test_it_is_described_as_measured(cli: Cli) -> None:
    assert re.search(r"^measured +yes$", cli("encoder", "info", "zh-mini").out, re.MULTILINE)


def test_it_is_small() -> None:
    load = pytest.importorskip("cnlu.encoder.load", reason="loading an encoder needs the extra cnlu[train]")
    directory = bundled_directory()
    assert directory is not None
    assert sum(path.stat().st_size for path in directory.iterdir()) < MAX_MB * 1e6
    backbone = load.load_encoder(BUNDLED).backbone
    assert sum(parameter.numel() for parameter in backbone.parameters()) < MAX_PARAMETERS


def test_it_predicts_masked_characters() -> None:
    """Its head for masked tokens is kept, so that its pretraining can be continued."""
    transformers = pytest.importorskip("transformers", reason="needs the extra cnlu[train]")
    directory = bundled_directory()
    assert directory is not None
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    model = transformers.AutoModelForMaskedLM.from_pretrained(directory, dtype="float32")
    inputs = tokenizer("[MASK]们明天去上海", return_tensors="pt")
    position = inputs["input_ids"][0].tolist().index(tokenizer.mask_token_id)
    best = model(**inputs).logits[0, position].topk(5).indices
    assert "我" in tokenizer.convert_ids_to_tokens(best.tolist())
