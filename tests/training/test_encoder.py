"""Training on a pretrained encoder: fully tuned, with LoRA or frozen, pruned, in 8 bits, and resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

import cnlu
from cnlu.data.schema import Example
from cnlu.errors import UsageError
from cnlu.text.tokens import pad_tokens
from cnlu.text.view import view
from cnlu.training.data.featurize import feature_ids
from cnlu.training.fit import loop
from tests.training.encoder_training import load_tiny_encoder

Run = Callable[..., tuple[Any, list[str]]]


@pytest.mark.parametrize(
    "tuning", ["full", *(pytest.param(tuning, marks=pytest.mark.slow) for tuning in ("lora", "frozen"))]
)
def test_an_exported_model_on_an_encoder_gives_the_scores_of_the_trained_network(
    tuning: str, run_on_encoder: Run, examples: list[Example], tmp_path: Path
) -> None:
    trained, messages = run_on_encoder(examples * 3, f"encoder.tuning={tuning}")
    model = cnlu.load(tmp_path / "model")
    assert any("[UNK]" in line for line in messages)
    assert model.tokens is not None
    assert not any("lora" in name for name, _ in trained.network.named_modules())
    text = "我要去New York"
    characters, sentence = feature_ids(trained.extractor.extract(view(text)), trained.vocabularies)
    batch = {"characters": characters[None], "sentence": sentence[None], "mask": np.ones((1, len(text)), np.float32)}
    batch |= pad_tokens([model.tokens.encode(text)], len(text))
    with torch.no_grad():
        expected = trained.network.eval()({name: torch.from_numpy(array) for name, array in batch.items()})
    found = model.scores(text)
    assert np.allclose(found.emissions, expected.emissions[0], atol=1e-4)
    assert np.allclose(found.intent, expected.intent[0], atol=1e-4)


def test_an_encoder_does_not_see_spaces_and_invisible_characters(
    tiny_bert_model: Path,
) -> None:
    model = cnlu.load(tiny_bert_model)
    plain, full = model.parse("我要去北京吗"), model.parse("\ufeff我 要\u200b去 北 京吗 ？\n")
    assert {**full, "text": "", "entities": []} == {**plain, "text": "", "entities": []}
    assert [entity["value"] for entity in full["entities"]] == [entity["value"] for entity in plain["entities"]]


@pytest.mark.parametrize(("tuning", "moves"), [("full", True), ("frozen", False), ("lora", True)])
def test_only_a_tuned_encoder_changes(
    tuning: str, moves: bool, run_on_encoder: Run, examples: list[Example], tiny_bert: Path, without_export: None
) -> None:
    trained, _ = run_on_encoder(examples, f"encoder.tuning={tuning}")
    fresh = load_tiny_encoder(tiny_bert)
    before, after = fresh.aligned_encoder.backbone.state_dict(), trained.network.aligned_encoder.backbone.state_dict()
    assert before.keys() == after.keys()
    assert moves != all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(("tuning", "calibrating"), [("full", 2), ("frozen", 16)])
def test_only_a_frozen_encoder_allows_calibration_on_examples_left_out_by_member(
    tuning: str, calibrating: int, run_on_encoder: Run, examples: list[Example], tmp_path: Path, without_export: None
) -> None:
    run_on_encoder(examples, f"encoder.tuning={tuning}", "training.min_dev=100", "model.members=4")
    report = json.loads((tmp_path / "model" / "training.json").read_text("utf-8"))
    assert report["calibrated_on"] == calibrating and report["refit_epochs"] > 0


def test_an_encoder_shorter_than_the_window_is_refused(run_on_encoder: Run, examples: list[Example]) -> None:
    with pytest.raises(UsageError, match=r"at most 510 tokens .* set training.max_length to 510 or less"):
        run_on_encoder(examples, "training.max_length=511")


def test_a_resumed_training_gives_the_model_of_an_uninterrupted_one(
    run_on_encoder: Run, examples: list[Example], without_export: None
) -> None:
    straight, _ = run_on_encoder(examples, name="straight")
    calls = 0
    plan = loop.plan_epoch

    def interrupted(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return plan(*given)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "plan_epoch", interrupted)
        run_on_encoder(examples)
    resumed, _ = run_on_encoder(examples, resume=True)
    expected, found = straight.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
def test_the_accuracy_in_8_bits_is_logged_beside_that_in_float32(
    run_on_encoder: Run, examples: list[Example], tmp_path: Path
) -> None:
    _, messages = run_on_encoder(examples * 4, int8=True)
    price = next(line for line in messages if line.startswith("int8: dev frames"))
    dev = json.loads((tmp_path / "model" / "training.json").read_text("utf-8"))["dev"]
    assert f"{dev['frame_accuracy']:.3f}" in price and "in float32" in price
    model, texts = cnlu.load(tmp_path / "model"), ["我要去北京", "问问杭州的雨下得大不大", "去成都的票"]
    assert model.parse_batch(texts) == [model.parse(text) for text in texts]


def test_int8_without_an_encoder_is_refused(run: Run, examples: list[Example]) -> None:
    with pytest.raises(UsageError, match=r"--int8: has no effect without an encoder"):
        run(examples, int8=True)


def test_intents_alone_and_entities_alone_are_learned(
    run_on_encoder: Run, examples: list[Example], without_export: None
) -> None:
    intents, _ = run_on_encoder([Example(e.text, e.intent) for e in examples] * 2, name="intents")
    assert intents.dev_metrics["entity"] is None and intents.dev_metrics["intent"] is not None
    entities, _ = run_on_encoder([Example(e.text, None, e.entities) for e in examples] * 2, name="entities")
    assert entities.dev_metrics["intent"] is None and entities.dev_metrics["entity"] is not None


def test_a_pruned_encoder_is_smaller_and_still_learns(
    run_on_encoder: Run, examples: list[Example], three_layer_bert: Path, without_export: None
) -> None:
    encoder = str(three_layer_bert)
    whole, _ = run_on_encoder(examples, name="whole", encoder=encoder)
    cut, _ = run_on_encoder(examples, "encoder.keep_layers=1", "encoder.prune_heads=0.5", name="cut", encoder=encoder)
    sizes = [
        sum(p.numel() for layer in trained.network.aligned_encoder.backbone.layers() for p in layer.parameters())
        for trained in (whole, cut)
    ]
    assert sizes[1] < sizes[0] / 3
    assert cut.dev_metrics["frame_accuracy"] >= 0
