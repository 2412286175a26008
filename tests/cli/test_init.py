"""`cnlu init` from the command line."""

from __future__ import annotations

import errno
import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.starter import create as room
from cnlu.starter.create import PROJECT, project_files

Cli = Callable[..., Any]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name", ["bot", "my bot", "我的 机器人", "a/b/c", "it's", "-x", ".", "a\x1b[1m\n'\\", "全\u3000角", "\udcff"]
)
def test_the_project_is_copied_and_the_next_commands_reach_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("init", "--", name)
    assert (done.code, done.err) == (0, "")
    assert files(tmp_path / name) == {known: (PROJECT / known).read_bytes() for known in project_files()}
    steps = done.out.partition("Next:\n")[2].splitlines()
    go = [step for step in steps if step.startswith("  cd ")]
    script = "\n".join([*go, "pwd -P"])
    where = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout.removesuffix(b"\n")
    assert os.fsdecode(where) == os.path.realpath(tmp_path / name)
    assert "\x1b" not in done.out
    assert [shlex.split(step)[1] for step in steps if step not in go] == ["train", "evaluate", "shell"]


def test_a_folder_that_is_not_empty_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = cli("init", tmp_path)
    assert done.code == 2 and "is not empty" in done.sentence and "--force" in done.sentence
    assert files(tmp_path) == {"notes.txt": b"mine"}


def test_force_adds_what_is_missing_and_touches_nothing_else(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "own.yml").write_text("mine too")
    (tmp_path / "config.yaml").symlink_to("nowhere")
    done = cli("init", tmp_path, "--force")
    assert done.code == 0
    assert "README.md exists and stays as it is" in done.out and "config.yaml exists and stays as it is" in done.out
    now = files(tmp_path)
    assert (now.pop("README.md"), now.pop("data/own.yml")) == (b"mine", b"mine too")
    assert (tmp_path / "config.yaml").is_symlink() and not (tmp_path / "nowhere").exists()
    assert set(now) == set(project_files()) - {"README.md", "config.yaml"}


@pytest.mark.parametrize("name", ["file", "file/bot", "", " ", "x" * 300, "/proc/nowhere/bot"])
def test_an_impossible_path_is_refused(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    done = cli("init", tmp_path / name if name.strip() else name)
    assert done.code == 2 and done.sentence.endswith(".")
    assert files(tmp_path) == {"file": b"mine"}


def test_a_file_in_a_folder_s_place_is_refused_and_nothing_is_left(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("mine")
    done = cli("init", tmp_path, "--force")
    assert done.code == 2 and "data" in done.sentence
    assert files(tmp_path) == {"data": b"mine"}


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_error_or_interrupt_midway_leaves_nothing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    write = room._write

    def stopping(source: Path, target: Path, made: list[Path]) -> bool:
        if source.name == "test.yml":
            raise failure
        return write(source, target, made)

    monkeypatch.setattr(room, "_write", stopping)
    assert cli("init", tmp_path / "new" / "bot").code in (2, 130)
    assert list(tmp_path.iterdir()) == []


def test_the_commands_that_follow_work(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command accepts the output of the one before; the training is minimal."""
    cli("init", tmp_path / "my bot")
    monkeypatch.chdir(tmp_path / "my bot")
    small = ("model.members=1", "model.sparse_width=8", "model.width=8", "model.feedforward=16")
    quick = [f"--set={one}" for one in (*small, "training.max_epochs=2", "training.min_epochs=1")]
    assert cli("train", "data", "--out", "model", "--config", "config.yaml", "--device", "cpu", *quick).code == 0
    measured = cli("evaluate", "model", "test.yml", "--out", "report")
    assert measured.code == 0 and "labels not in training" not in measured.out
    parsed = cli("parse", "model", "来两杯热拿铁，半糖")
    assert json.loads(parsed.out)["text"] == "来两杯热拿铁，半糖"
    assert cli("split", "data", "--out", "parts").code == 0
