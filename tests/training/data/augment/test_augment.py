"""The augmented examples of a training, and what the log says about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

from cnlu.config import Config
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Example, NluData
from cnlu.errors import CnluError, UsageError
from cnlu.text.segment import Segmenter
from cnlu.training.data.augment.augment import SETTINGS, augment
from cnlu.training.distill import Distillation, distill
from cnlu.training.request import Request

Run = Callable[..., tuple[Any, list[str]]]
ALL = (
    "training.value_substitution=0.9",
    "training.synonym_replacement=0.9",
    "training.homophones=0.9",
    "training.drop_fillers=0.9",
)


def test_augmentation_is_off_by_default(examples: list[Example]):
    assert augment(examples, NluData(), Config(), Segmenter()) == {}


def test_each_augmentation_starts_from_the_original_examples(examples: list[Example], small: Callable[..., Config]):
    pytest.importorskip("pypinyin")
    multi_intent = augment(examples, NluData(), small(*ALL), Segmenter())
    alone: dict[str, list[Example]] = {}
    for one in ALL:
        alone |= augment(examples, NluData(), small(one), Segmenter())
    assert multi_intent == alone
    assert len(multi_intent) == len(ALL)


@pytest.mark.usefixtures("without_export")
def test_training_logs_the_number_of_copies_and_an_example(run: Run, examples: list[Example], tmp_path: Path):
    (tmp_path / "mine.txt").write_text("天气 气象\n", encoding="utf-8")
    _, messages = run(
        examples,
        "training.synonym_replacement=1",
        f"training.synonym_table={tmp_path / 'mine.txt'}",
        "training.max_epochs=1",
    )
    assert any("copies with words of the same meaning," in line for line in messages)
    assert any(
        line.startswith("copies with words of the same meaning, such as: “") and "气象" in line for line in messages
    )
    _, messages = run(examples, "training.max_epochs=1", name="plain")
    assert not any("copies" in line for line in messages)


def test_a_broken_table_of_synonyms_leaves_no_model(run: Run, examples: list[Example], tmp_path: Path):
    (tmp_path / "mine.txt").write_text("天气\n", encoding="utf-8")
    with pytest.raises(CnluError, match=r"mine.txt:1: “天气” has no synonyms"):
        run(examples, "training.synonym_replacement=1", f"training.synonym_table={tmp_path / 'mine.txt'}")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    "overrides", [["training.synonym_table=mine.txt"], ["training.value_substitution=0.5", "model.entity_weight=0"]]
)
def test_a_setting_without_effect_is_refused(overrides: list[str]):
    with pytest.raises(UsageError, match=r"has no effect with (training.synonym_replacement|model.entity_weight): 0"):
        load_config(None, overrides)


def test_distillation_refuses_all_augmentations(tmp_path: Path, tiny_model: Path, examples: list[Example]):
    write_jsonl(examples, tmp_path / "examples.jsonl")
    for name in set(SETTINGS) - {"multi_intent_pairs"}:
        value = "mine.txt" if name == "synonym_table" else "0.5"
        more = ["training.synonym_replacement=0.1"] if name == "synonym_table" else []
        config = load_config(None, [f"training.{name}={value}", *more])
        request = Request([tmp_path / "examples.jsonl"], tmp_path / "student", config, device="cpu", quiet=True)
        with pytest.raises(
            UsageError, match=r"training.(synonym_replacement|" + name + "): has no effect on a student"
        ):
            distill(Distillation(tiny_model), request)
        assert not (tmp_path / "student").exists()
