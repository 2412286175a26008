"""Bad paths in every argument: one message and an exit code at once, and nothing is written."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

from cnlu.cli import _parser
from cnlu.errors import UsageError
from cnlu.paths import check_paths

Cli = Callable[..., Any]
GOOD = '{"text": "去北京", "intent": "go"}\n{"text": "你好", "intent": "greet"}\n'
TRAIN = ["train", "{data}", "--out", "{new}"]
DISTILL = ["distill", "{model}", "--data", "{data}", "--out", "{new}"]
PREPARE = ["pretrain", "prepare", "{text}", "--out", "{new}", "--new-vocab", "100"]
ADAPT = ["adapt", "--data", "{data}", "--encoder", "{encoder}"]
VERBS: dict[str, list[str]] = {
    "check DATA": ["check", "{bad}"],
    "check --test": ["check", "{data}", "--test", "{bad}"],
    "check --config": ["check", "{data}", "--config", "{bad}"],
    "init DIR": ["init", "{bad}"],
    "split DATA": ["split", "{bad}", "--out", "{new}"],
    "split --out": ["split", "{data}", "--out", "{bad}", "--force"],
    "train DATA": ["train", "{bad}", "--out", "{new}"],
    "train --out": ["train", "{data}", "--out", "{bad}", "--force"],
    "train --dev": [*TRAIN, "--dev", "{bad}"],
    "train --config": [*TRAIN, "--config", "{bad}"],
    "train --encoder": [*TRAIN, "--encoder", "{bad}"],
    "train --from": [*TRAIN, "--from", "{bad}"],
    "distill MODEL": ["distill", "{bad}", "--data", "{data}", "--out", "{new}"],
    "distill --data": ["distill", "{model}", "--data", "{bad}", "--out", "{new}"],
    "distill --out": ["distill", "{model}", "--data", "{data}", "--out", "{bad}", "--force"],
    "distill --dev": [*DISTILL, "--dev", "{bad}"],
    "distill --student": [*DISTILL, "--student", "{bad}"],
    "evaluate MODEL": ["evaluate", "{bad}", "{data}"],
    "evaluate DATA": ["evaluate", "{model}", "{bad}"],
    "evaluate --out": ["evaluate", "{model}", "{data}", "--out", "{bad}", "--force"],
    "evaluate --cross-validate": ["evaluate", "--cross-validate", "2", "{bad}"],
    "evaluate --encoder": ["evaluate", "--cross-validate", "2", "{data}", "--encoder", "{bad}"],
    "parse MODEL": ["parse", "{bad}", "你好"],
    "parse --input": ["parse", "{model}", "--input", "{bad}"],
    "shell MODEL": ["shell", "{bad}"],
    "serve MODEL": ["serve", "{bad}", "--port", "0"],
    "serve --annotate": ["serve", "{model}", "--port", "0", "--annotate", "{bad}"],
    "adapt TEXT": [*ADAPT, "--out", "{new}", "{bad}"],
    "adapt --test": [*ADAPT, "--out", "{new}", "{text}", "--test", "{bad}"],
    "adapt --out": [*ADAPT, "--out", "{bad}", "{text}", "--force"],
    "prepare TEXT": ["pretrain", "prepare", "{bad}", "--out", "{new}", "--new-vocab", "100"],
    "prepare --out": ["pretrain", "prepare", "{text}", "--out", "{bad}", "--new-vocab", "100", "--force"],
    "prepare --encoder": ["pretrain", "prepare", "{text}", "--out", "{new}", "--encoder", "{bad}"],
    "prepare --add-tokens": [
        "pretrain",
        "prepare",
        "{text}",
        "--out",
        "{new}",
        "--encoder",
        "{encoder}",
        "--add-tokens",
        "{bad}",
    ],
    "prepare --lexicon": [*PREPARE, "--lexicon", "{bad}"],
    "prepare --config": [*PREPARE, "--config", "{bad}"],
    "pretrain distill CORPUS": ["pretrain", "distill", "{bad}", "--out", "{new}", "--teacher", "{encoder}"],
    "pretrain distill --out": [
        "pretrain",
        "distill",
        "{corpus}",
        "--out",
        "{bad}",
        "--teacher",
        "{encoder}",
        "--force",
    ],
    "pretrain distill --teacher": ["pretrain", "distill", "{corpus}", "--out", "{new}", "--teacher", "{bad}"],
    "run CORPUS": ["pretrain", "run", "{bad}", "--out", "{new}", "--init", "random"],
    "run --out": ["pretrain", "run", "{corpus}", "--out", "{bad}", "--init", "random", "--force"],
    "run --encoder": ["pretrain", "run", "{corpus}", "--out", "{new}", "--encoder", "{bad}"],
    "run --similar": [
        "pretrain",
        "run",
        "{corpus}",
        "--out",
        "{new}",
        "--init",
        "random",
        "--similar",
        "{bad}",
        "--set",
        "masking.replacement=similar",
    ],
    "run --probe": ["pretrain", "run", "{corpus}", "--out", "{new}", "--init", "random", "--probe", "{bad}"],
    "similar --text": ["pretrain", "similar", "--text", "{bad}", "--out", "{new}.npz"],
    "similar --vectors": ["pretrain", "similar", "--vectors", "{bad}", "--out", "{new}.npz"],
    "similar --cilin": ["pretrain", "similar", "--cilin", "{bad}", "--out", "{new}.npz"],
    "similar --tsv": ["pretrain", "similar", "--tsv", "{bad}", "--out", "{new}.npz"],
    "similar --table": ["pretrain", "similar", "--table", "{bad}", "--show", "你好"],
    "similar --antonyms": ["pretrain", "similar", "--cilin", "{cilin}", "--antonyms", "{bad}", "--out", "{new}.npz"],
    "similar --out": ["pretrain", "similar", "--cilin", "{cilin}", "--out", "{bad}", "--force"],
    "probe ENCODER": ["pretrain", "probe", "{bad}", "--corpus", "{corpus}", "--out", "{new}.html"],
    "probe --corpus": ["pretrain", "probe", "{encoder}", "--corpus", "{bad}", "--out", "{new}.html"],
    "probe --out": ["pretrain", "probe", "{encoder}", "--corpus", "{corpus}", "--out", "{bad}", "--force"],
    "probe --data": [
        "pretrain",
        "probe",
        "{encoder}",
        "--corpus",
        "{corpus}",
        "--out",
        "{new}.html",
        "--data",
        "{bad}",
    ],
}
OFTEN = (
    "check --config",
    "init DIR",
    "split --out",
    "train DATA",
    "train --from",
    "train --encoder",
    "evaluate MODEL",
    "parse MODEL",
    "parse --input",
    "shell MODEL",
    "serve MODEL",
    "serve --annotate",
    "prepare TEXT",
    "run CORPUS",
    "similar --table",
    "similar --out",
    "probe --corpus",
)
"""At least one argument of each command; the slow tests cover the others."""
FINE = {
    **{(verb, name): "a new place" for verb in VERBS if "--out" in verb for name in ("dangling", "home")},
    **{(f"{verb} --out", "a file"): "a file that --force replaces" for verb in ("similar", "probe")},
    ("prepare --lexicon", "a file"): "a lexicon whose lines are not words; the command says so",
    **{("init DIR", name): "a new folder, or an empty one" for name in ("here", "dangling", "home")},
}
"""Cases that are not errors"""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_bert: Path) -> dict[str, str]:
    """Valid paths for the placeholders in VERBS."""
    from cnlu.cli import main

    place = tmp_path_factory.mktemp("right")
    (place / "nlu.jsonl").write_text(GOOD, "utf-8")
    (place / "text.txt").write_text("我要去北京。\n你好。\n\n明天去上海。\n" * 30, "utf-8")
    (place / "cilin.txt").write_text("Aa01= 北京 上海 南京\n", "utf-8")
    with contextlib.redirect_stderr(open(os.devnull, "w")):
        main(["pretrain", "prepare", str(place / "text.txt"), "--out", str(place / "corpus"), "--new-vocab", "99"])
    assert (place / "corpus" / "manifest.json").exists()
    return {
        "data": str(place / "nlu.jsonl"),
        "text": str(place / "text.txt"),
        "cilin": str(place / "cilin.txt"),
        "model": str(tiny_model),
        "encoder": str(tiny_bert),
        "corpus": str(place / "corpus"),
    }


def bad_paths(place: Path) -> dict[str, str]:
    """Name: files and folders of the wrong kind, and missing paths."""
    (place / "file").write_bytes(b"\xff\xfe\x00")
    (place / "folder").mkdir()
    (place / "folder" / "mine").write_text("mine")
    (place / "dangling").symlink_to(place / "nowhere" / "at" / "all")
    return {
        "root": "/",
        "here": ".",
        "a file": str(place / "file"),
        "a folder": str(place / "folder"),
        "below a file": str(place / "file" / "x.yml"),
        "dangling": str(place / "dangling"),
        "home": "~nobody-here/x",
    }


def no_paths(place: Path) -> list[str]:
    """Paths that are neither files nor folders and cannot become one."""
    (place / "loop").symlink_to(place / "loop")
    for kind in ("yml", "txt", "onnx"):
        os.mkfifo(place / f"pipe.{kind}")
        (place / f"zero.{kind}").symlink_to("/dev/zero")
    long = ("x" * 300 + ".yml", "/".join(["y" * 200] * 30))
    others = map(str, sorted(place.iterdir()))
    return ["", " ", "a\0b.yml", "a\ud800b.yml", *long, "/dev/null", "/dev/zero", *others]


@pytest.mark.parametrize(
    "verb", [verb if verb in OFTEN else pytest.param(verb, marks=pytest.mark.slow) for verb in VERBS]
)
def test_a_bad_path_is_an_error_message(
    cli: Cli, places: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    bad = bad_paths(tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, path in bad.items():
        if (verb, name) in FINE:
            continue
        done = cli(*(part.format(**places, new=tmp_path / "new", bad=path) for part in VERBS[verb]))
        messages = [line for line in done.err.splitlines() if line.startswith("cnlu")]
        assert done.code in (1, 2) and len(messages) == 1, (name, done)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "file", "folder", "work"]
    assert (tmp_path / "folder" / "mine").read_text() == "mine"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("verb", VERBS)
def test_an_impossible_path_is_refused_before_the_command_begins(tmp_path: Path, verb: str) -> None:
    """A pipe would block and a device may be endless; only `parse --input` accepts them, line by line."""
    given = dict.fromkeys(("data", "text", "cilin", "model", "encoder", "corpus"), str(tmp_path))
    parser = _parser()
    for path in no_paths(tmp_path):
        arguments = parser.parse_args([part.format(**given, new=tmp_path / "new", bad=path) for part in VERBS[verb]])
        if verb == "parse --input" and os.path.exists(path):
            check_paths(arguments)
            continue
        with pytest.raises(UsageError, match=r"path|name another|is a pipe or a device"):
            check_paths(arguments)


def test_endless_and_empty_devices_as_input(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    done = cli("parse", tiny_model, "--input", "/dev/null")
    assert (done.code, done.out, done.err) == (0, "", "")
    done = cli("parse", tiny_model, "--input", "/dev/zero")
    assert done.code == 2 and "/dev/zero:1: this line is longer than" in done.sentence


def test_a_pipe_in_a_folder_of_examples_is_passed_over(cli: Cli, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "nlu.jsonl").write_text(GOOD, "utf-8")
    assert "2 examples" in cli("check", tmp_path).out


def test_real_processes_end_with_an_error_message(process: Callable[..., Any], tiny_model: Path) -> None:
    for arguments in (["parse", "/", "你好"], ["shell", "/"], ["serve", "/"], ["evaluate", "/", "/"]):
        with process(*arguments) as running:
            stderr = running.communicate(timeout=60)[1].decode()
            assert running.returncode in (1, 2) and stderr.startswith("cnlu: /: ") and stderr.count("\n") == 1
    closed = process("parse", tiny_model, "--input", "-", preexec_fn=lambda: os.close(0))
    with closed as running:
        stderr = running.communicate(timeout=60)[1].decode()
        assert running.returncode == 2 and "standard input is closed" in stderr
