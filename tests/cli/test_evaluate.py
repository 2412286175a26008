"""The report of `cnlu evaluate`, and cross-validation from the command line."""

from __future__ import annotations

import json
import re
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.quick import QUICK, YAML

Cli = Callable[..., Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "nlu.yml"
    path.write_text(YAML, encoding="utf-8")
    return path


def test_the_report_is_written_beside_the_metrics(cli: Cli, tiny_model: Path, tiny_data: Path, tmp_path: Path) -> None:
    done = cli("evaluate", tiny_model, tiny_data / "examples.jsonl", "--out", tmp_path / "report")
    assert done.code == 0 and "report.html" in done.err
    names = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert names == ["errors.jsonl", "metrics.json", "report.html"]
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "examples.jsonl" in page and ">in training</th>" in page


def test_a_report_with_a_page_is_replaced(cli: Cli, tiny_model: Path, data: Path, tmp_path: Path) -> None:
    command = ["evaluate", tiny_model, data, "--out", tmp_path / "report"]
    assert [cli(*command).code, cli(*command).code, cli(*command, "--force").code] == [0, 2, 0]


def test_an_older_model_without_label_counts_gets_a_note(
    cli: Cli, tiny_model: Path, data: Path, tmp_path: Path
) -> None:
    from cnlu.runtime.model_dir import read_model_dir, write_model_dir

    model = read_model_dir(tiny_model)
    training = json.loads(model.files["training.json"])
    assert sum(training.pop("examples")["intents"].values()) > 100
    files = {**model.files, "training.json": json.dumps(training).encode()}
    write_model_dir(tmp_path / "old", files, {"segmenter": model.manifest["segmenter"]})
    assert cli("evaluate", tmp_path / "old", data, "--out", tmp_path / "report").code == 0
    assert "does not record its training label counts" in (tmp_path / "report" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cross-validate", "1", "nlu.yml"], "--cross-validate: '1' is not a whole number from 2"),
        (["--cross-validate", "-3", "nlu.yml"], "--cross-validate: '-3' is not a whole number from 2"),
        (["--cross-validate", "0", "nlu.yml"], "--cross-validate: '0' is not a whole number from 2"),
        (["--cross-validate", "some", "nlu.yml"], "'some' is not a whole number"),
        (["--cross-validate", "7", "nlu.yml"], "6 different texts are too few for 7 folds"),
        (["--cross-validate", "2", "MODEL", "nlu.yml"], "is a model, but --cross-validate trains its own models"),
        (["--cross-validate", "2", "nlu.yml", "--force"], "--force: has no effect without --out"),
        (["--cross-validate", "2", "nlu.yml", "--out", "nlu.yml"], "nlu.yml: is a file"),
        (["--cross-validate", "2", "missing.yml"], "missing.yml: there is no such file"),
        (["--cross-validate", "2", "nlu.yml", "--set", "model.layer=1"], "did you mean 'layers'"),
        (
            ["--cross-validate", "2", "nlu.yml", "--encoder", "none", "--set", "encoder.tuning=frozen"],
            "no effect without an encoder",
        ),
        (["--cross-validate", "2", "nlu.yml", "--encoder", "./nowhere"], "nowhere: there is no such directory"),
        (["--cross-validate", "2", "nlu.yml", "--resume"], "unrecognized arguments: --resume"),
        (["MODEL"], "needs a model and examples"),
        (["nlu.yml"], "needs a model and examples"),
        (["MODEL", "nlu.yml", "--seed", "0"], "--seed: has no effect without --cross-validate"),
        (["MODEL", "nlu.yml", "--set", "model.layers=1"], "--set: has no effect without --cross-validate"),
        (["MODEL", "nlu.yml", "--device", "cpu"], "--device: has no effect without --cross-validate"),
    ],
)
def test_arguments_that_conflict_are_refused(
    cli: Cli,
    tiny_model: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("evaluate", *(tiny_model if one == "MODEL" else one for one in arguments))
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["nlu.yml"]


def test_a_cross_validation_leaves_its_report_and_nothing_else(
    cli: Cli, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    done = cli(
        "evaluate", "--cross-validate", 2, data, "--out", tmp_path / "report", "--seed", 4, "--encoder", "none", *QUICK
    )
    assert done.code == 0
    assert re.search(r"2 folds +mean +spread", done.out) and "fold 2 of 2: frames" in done.err
    assert not list((tmp_path / "temporary").glob("cnlu*"))  # PyTorch may leave folders of its own
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text("utf-8"))
    assert metrics["n"] == 6 and [one["n"] for one in metrics["folds"]["each"]] == [3, 3]
    errors = [json.loads(line) for line in (tmp_path / "report" / "errors.jsonl").read_text("utf-8").splitlines()]
    assert errors and {error["fold"] for error in errors} <= {1, 2}
    assert "Figures by fold" in (tmp_path / "report" / "report.html").read_text("utf-8")


def test_an_interrupted_cross_validation_leaves_nothing(
    process: Callable[..., Any], tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # the temporary folder of a fold would be here
    pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

    command = ["evaluate", "--cross-validate", 3, tiny_data, "--out", "report", "--device", "cpu"]
    with process(*command, stdout=None) as running:
        stderr = b""
        while b"training on cpu" not in stderr:
            piece = running.stderr.read(1)
            assert piece, stderr.decode()
            stderr += piece
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read().decode()
        assert running.wait() == 130
    assert "stopped" in rest and "Traceback" not in rest and "--resume" not in rest
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(("cnlu", ".report", "report"))]
