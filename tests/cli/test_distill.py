"""`cnlu distill` from the command line."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers", reason="training needs the extra cnlu[train]")

Cli = Callable[..., Any]
QUICK = ["--device", "cpu"]
for _setting in (
    "model.members=1",
    "model.sparse_width=8",
    "model.width=8",
    "model.feedforward=16",
    "training.max_epochs=2",
    "training.min_epochs=1",
):
    QUICK += ["--set", _setting]


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    path = tmp_path / "句子.txt"
    texts = [f"订{n}张明天去{city}的票" for n in "一二三四" for city in ("北京", "上海", "杭州")]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def test_a_model_teaches_another_from_sentences(cli: Cli, tiny_model: Path, sentences: Path, tmp_path: Path) -> None:
    student = tmp_path / "student"
    done = cli("distill", tiny_model, "--data", sentences, "--out", student, "--student", "none", *QUICK)
    assert (done.code, done.out) == (0, "")
    assert "on texts held out (1)" in done.err and "scoring with the teacher" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["student", sentences.name]
    assert (student / "labels.json").read_bytes() == (tiny_model / "labels.json").read_bytes()
    parsed = cli("parse", student, "订两张去北京的票")
    assert json.loads(parsed.out)["intent"]["name"]


def test_only_the_texts_of_annotated_examples_are_used_and_a_note_says_so(
    cli: Cli, tiny_model: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cnlu.training.pipeline.export_onnx", lambda network: b"")
    done = cli("distill", tiny_model, "--data", tiny_data, "--out", tmp_path / "student", "--max-texts", 40, *QUICK)
    assert done.code == 0
    assert "only its texts are used, not its annotations" in done.err
    assert re.search("note: 40 of the files' [0-9]+ texts", done.err) and "36 examples" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--student", "layers=2"], "the encoder cannot be recovered from this model: it has none"),
        (["--student", "layers=two"], "--student layers=two: is not a number of layers; write a whole number"),
        (["--student", "no/such/encoder"], "no/such/encoder: there is no such directory"),
        (["--hidden", "1"], "--hidden: has no effect on a student without an encoder"),
        (["--temperature", "nan"], "--temperature: .nan. is not a number"),
        (["--temperature", "hot"], "argument --temperature: .hot. is not a number from 0.1 to 100"),
        (["--max-texts", "0"], "--max-texts: .0. is not a whole number from 1"),
        (["--int8"], "--int8: has no effect with --student none, which has no encoder"),
        (["--dev", "missing.yml"], "missing.yml: there is no such file"),
        (
            ["--set", "encoder.tuning=full", "--set", "encoder.layer_decay=0.5"],
            "encoder.layer_decay: has no effect without an encoder",
        ),
        (["--set", "model.tagging=BILOU"], "model.tagging: a student has its teacher's, BIO"),
        (["--resume"], "no interrupted training to resume"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(
    cli: Cli, tiny_model: Path, sentences: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = cli("distill", tiny_model, "--data", sentences, "--out", tmp_path / "student", *arguments)
    assert done.code == 2
    assert re.search(message, done.err)
    assert [path.name for path in tmp_path.iterdir()] == [sentences.name]


@pytest.mark.parametrize(
    ("content", "message"), [("\n  \n", "there is no text"), (b"\xc4\xe3\xba\xc3\n", ":1: the line is not valid UTF-8")]
)
def test_sentences_that_cannot_be_used_are_refused(
    cli: Cli, tiny_model: Path, tmp_path: Path, content: str | bytes, message: str
) -> None:
    path = tmp_path / "sentences.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = cli("distill", tiny_model, "--data", path, "--out", tmp_path / "student")
    assert done.code == 2 and message in done.sentence and str(path) in done.sentence


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_a_teacher_that_cannot_be_used_is_refused(
    cli: Cli, tiny_model: Path, sentences: Path, tmp_path: Path, how: str
) -> None:
    teacher = tmp_path / "teacher"
    if how == "damaged":
        shutil.copytree(tiny_model, teacher)
        (teacher / "tagger.npy").write_bytes(b"")
    done = cli("distill", teacher, "--data", sentences, "--out", tmp_path / "student")
    assert done.code == 1 and str(teacher) in done.sentence
    assert not (tmp_path / "student").exists()


def test_an_existing_model_is_not_replaced_without_force(cli: Cli, tiny_model: Path, sentences: Path) -> None:
    before = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    done = cli("distill", tiny_model, "--data", sentences, "--out", tiny_model)
    assert done.code == 2 and "--force" in done.sentence
    assert {path.name: path.read_bytes() for path in tiny_model.iterdir()} == before
