"""`cnlu split` from the command line."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.data.load import load_data

Cli = Callable[..., Any]


@pytest.fixture
def nlu(tmp_path: Path) -> Path:
    lines = [
        f"nlu:\n- intent: {name}\n  examples: |\n" + "".join(f"    - {name}的话{i}\n" for i in range(20))
        for name in ("订票", "退票")
    ]
    path = tmp_path / "nlu.yml"
    table = "- lookup: city\n  examples: |\n    - 北京\n    - 上海\n"
    path.write_text(lines[0] + lines[1].removeprefix("nlu:\n") + table, "utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_parts_are_written_counted_and_read_again(cli: Cli, nlu: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    done = cli("split", nlu, "--out", out)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{out / 'train.yml'}: 32 examples, 2 intents",
        f"{out / 'dev.yml'}: 4 examples, 2 intents",
        f"{out / 'test.yml'}: 4 examples, 2 intents",
    ]
    texts = [{e.text for e in load_data(out / f"{part}.yml").examples} for part in ("train", "dev", "test")]
    assert sum(map(len, texts)) == len(set().union(*texts)) == 40
    assert load_data(out / "train.yml").lookups == {"city": ["北京", "上海"]}


def test_the_same_command_gives_the_same_bytes(
    cli: Cli, nlu: Path, tmp_path: Path, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    cli("split", nlu, "--out", tmp_path / "one", "--seed", 7)
    with process("split", nlu, "--out", "two", "--seed", 7) as running:
        assert running.wait() == 0
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    cli("split", nlu, "--out", tmp_path / "three", "--seed", 8)
    assert contents(tmp_path / "one") != contents(tmp_path / "three")


def test_a_split_is_replaced_only_with_force_and_as_a_whole(cli: Cli, nlu: Path, tmp_path: Path) -> None:
    out = tmp_path / "parts"
    cli("split", nlu, "--out", out)
    before = contents(out)
    refused = cli("split", nlu, "--out", out, "--dev", 0)
    assert refused.code == 2 and "--force" in refused.sentence and contents(out) == before
    assert cli("split", nlu, "--out", out, "--dev", 0, "--force").code == 0
    assert sorted(contents(out)) == ["test.yml", "train.yml"]


def test_force_replaces_nothing_but_a_split(cli: Cli, nlu: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "train.yml").write_text("x")
    (out / "notes.txt").write_text("x")
    done = cli("split", nlu, "--out", out, "--force")
    assert done.code == 2 and "is not a split" in done.sentence and len(contents(out)) == 2


def test_a_full_disk_leaves_the_old_split(cli: Cli, nlu: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "parts"
    cli("split", nlu, "--out", out)
    before = contents(out)

    def full(path: Path, content: bytes) -> None:
        if path.name != "train.yml":
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("cnlu.io.atomic_directory._write_file", full)
    done = cli("split", nlu, "--out", out, "--force", "--seed", 9)
    assert done.code == 1 and "No space left" in done.sentence
    assert contents(out) == before and sorted(path.name for path in tmp_path.iterdir()) == ["nlu.yml", "parts"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dev", 0.5, "--test", 0.5], "leave nothing to train on"),
        (["--dev", 1], "leave nothing to train on"),
        (["--test", -0.1], "--test: '-0.1' is not a number from 0 to 1"),
        (["--test", "nan"], "--test: 'nan' is not a number"),
        (["--seed", -1], "--seed: '-1' is not a whole number"),
        (["--dev", 0.001], "too few for a dev part of 0.001"),
    ],
)
def test_impossible_shares_are_refused(
    cli: Cli, nlu: Path, tmp_path: Path, options: list[object], message: str
) -> None:
    done = cli("split", nlu, "--out", tmp_path / "parts", *options)
    assert done.code == 2 and message in done.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["nlu.yml"]


def test_the_parts_must_not_overlap_the_input(cli: Cli, nlu: Path, tmp_path: Path) -> None:
    inside = cli("split", tmp_path, "--out", tmp_path / "parts")
    assert inside.code == 2 and "overlap" in inside.sentence
    cli("split", nlu, "--out", tmp_path / "parts")
    before = contents(tmp_path / "parts")
    eaten = cli("split", tmp_path / "parts" / "train.yml", "--out", tmp_path / "parts", "--force")
    assert eaten.code == 2 and "overlap" in eaten.sentence and contents(tmp_path / "parts") == before


def test_data_that_cannot_be_read_leaves_nothing(cli: Cli, tmp_path: Path) -> None:
    done = cli("split", tmp_path / "missing.yml", "--out", tmp_path / "parts")
    assert done.code == 2 and "missing.yml" in done.sentence and list(tmp_path.iterdir()) == []


def test_intents_too_small_for_every_part_are_named(cli: Cli, nlu: Path, tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text('{"text": "喂", "intent": "打招呼"}\n', "utf-8")
    done = cli("split", nlu, tmp_path / "more.jsonl", "--out", tmp_path / "parts")
    assert done.code == 0 and "“打招呼” (1, none in dev, test)" in done.err
