"""Wrong input of any kind: one message with place and fix, an exit code, no partial files."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
GOOD = '{"text": "去北京", "intent": "go"}\n{"text": "你好", "intent": "greet"}\n'


def data(folder: Path, content: str | bytes, name: str = "nlu.yml") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "place", "message"),
    [
        ("nlu.yml", "", "nlu.yml", "empty|no examples"),
        ("nlu.jsonl", " \n", "nlu.jsonl", "empty"),
        ("nlu.yml", 'version: "3.1"\nnlu: []\n', "nlu.yml", "no examples"),
        ("nlu.jsonl", '{"text": "你好"}\n', "nlu.jsonl", "no example has an intent or an entity"),
        ("nlu.jsonl", '{"text": " ", "intent": "a"}\n', "nlu.jsonl", "no example has|text"),
        ("nlu.yml", 'version: "3.1"\nnlu:\n\t- intent: a\n', "nlu.yml:3", "tab"),
        ("nlu.yml", "nlu: []\nnlu: []\n", "nlu.yml:2", "is already on line 1"),
        ("nlu.yml", "nlu: !!python/object/apply:os.system ['true']\n", "nlu.yml:1", "tag"),
        ("nlu.yml", b'version: "3.1"\nnlu:\n- intent: \xc4\xe3\n', "nlu.yml:3", "not valid UTF-8"),
        ("nlu.yml", "nlu:\n- intent: a\n  examples: |\n    - a\x00b\n", "nlu.yml:4", "U\\+0000"),
        ("nlu.jsonl", b'{"text": "\xff"}\n', "nlu.jsonl:1", "not valid UTF-8"),
        ("nlu.jsonl", '{"text": "好", "intent": "a"}\n{"text": \n', "nlu.jsonl:2", "not valid JSON"),
        ("nlu.txt", GOOD, "nlu.txt", "files of this type are not read"),
    ],
)
def test_examples_that_cannot_be_used_are_refused(
    cli: Cli, tmp_path: Path, name: str, content: str | bytes, place: str, message: str
) -> None:
    done = cli("train", data(tmp_path, content, name), "--out", tmp_path / "model")
    assert done.code == 2
    assert str(tmp_path / place) in done.sentence
    assert re.search(message, done.sentence)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dev", "missing.yml"], "missing.yml: there is no such file"),
        (["--seed", "-1"], "argument --seed: '-1' is not a whole number from 0 to"),
        (["--seed", "9" * 30], "argument --seed: .9{30}. is not a whole number"),
        (["--seed", "one"], "argument --seed: 'one' is not a whole number"),
        (["--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
        (["--set", "model.layer=1"], "did you mean 'layers'"),
        (["--set", "model.layers=[1]"], "model.layers: expected a whole number"),
        (["--set", "model.dropout=nan"], "model.dropout: expected a number"),
        (["--set", "model.dropout={a: 1}"], "model.dropout: expected a number"),
        (["--config", "."], r"\.: .*(cannot be read|directory)"),
        (["--config", "missing/settings.yaml"], "missing/settings.yaml: there is no such file"),
        (["--config", "x" * 300], "x+…: File name too long; name another"),
        (["--resume"], "no interrupted training to resume"),
        (["--dev"], "argument --dev: expected one argument"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    cli: Cli, tmp_path: Path, arguments: list[str], message: str
) -> None:

    done = cli("train", data(tmp_path, GOOD, "nlu.jsonl"), "--out", tmp_path / "model", *arguments)
    assert done.code in (1, 2)
    assert re.search(message, done.err)
    assert [path.name for path in tmp_path.iterdir()] == ["nlu.jsonl"]


def test_cuda_without_a_device_is_refused(cli: Cli, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    done = cli("train", data(tmp_path, GOOD, "nlu.jsonl"), "--out", tmp_path / "model", "--device", "cuda")
    assert done.code == 2 and "--device cuda" in done.sentence and "--device cpu" in done.sentence


@pytest.mark.parametrize("out", ["nlu.jsonl", "nlu.jsonl/model", "folder", ".", "x" * 300, "/proc/nowhere/model"])
def test_an_out_directory_that_cannot_be_written_is_refused(cli: Cli, tmp_path: Path, out: str) -> None:
    (tmp_path / "folder").mkdir()
    before = data(tmp_path, GOOD, "nlu.jsonl").read_bytes()
    done = cli("train", tmp_path / "nlu.jsonl", "--out", tmp_path / out)
    assert done.code == 2 and "--out" in done.sentence
    assert (tmp_path / "nlu.jsonl").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "nlu.jsonl"]


def damage(model: Path, how: str) -> str:
    """Damage a model; returns the part of the error message that names it."""
    graph, manifest = model / "model.onnx", model / "manifest.json"
    if how == "missing":
        shutil.rmtree(model)
    elif how == "truncated":
        graph.write_bytes(graph.read_bytes()[:-5])
    elif how == "tampered":
        content = bytearray(graph.read_bytes())
        content[len(content) // 2] ^= 1
        graph.write_bytes(content)
    elif how == "a file missing":
        (model / "labels.json").unlink()
    elif how == "newer":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": 99}))
        return "newer cnlu"
    elif how == "a file":
        shutil.rmtree(model)
        model.write_text("model")
    return str(model)


@pytest.mark.parametrize("how", ["missing", "truncated", "tampered", "a file missing", "newer", "a file"])
def test_a_model_that_cannot_be_used_is_refused(cli: Cli, tiny_model: Path, tmp_path: Path, how: str) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    named = damage(model, how)
    examples = data(tmp_path, GOOD, "nlu.jsonl")
    for arguments in (["parse", model, "你好"], ["evaluate", model, examples]):
        done = cli(*arguments)
        assert (done.code, done.out) == (1, "")
        assert named in done.sentence and "train" in done.sentence


def test_files_of_different_models_are_refused(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    """The checksums match, but the labels are those of another model."""
    from cnlu.runtime.model_dir import read_model_dir, write_model_dir

    model = read_model_dir(tiny_model)
    labels = json.loads(model.files["labels.json"]) | {"entities": ["one"], "roles": {}, "groups": {}}
    files = {**model.files, "labels.json": json.dumps(labels).encode()}
    write_model_dir(tmp_path / "model", files, {"segmenter": model.manifest["segmenter"]})
    done = cli("parse", tmp_path / "model", "你好")
    assert done.code == 1 and "train" in done.sentence


def test_an_input_that_cannot_be_read_is_refused(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    for source in (tmp_path / "missing.txt", tmp_path):
        done = cli("parse", tiny_model, "--input", source)
        assert done.code == 2 and str(source) in done.sentence and "--input" in done.sentence


def test_a_line_that_is_not_utf8_is_named_after_the_answers_before_it(
    cli: Cli, tiny_model: Path, tmp_path: Path
) -> None:
    done = cli("parse", tiny_model, "--input", data(tmp_path, "你好\n退票\n".encode() + b"\xc4\xe3\n", "in.txt"))
    assert [json.loads(line)["text"] for line in done.out.splitlines()] == ["你好", "退票"]
    assert done.code == 2 and "in.txt:3: the line is not UTF-8" in done.sentence


@pytest.mark.parametrize("arguments", [[], ["你好", "--input", "in.txt"]])
def test_sentences_and_a_file_together_are_refused(cli: Cli, tiny_model: Path, arguments: list[str]) -> None:
    done = cli("parse", tiny_model, *arguments)
    assert done.code == 2 and "--input" in done.sentence


def test_without_a_command_the_usage_is_shown(cli: Cli) -> None:
    done = cli()
    assert done.code == 2 and "COMMAND" in done.err


def test_a_full_device_for_standard_output_is_an_error(process: Callable[..., Any], tiny_model: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "wb") as full, process("parse", tiny_model, "你好", stdout=full) as running:
        assert running.wait() == 1
        (line,) = running.stderr.read().decode().splitlines()
        assert line.startswith("cnlu: the output: No space left on device")


def wait_for(path: Path, running: subprocess.Popen[bytes]) -> None:
    while not path.exists() and running.poll() is None:
        time.sleep(0.02)


LONG = [
    "--encoder",
    "none",
    "--device",
    "cpu",
    "--set",
    "training.max_epochs=4000",
    "--set",
    "training.patience=4000",
    "--set",
    "training.min_dev=1",
    "--set",
    "training.min_epochs=4000",
    "--set",
    "model.members=1",
]


def test_ctrl_c_in_training_keeps_the_old_model_and_names_resume(
    process: Callable[..., Any], tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny_model, tmp_path / "model")
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    every = ["--set", "training.checkpoint_seconds=0"]
    with process("train", tiny_data, "--out", model, "--force", *LONG, *every) as running:
        wait_for(tmp_path / "model.training", running)
        running.send_signal(signal.SIGINT)
        stderr = running.communicate(timeout=60)[1].decode()
        assert running.returncode == 130
    assert "--resume to continue" in stderr and stderr.rstrip().endswith("cnlu: stopped.") and "Traceback" not in stderr
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    # An interrupt while a state is saved leaves the previous one beside it.
    assert {path.name for path in tmp_path.iterdir()} - {"model.training.old"} == {"model", "model.training"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """`disk(options)` mounts a small file system; the test skips where that is not permitted."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode:
            pytest.skip("mounting a file system is not permitted here")
        mounted.append(folder)
        return folder

    try:
        if shutil.which("mount") is None:
            pytest.skip("there is no mount command here")
        yield mount
    finally:
        for folder in mounted:
            subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_while_the_state_is_saved_is_an_error(cli: Cli, disk: Callable[..., Path], tiny_data: Path) -> None:
    folder = disk("size=64k")
    done = cli("train", tiny_data, "--out", folder / "model", *LONG, "--set", "training.checkpoint_seconds=0")
    assert done.code == 1 and "No space left on device" in done.sentence and "free the disk" in done.sentence
    assert list(folder.iterdir()) == []


def test_a_full_disk_while_the_model_is_written_is_an_error(
    cli: Cli, disk: Callable[..., Path], tmp_path: Path
) -> None:
    folder = disk("size=64k")
    done = cli(
        "train",
        data(tmp_path, GOOD, "nlu.jsonl"),
        "--out",
        folder / "model",
        "--device",
        "cpu",
        "--set",
        "training.max_epochs=1",
        "--set",
        "training.min_epochs=1",
        "--set",
        "model.members=1",
    )
    assert done.code == 1 and "No space left on device" in done.sentence and "free the disk" in done.sentence
    assert list(folder.iterdir()) == []


def test_a_read_only_disk_is_an_error(cli: Cli, disk: Callable[..., Path], tmp_path: Path) -> None:
    done = cli("train", data(tmp_path, GOOD, "nlu.jsonl"), "--out", disk("ro") / "model")
    assert done.code == 2 and "Read-only file system" in done.sentence and "--out" in done.sentence
