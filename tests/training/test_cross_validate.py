"""Cross-validation: each example is parsed once, by a model that was not trained on it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

from cnlu.config import Config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Example
from cnlu.errors import DataError, UsageError
from cnlu.evaluation.report_data import ReportData
from cnlu.training import cross_validate as room
from cnlu.training.cross_validate import CrossValidation, cross_validate

FOLDS = 2


@pytest.fixture(scope="module")
def done(tiny_data: Path, tiny_config: Config) -> tuple[ReportData, list[str]]:
    """The report data of a cross-validation on part of the worked domain, and its log."""
    lines: list[str] = []
    training = replace(tiny_config.training, max_epochs=5)
    config = replace(tiny_config, model=replace(tiny_config.model, members=1), training=training)
    options = CrossValidation([tiny_data], FOLDS, config, device="cpu", quiet=True)
    return cross_validate(options, lines.append), lines


def test_every_example_has_a_result_in_order(done: tuple[ReportData, list[str]]) -> None:
    report_data, _ = done
    assert [result["text"] for result in report_data.results] == [example.text for example in report_data.examples]
    assert report_data.metrics["n"] == len(report_data.examples) and len(report_data.metrics["folds"]["each"]) == FOLDS
    assert report_data.metrics["frame_accuracy"] > 0.1  # they have learned


def test_no_model_parses_a_text_that_it_was_trained_on(
    tiny_data: Path, tiny_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[set[str]] = []

    class Stop(Exception):
        pass

    def no_training(request: Any, data: Any, examples: list[Example], log: Any) -> None:
        learned.append({example.text for example in examples})
        raise Stop

    monkeypatch.setattr(room, "_train", no_training)
    options = CrossValidation([tiny_data], 3, tiny_config, device="cpu", quiet=True)
    for fold in range(3):
        data = room.load_data([tiny_data])
        own = room.stratified_folds(data.examples, 3, tiny_config.training.seed)
        with pytest.raises(Stop):
            room._run_fold(options, data, own, fold, lambda line: None)
        held = {example.text for example, one in zip(data.examples, own, strict=True) if one == fold}
        assert held and not held & learned[-1] and held | learned[-1] == {example.text for example in data.examples}


def test_each_fold_is_logged_without_its_temporary_folder(done: tuple[ReportData, list[str]]) -> None:
    _, lines = done
    fold_lines = [line for line in lines if line.startswith("fold ")]
    assert [line.partition(":")[0] for line in fold_lines] == [f"fold {i} of {FOLDS}" for i in (1, 1, 2, 2)]
    assert "frames 0." in fold_lines[1]
    assert tempfile.gettempdir() + "/" not in "".join(lines)


def test_unseen_spans_are_those_that_the_other_folds_lack(done: tuple[ReportData, list[str]]) -> None:
    report_data, _ = done
    assert report_data.fold_of is not None and report_data.unseen_spans
    for number, example in enumerate(report_data.examples):
        others = {
            (e.entity, x.text[e.start : e.end])
            for x, fold in zip(report_data.examples, report_data.fold_of, strict=True)
            if fold != report_data.fold_of[number]
            for e in x.entities
        }
        for e in example.entities:
            new = (number, (e.start, e.end, e.entity)) in report_data.unseen_spans
            assert new == ((e.entity, example.text[e.start : e.end]) not in others)


def test_intents_with_fewer_texts_than_folds_are_logged(
    tmp_path: Path, tiny_config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_training(*_: Any) -> None:
        raise UsageError("far enough")

    monkeypatch.setattr(room, "_train", no_training)
    write_jsonl([Example(f"好{i}", "often") for i in range(9)] + [Example("坏", "once")], tmp_path / "nlu.jsonl")
    lines: list[str] = []
    with pytest.raises(UsageError, match="far enough"):
        cross_validate(CrossValidation([tmp_path / "nlu.jsonl"], 4, tiny_config), lines.append)
    assert [line for line in lines if "once (1)" in line and "often" not in line]


def test_examples_without_annotations_are_refused(tmp_path: Path, tiny_config: Config) -> None:
    (tmp_path / "nlu.jsonl").write_text("".join(json.dumps({"text": f"好{i}"}) + "\n" for i in range(9)), "utf-8")
    with pytest.raises(DataError, match="no example has an intent or an entity"):
        cross_validate(CrossValidation([tmp_path / "nlu.jsonl"], 3, tiny_config))
