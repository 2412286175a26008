"""train, evaluate and parse from the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.quick import QUICK, YAML

Cli = Callable[..., Any]


@pytest.fixture
def yaml_file(tmp_path: Path) -> Path:
    path = tmp_path / "nlu.yml"
    path.write_text(YAML, encoding="utf-8")
    return path


def test_yaml_is_trained_evaluated_and_parsed(cli: Cli, yaml_file: Path, tmp_path: Path) -> None:
    model, report = tmp_path / "model", tmp_path / "report"
    trained = cli("train", yaml_file, "--out", model, "--seed", 3, *QUICK)
    assert (trained.code, trained.out) == (0, "")
    assert "device cpu" in trained.err and "training on cpu" in trained.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "nlu.yml"]
    measured = cli("evaluate", model, yaml_file, "--out", report)
    assert measured.code == 0 and "frames right" in measured.out
    assert json.loads((report / "metrics.json").read_text(encoding="utf-8"))["n"] == 6
    parsed = cli("parse", model, "去魔都", "")
    results = [json.loads(line) for line in parsed.out.splitlines()]
    assert [result["text"] for result in results] == ["去魔都", ""]
    assert {"text", "intent", "intent_ranking", "entities", "out_of_scope"} == set(results[0])


def test_jsonl_is_evaluated(cli: Cli, tiny_model: Path, tiny_data: Path) -> None:
    measured = cli("evaluate", tiny_model, tiny_data / "examples.jsonl")
    assert measured.code == 0 and "entity with role" in measured.out


def test_every_line_of_a_file_has_its_answer_in_order(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    lines = [
        "\ufeff订票",
        "",
        "   ",
        "去\x00北京\x1b[31m",
        "😀😀",
        "\u2028去\x85上海\x0c",
        "x" * 5000,
        "a\rb",
        *map(str, range(90)),
        "完",
    ]
    (tmp_path / "in.txt").write_bytes("\r\n".join(lines).encode())
    done = cli("parse", tiny_model, "--input", tmp_path / "in.txt")
    texts = [json.loads(line)["text"] for line in done.out.split("\n")[:-1]]
    assert (done.code, texts) == (0, ["订票", *lines[1:]])


def test_an_empty_file_has_no_answers(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_bytes(b"")
    assert cli("parse", tiny_model, "--input", tmp_path / "in.txt") == (0, "", "")


def test_lone_surrogates_come_back_as_escapes(cli: Cli, tiny_model: Path) -> None:
    done = cli("parse", tiny_model, "去\udcff北京")
    assert done.out.isascii() and json.loads(done.out)["text"] == "去\udcff北京"


def test_standard_input_is_answered_line_by_line(process: Callable[..., Any], tiny_model: Path) -> None:
    """Each result is printed before the next line is read, so that a program can converse."""
    with process("parse", tiny_model, "--input", "-", stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        for text in ("明天去上海", "退票"):
            running.stdin.write(f"{text}\n".encode())
            running.stdin.flush()
            assert json.loads(running.stdout.readline())["text"] == text
        running.stdin.close()
        assert running.wait() == 0


def test_a_closed_pipe_gets_no_message(process: Callable[..., Any], tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("明天去上海\n" * 2000, encoding="utf-8")
    with process("parse", tiny_model, "--input", "in.txt") as running:
        assert json.loads(running.stdout.readline())["text"] == "明天去上海"
        running.stdout.close()
        assert running.wait() == 1
        assert running.stderr.read() == b""


def test_a_report_is_written_even_if_nobody_reads_the_table(
    process: Callable[..., Any], tiny_model: Path, yaml_file: Path, tmp_path: Path
) -> None:
    with process("evaluate", tiny_model, yaml_file, "--out", "report") as running:
        running.stdout.close()
        running.wait()
    assert json.loads((tmp_path / "report" / "metrics.json").read_text(encoding="utf-8"))["n"]


def test_a_shipped_settings_file_is_found_by_its_name(cli: Cli, yaml_file: Path, tmp_path: Path) -> None:
    done = cli("train", yaml_file, "--out", tmp_path / "model", "--config", "nonesuch")
    assert done.code == 2 and "nonesuch" in done.sentence and "default.yaml" in done.sentence


def test_force_replaces_a_model(
    cli: Cli, yaml_file: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cnlu.training.pipeline.export_onnx", lambda network: b""
    )  # it takes seconds and is not tested here
    out = shutil.copytree(tiny_model, tmp_path / "model")
    assert cli("train", yaml_file, "--out", out, "--force", "--encoder", "none", *QUICK).code == 0
    assert json.loads((out / "labels.json").read_text(encoding="utf-8"))["intents"] == ["ask", "go"]
