"""Multi-intent sentences: learned from synthesized pairs, predicted in unseen combinations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch
from hypothesis import given
from hypothesis import strategies as st

import cnlu
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example
from cnlu.errors import DataError
from cnlu.features.build_extractor import build_extractor
from cnlu.model.losses import IGNORE_INDEX, multi_label_loss
from cnlu.model.network import pooled
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.labels import Labels
from cnlu.training.continue_training import continue_training
from cnlu.training.data.featurize import featurize
from cnlu.training.data.multi_intent import synthesize_multi_intent
from cnlu.training.distill import Distillation, distill
from cnlu.training.request import Request
from cnlu.training.train import train
from tests.training.small import SMALL

Run = Callable[..., tuple[Any, list[str]]]
QUICK = ["model.multi_label=true", "training.max_epochs=60", "training.learning_rate=2e-2"]

THREE = [
    *(
        Example(f"{ask}{city}的票", "book", (Entity(len(ask), len(ask) + 2, "city", city),))
        for ask in ("买", "订一张", "来张")
        for city in ("北京", "上海", "杭州", "成都")
    ),
    *(Example(text, "weather") for text in ("天气怎么样", "今天下雨吗", "外面冷不冷", "气温多少度", "天气好吗")),
    *(Example(text, "bye") for text in ("再见", "拜拜了", "下次聊", "我走了再见", "回头见", "拜拜")),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three intents; its examples have one combination of two."""
    place = tmp_path_factory.mktemp("several")
    write_jsonl([*THREE, Example("下次聊，天气怎么样", "bye+weather")], place / "examples.jsonl")
    config = load_config(None, [*SMALL, *QUICK])
    train(Request([place / "examples.jsonl"], place / "model", config, device="cpu", quiet=True))
    return place / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> Interpreter:
    return cnlu.load(folder)


def test_an_unseen_combination_of_intents_is_predicted(model: Interpreter) -> None:
    result = model.parse("订一张北京的票，今天下雨吗")
    assert {one["name"] for one in result["intents"]} == {"book", "weather"}
    assert set(result["intent"]["name"].split("+")) == {"book", "weather"}
    assert [entity["value"] for entity in result["entities"]] == ["北京"]


def test_a_sentence_of_one_intent_gets_one_intent(model: Interpreter) -> None:
    result = model.parse("来张上海的票")
    assert result["intent"]["name"] == "book" and [one["name"] for one in result["intents"]] == ["book"]
    assert result["intent_ranking"][0] == result["intents"][0]


def test_the_ranking_names_single_intents_only(model: Interpreter) -> None:
    names = {one["name"] for one in model.parse("下次聊，天气怎么样")["intent_ranking"]}
    assert names == {"book", "weather", "bye"}


def test_a_known_combination_is_written_as_the_examples_write_it(model: Interpreter) -> None:
    assert model.labels.combined == ["bye+weather"]
    assert model.assembler._combined_name(["weather", "bye"]) == "bye+weather"
    assert model.assembler._combined_name(["weather", "book"]) == "weather+book"


def test_a_blank_text_has_no_intents(model: Interpreter) -> None:
    assert model.parse(" ")["intents"] == []


def test_without_the_setting_a_name_with_a_plus_is_one_intent(run: Run, tmp_path: Path) -> None:
    run([*THREE, Example("下次聊，天气怎么样", "bye+weather")], "training.max_epochs=1")
    model = cnlu.load(tmp_path / "model")
    assert "bye+weather" in model.labels.intents and "intents" not in model.parse("再见")


def test_a_student_gives_several_intents_as_its_teacher_does(folder: Path, tmp_path: Path, small: Any) -> None:
    (tmp_path / "texts.txt").write_text("\n".join(e.text for e in THREE), encoding="utf-8")
    config = small("training.max_epochs=60", "training.learning_rate=2e-2")
    request = Request([tmp_path / "texts.txt"], tmp_path / "student", config, device="cpu", quiet=True)
    distill(Distillation(folder), request)
    assert "intents" in cnlu.load(tmp_path / "student").parse("再见")


def test_a_model_of_several_intents_learns_another(folder: Path, tmp_path: Path, small: Any) -> None:
    write_jsonl([Example(text, "thanks") for text in ("谢谢", "多谢", "太谢谢了", "感谢")], tmp_path / "new.jsonl")
    config = small("training.max_epochs=60", "training.learning_rate=2e-2", "training.continue_share=1.0")
    continue_training(folder, Request([tmp_path / "new.jsonl"], tmp_path / "grown", config, device="cpu", quiet=True))
    found = cnlu.load(tmp_path / "grown").parse_batch(["太谢谢了", "天气怎么样", "订一张北京的票，今天下雨吗"])
    assert [result["intent"]["name"] for result in found[:2]] == ["thanks", "weather"]
    assert {one["name"] for one in found[2]["intents"]} == {"book", "weather"}


@pytest.mark.usefixtures("without_export")
def test_an_intent_named_twice_is_refused_with_its_line(run: Run) -> None:
    with pytest.raises(DataError, match=r"examples.jsonl:24: .*twice in .*bye\+bye.*; write each intent once"):
        run([*THREE, Example("再见再见", "bye+bye")], *QUICK)


@pytest.mark.usefixtures("without_export")
def test_the_labels_are_single_intents(run: Run, tmp_path: Path) -> None:
    _, messages = run(
        [*THREE, Example("再见，天气好吗", "bye+weather")], "model.multi_label=true", "training.max_epochs=1"
    )
    assert any("with two intents" in line for line in messages)
    labels = json.loads((tmp_path / "model" / "labels.json").read_text(encoding="utf-8"))
    assert labels["intents"] == ["book", "bye", "weather"]


def test_an_intent_is_learned_from_its_own_part_of_the_sentence() -> None:
    scores = torch.full((1, 9, 2), -8.0)
    scores[0, 2, 0] = scores[0, 7, 1] = 8.0
    mask = torch.ones(1, 9)
    assert (pooled(scores, mask) > 7.9).all()
    mask[0, 6:] = 0.0
    assert (pooled(scores, mask) > 0).tolist() == [[True, False]]


def test_a_synthesized_sentence_records_the_part_of_each_intent(small: Any) -> None:
    config, examples = small("model.multi_label=true"), [Example("退票", "refund"), Example("你好", "greet")]
    labels = Labels.collect(examples, True)
    pair = synthesize_multi_intent(examples, 4.0, 0)[0]
    both = Example("退票，你好", "refund+greet")
    (rows,), _ = featurize([[pair, both, examples[0]]], build_extractor(config, {}, {}), labels, config)
    refund, greet = labels.intents.index("refund"), labels.intents.index("greet")
    first, second = (refund, greet) if pair.text.startswith("退票") else (greet, refund)
    assert rows[0].segment_intents.tolist() == [first] * (len(pair.text) - 2) + [second] * 2
    assert rows[1].segment_intents.tolist() == [IGNORE_INDEX] * 5
    assert rows[2].segment_intents.tolist() == [refund] * 2


def test_a_window_of_a_long_pair_has_unknown_intents(small: Any) -> None:
    config = small("model.multi_label=true", "training.max_length=16")
    examples = [Example("我要退票" * 6 + "。", "refund"), Example("你好" * 9, "greet")]
    pair = synthesize_multi_intent(examples, 4.0, 0)[0]
    (rows,), _ = featurize([[pair]], build_extractor(config, {}, {}), Labels.collect(examples, True), config)
    assert len(rows) > 1
    assert all((row.segment_intents == IGNORE_INDEX).all() for row in rows)


def test_pairs_of_held_out_sentences_calibrate(folder: Path) -> None:
    report = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert report["decision_bias"] != 0.0


def test_the_loss_is_binary_per_label() -> None:
    scores = torch.tensor([[9.0, 9.0, -9.0], [-9.0, 9.0, -9.0], [0.0, 0.0, 0.0]])
    gold, also = torch.tensor([0, 1, IGNORE_INDEX]), torch.tensor([[1], [IGNORE_INDEX], [IGNORE_INDEX]])
    known = torch.tensor([0, 1])
    assert multi_label_loss(scores, gold, also, known) < 1e-3 < multi_label_loss(scores, gold, None, known)


@given(
    st.lists(st.tuples(st.text(max_size=8), st.sampled_from(["a", "b", "c", "a+b"]), st.data()), max_size=8),
    st.integers(0, 9),
)
def test_synthesized_sentences_keep_their_entities(rows: list[tuple[str, str, Any]], seed: int) -> None:
    examples = []
    for text, intent, data in rows:
        spans = ()
        if text:
            start = data.draw(st.integers(0, len(text) - 1))
            end = data.draw(st.integers(start + 1, len(text)))
            spans = (Entity(start, end, "x", text[start:end]),)
        examples.append(Example(text, intent, spans))
    for example in synthesize_multi_intent(examples, 2.0, seed):
        named = str(example.intent).split("+")
        assert 2 <= len(named) == len(set(named))
        assert all(example.text[e.start : e.end] == e.value for e in example.entities)
