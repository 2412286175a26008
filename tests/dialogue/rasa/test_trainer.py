"""The three ways to get a model, without Rasa: the checks beforehand, the log lines, and the model directory."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

import cnlu
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example
from cnlu.errors import CnluError, ModelError, UsageError
from cnlu_dialogue.rasa import trainer
from cnlu_dialogue.rasa.fingerprint import fingerprint
from cnlu_dialogue.rasa.options import Settings, read_settings
from cnlu_dialogue.rasa.trainer import check_training_setup, make_model

QUICK = {"model.members": 1, "training.max_epochs": 1, "training.min_epochs": 1, "training.dev_fraction": 0.0}


def interpreter(folder: Path, body: str) -> str:
    """A shell script in place of a Python interpreter."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def answer(**changes: Any) -> str:
    return "echo '" + json.dumps({"missing": [], "cnlu": cnlu.__version__, "format": trainer.FORMAT} | changes) + "'"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (answer(missing=["torch", "onnx"]), "lacks torch, onnx; install it there with: .*cnlu\\[train\\]"),
        (answer(cnlu=None, error="no such module"), "has no working cnlu \\(no such module\\)"),
        (answer(cnlu="9.9"), "has cnlu 9.9 .* and Rasa's environment .*; install the same version in both"),
        (answer(format=9), "model format 9.* and Rasa's environment .*format 3"),
        ("echo hello", "does not answer as a Python 3 interpreter does"),
        ("exit 3", "does not answer as a Python 3 interpreter does"),
    ],
    ids=["no torch", "no cnlu", "another version", "another format", "another program", "silent"],
)
def test_an_interpreter_that_cannot_train_is_refused(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^trainer: .*{message}"):
        check_training_setup(read_settings({"trainer": interpreter(tmp_path, body)}))


@pytest.mark.parametrize("exists", [True, False], ids=["not a program", "missing"])
def test_an_interpreter_that_cannot_start_is_refused(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "python"
    if exists:
        path.write_text("not a program", encoding="utf-8")
    with pytest.raises(UsageError, match=f"^trainer: {path} cannot be started"):
        check_training_setup(read_settings({"trainer": str(path)}))


def test_a_damaged_model_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    trainer.copy_model(tiny_model, tmp_path / "model")
    check_training_setup(read_settings({"model": str(tmp_path / "model")}))
    (tmp_path / "model" / "labels.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="labels.json"):
        check_training_setup(read_settings({"model": str(tmp_path / "model")}))


def test_another_file_in_a_model_directory_is_not_copied(tiny_model: Path, tmp_path: Path) -> None:
    trainer.copy_model(tiny_model, tmp_path / "one")
    (tmp_path / "one" / "note.txt").write_text("mine", encoding="utf-8")
    make_model([], tmp_path / "two", read_settings({"model": str(tmp_path / "one")}), lambda line: None)
    assert not (tmp_path / "two" / "note.txt").exists()
    assert cnlu.load(tmp_path / "two").parse("你好")["text"] == "你好"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "examples.jsonl"
    cities = ("北京", "上海", "广州", "杭州")
    examples = [Example(f"去{city}", "go", (Entity(1, 3, "city", city),)) for city in cities]
    write_jsonl([*examples, *(Example(text, "greet") for text in ("你好", "您好", "早上好", "大家好"))], file)
    return file


@pytest.mark.parametrize(
    "way",
    [
        pytest.param({"trainer": sys.executable}, id="another interpreter", marks=pytest.mark.slow),
        pytest.param({}, id="this process"),
    ],
)
def test_both_ways_of_training_log_their_progress_and_write_a_model(
    data: Path, tmp_path: Path, way: dict[str, str]
) -> None:
    pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
    settings = read_settings({**way, "set": QUICK})
    check_training_setup(settings)
    log_lines: list[str] = []
    make_model([data], tmp_path / "out", settings, log_lines.append)
    assert log_lines[0].startswith("trains ")
    assert any("8 examples, 2 intents, 1 entity types" in line for line in log_lines)
    assert {item["name"] for item in cnlu.load(tmp_path / "out").parse("去杭州")["intent_ranking"]} == {"go", "greet"}


def test_a_failed_training_reports_its_error(tmp_path: Path) -> None:
    broken = interpreter(tmp_path, "echo 'a note' >&2; echo 'cnlu: examples.jsonl:1: bad; fix it.' >&2; exit 2")
    with pytest.raises(CnluError, match=r"^examples.jsonl:1: bad; fix it\.$"):
        make_model([], tmp_path / "out", Settings(trainer=broken), lambda line: None)


def test_a_crashed_training_names_the_command_to_run_by_hand(tmp_path: Path) -> None:
    broken = interpreter(tmp_path, "echo 'MemoryError'; exit 9")
    with pytest.raises(CnluError, match=r"training ended with exit code 9 \(MemoryError\); run .* by hand"):
        make_model([], tmp_path / "out", Settings(trainer=broken), lambda line: None)


def test_a_progress_bar_is_thinned_out(tmp_path: Path) -> None:
    bar = interpreter(tmp_path, r"printf 'begin\n10%%\r20%%\r30%%\rend\n'")
    log_lines: list[str] = []
    make_model([], tmp_path / "out", Settings(trainer=bar), log_lines.append)
    assert log_lines[1:] == ["begin", "end"]


def test_without_torch_an_error_names_all_three_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="torch is not installed beside Rasa; .*trainer: .*model: DIR"):
        check_training_setup(read_settings({}))


def test_the_fingerprint_depends_on_contents_and_not_on_times(tmp_path: Path) -> None:
    config, encoder = tmp_path / "c.yaml", tmp_path / "encoder"
    encoder.mkdir()
    config.write_text("training: {epochs: 3}\n", encoding="utf-8")
    (encoder / "config.json").write_text("{}", encoding="utf-8")
    settings = read_settings({"config": str(config), "encoder": str(encoder)})
    before = fingerprint(settings)
    os.utime(config, (1, 1))
    assert fingerprint(settings) == before
    config.write_text("training: {epochs: 4}\n", encoding="utf-8")
    changed = fingerprint(settings)
    (encoder / "config.json").write_text("{ }", encoding="utf-8")
    assert len({before, changed, fingerprint(settings)}) == 3
