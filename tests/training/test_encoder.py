"""Training on a pretrained encoder: tuned in full, by additions or not at all, in little memory, for long texts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

import cnlu
from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.schema import Entity, Example
from cnlu.errors import ModelError, UsageError
from cnlu.features.build_extractor import build_extractor
from cnlu.model.encoder_output import VIEWS, AlignedEncoder
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.labels import Labels
from cnlu.text.tokens import Tokens, pad_tokens
from cnlu.text.view import view
from cnlu.training.data.featurize import Row, feature_ids, featurize
from cnlu.training.data.frozen_features import add_frozen_features
from cnlu.training.fit import loop
from cnlu.training.fit.encoder_setup import Encoder, prepare_encoder
from cnlu.training.fit.optimizer import build_optimizer
from cnlu.training.fit.step import GradientAccumulator
from cnlu.training.request import Request
from cnlu.training.train import train

SMALL = [
    "model.members=1",
    "model.sparse_width=8",
    "model.width=8",
    "model.heads=2",
    "model.feedforward=16",
    "model.label_width=8",
    "training.min_epochs=1",
    "training.max_epochs=2",
    "training.batch_size=8",
    "training.checkpoint_seconds=0",
    "features.min_count=1",
    "features.sentence_min_count=1",
]
CPU = torch.device("cpu")

Run = Callable[..., tuple[Any, list[str]]]


@pytest.fixture
def train_on(tmp_path: Path, tiny_bert: Path) -> Run:
    """Train on examples and the tiny encoder; returns what `train` returns and what it said."""

    def go(given: list[Example], *overrides: str, name: str = "model", **request: Any) -> tuple[Any, list[str]]:
        write_jsonl(given, tmp_path / "examples.jsonl")
        config = load_config(None, [*SMALL, *overrides], encoder=True)
        said: list[str] = []
        options = Request(
            [tmp_path / "examples.jsonl"],
            tmp_path / name,
            config,
            encoder=str(tiny_bert),
            device="cpu",
            quiet=True,
            **request,
        )
        return train(options, said.append), said

    return go


def prepared(tiny_bert: Path, examples: list[Example], *overrides: str) -> tuple[Encoder, list[Row], Ensemble]:
    """An encoder, the examples' rows and a network, as training makes them."""
    config = load_config(None, [*SMALL, "encoder.precision=float32", *overrides], encoder=True)
    encoder = prepare_encoder(str(tiny_bert), config, lambda line: None)
    labels = Labels.collect(examples)
    [rows], vocabularies = featurize([examples], build_extractor(config, {}, {}), labels, config, encoder.tokenizer)
    sizes = Sizes(
        character_features=len(vocabularies.characters),
        sentence_features=len(vocabularies.sentence),
        intents=len(labels.intents),
        roles=0,
        groups=0,
        encoder=encoder.aligned_encoder.width,
        views=encoder.views,
    )
    torch.manual_seed(1)
    return encoder, rows, Ensemble(config.model, sizes, labels.tag_set("BIO"), aligned_encoder=encoder.aligned_encoder)


def stepper(
    network: Ensemble, rows: list[Row], part: int, log: Callable[[str], None] = lambda line: None
) -> GradientAccumulator:
    return GradientAccumulator(
        network=network.eval(), rows=rows, device=CPU, character_masking=None, part=part, half=False, log=log
    )  # eval: no dropout, so that runs compare


def gradients(network: Ensemble) -> list[torch.Tensor]:
    """Without those of the row that stands for no feature, which only training leaves alone."""
    return [
        (p.grad[1:] if name.endswith("table.weight") else p.grad).clone()
        for name, p in network.named_parameters()
        if p.grad is not None
    ]


@pytest.mark.parametrize(
    "tuning", ["full", *(pytest.param(tuning, marks=pytest.mark.slow) for tuning in ("lora", "frozen"))]
)
def test_a_model_on_an_encoder_runs_without_torch_as_it_was_trained(
    tuning: str, train_on: Run, examples: list[Example], tmp_path: Path
) -> None:
    trained, said = train_on(examples * 3, f"encoder.tuning={tuning}")
    model = cnlu.load(tmp_path / "model")
    assert any("[UNK]" in line for line in said)
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


def test_an_encoder_is_shown_what_is_read_and_nothing_else(
    train_on: Run, examples: list[Example], tmp_path: Path
) -> None:
    train_on(examples, "encoder.tuning=frozen")
    model = cnlu.load(tmp_path / "model")
    plain, full = model.parse("我要去北京吗"), model.parse("\ufeff我 要\u200b去 北 京吗 ？\n")
    assert {**full, "text": "", "entities": []} == {**plain, "text": "", "entities": []}
    assert [entity["value"] for entity in full["entities"]] == [entity["value"] for entity in plain["entities"]]


@pytest.mark.parametrize(("tuning", "moves"), [("full", True), ("frozen", False), ("lora", True)])
def test_only_a_tuned_encoder_changes(
    tuning: str, moves: bool, train_on: Run, examples: list[Example], tiny_bert: Path, without_export: None
) -> None:
    trained, _ = train_on(examples, f"encoder.tuning={tuning}")
    fresh = prepare_encoder(str(tiny_bert), load_config(None, SMALL, encoder=True), lambda line: None)
    before, after = fresh.aligned_encoder.backbone.state_dict(), trained.network.aligned_encoder.backbone.state_dict()
    assert before.keys() == after.keys()
    assert moves != all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(("tuning", "calibrating"), [("full", 2), ("frozen", 16)])
def test_an_encoder_that_all_members_teach_has_seen_what_one_of_them_left_out(
    tuning: str, calibrating: int, train_on: Run, examples: list[Example], tmp_path: Path, without_export: None
) -> None:
    train_on(examples, f"encoder.tuning={tuning}", "training.min_dev=100", "model.members=4")
    told = json.loads((tmp_path / "model" / "training.json").read_text("utf-8"))
    assert told["calibrated_on"] == calibrating and told["refit_epochs"] > 0


@pytest.mark.parametrize("kind", VIEWS)
def test_every_sentence_vector_leaves_padding_and_other_texts_out(kind: str, tiny_bert: Path) -> None:
    config = load_config(None, SMALL, encoder=True)
    encoder = prepare_encoder(str(tiny_bert), config, lambda line: None)
    reader = AlignedEncoder(encoder.aligned_encoder.backbone, kind, 0).eval()
    short, long = (encoder.tokenizer.encode(text) for text in ("去北京", "帮我看看明天去上海的票"))

    def views(found: list[Any], length: int) -> torch.Tensor:
        inputs = {name: torch.from_numpy(array) for name, array in pad_tokens(found, length).items()}
        with torch.no_grad():
            return reader(**inputs).views

    alone, beside = views([short], 3), views([short, long], 11)
    assert alone.shape == (1, VIEWS[kind], 32)
    assert torch.allclose(alone[0], beside[0], atol=1e-5)
    assert not torch.allclose(beside[0], beside[1], atol=1e-3)


def test_a_text_of_nothing_the_tokenizer_keeps_has_a_sentence_vector(tiny_bert: Path) -> None:
    encoder = prepare_encoder(str(tiny_bert), load_config(None, SMALL, encoder=True), lambda line: None)
    inputs = {name: torch.from_numpy(array) for name, array in pad_tokens([encoder.tokenizer.encode(" ")], 1).items()}
    for kind in VIEWS:
        assert torch.isfinite(AlignedEncoder(encoder.aligned_encoder.backbone, kind, 0).eval()(**inputs).views).all()


def test_a_batch_in_parts_gives_the_gradients_of_the_whole(tiny_bert: Path, examples: list[Example]) -> None:
    _, rows, network = prepared(tiny_bert, examples)
    stepper(network, rows, 16).accumulate(range(16))
    whole = gradients(network)
    network.zero_grad()
    stepper(network, rows, 5).accumulate(range(16))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(whole, gradients(network), strict=True))


def test_out_of_memory_halves_what_is_computed_at_once_and_says_so(
    tiny_bert: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rows, network = prepared(tiny_bert, examples)
    stepper(network, rows, 16).accumulate(range(16))
    whole = gradients(network)
    network.zero_grad()
    read = Ensemble.encode

    def little_memory(self: Ensemble, batch: dict[str, torch.Tensor]) -> Any:
        if len(batch["tokens"]) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return read(self, batch)

    monkeypatch.setattr(Ensemble, "encode", little_memory)
    said: list[str] = []
    small = stepper(network, rows, 16, said.append)
    small.accumulate(range(16))
    assert small.part == 4
    assert len(said) == 2
    assert "out of memory" in said[0] and "8 examples at once" in said[0]
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(whole, gradients(network), strict=True))


def test_out_of_memory_with_a_single_example_names_the_way_out(
    tiny_bert: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, rows, network = prepared(tiny_bert, examples)

    def no_memory(self: Ensemble, batch: dict[str, torch.Tensor]) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Ensemble, "encode", no_memory)
    with pytest.raises(ModelError, match=r"with a single example; set encoder.checkpointing"):
        stepper(network, rows, 2).accumulate(range(4))


def test_deeper_layers_learn_more_slowly(tiny_bert: Path, examples: list[Example]) -> None:
    encoder, _, network = prepared(tiny_bert, examples)
    config = load_config(None, ["encoder.learning_rate=0.001", "encoder.layer_decay=0.5"], encoder=True)
    rate = {
        id(p): group["lr"]
        for group in build_optimizer(network, config.training, config.encoder).param_groups
        for p in group["params"]
    }
    first, second, third = encoder.aligned_encoder.backbone.layers()
    assert {rate[id(p)] for p in third.parameters()} == {0.001}
    assert {rate[id(p)] for p in second.parameters()} == {0.0005}
    assert {rate[id(p)] for p in first.parameters()} == {0.00025}
    embedding = next(m for m in encoder.aligned_encoder.backbone.modules() if isinstance(m, torch.nn.Embedding))
    assert rate[id(embedding.weight)] == 0.000125


def test_norms_and_biases_do_not_decay(tiny_bert: Path, examples: list[Example]) -> None:
    _, _, network = prepared(tiny_bert, examples)
    config = load_config(None, ["encoder.weight_decay=0.3"], encoder=True)
    groups = build_optimizer(network, config.training, config.encoder).param_groups[3:]
    assert {p.ndim for group in groups if group["weight_decay"] == 0.0 for p in group["params"]} == {1}
    assert {p.ndim for group in groups if group["weight_decay"] == 0.3 for p in group["params"]} == {2}


@pytest.mark.parametrize("memory", [1 << 30, 100])
def test_a_frozen_encoders_answers_are_those_of_the_encoder_wherever_they_lie(
    memory: int, tiny_bert: Path, examples: list[Example], tmp_path: Path
) -> None:
    encoder, rows, _ = prepared(tiny_bert, examples, "encoder.sentence=last_four")
    for row in add_frozen_features(
        rows, encoder.aligned_encoder, views=encoder.views, device=CPU, memory=memory, folder=tmp_path
    ):
        assert row.tokens is not None and row.frozen_features is not None
        tokens, mask = torch.from_numpy(row.tokens.ids)[None], torch.ones(1, len(row.tokens))
        with torch.no_grad():
            read = encoder.aligned_encoder.eval()(tokens, mask, torch.from_numpy(row.tokens.alignment)[None])
        assert np.allclose(row.frozen_features[0], read.characters[0], atol=5e-3)
        assert np.allclose(row.frozen_features[1], read.views[0], atol=5e-3)
    assert list(tmp_path.iterdir()) == []


def test_an_entity_anywhere_in_a_long_text_is_found(train_on: Run, tmp_path: Path) -> None:
    noise = "今天天气不错我们随便聊聊别的事情吧"
    marked = [
        Example(f"{noise[:k]}我要去{c}{noise[: 9 - k]}", "go", (Entity(k + 3, k + 5, "city", c),))
        for k in range(10)
        for c in ("北京", "上海", "杭州", "成都")
    ]
    idle = [Example(noise[i:j], "chat") for i in range(6) for j in range(i + 4, len(noise))]
    train_on(
        marked * 2 + idle,
        "training.max_epochs=12",
        "training.min_epochs=12",
        "training.max_length=64",
        "training.learning_rate=0.01",
        "training.sparse_learning_rate=0.02",
    )
    model = cnlu.load(tmp_path / "model")
    for place in (0, 1234, 4990):
        filler = noise * 300
        text = f"{filler[:place]}我要去北京{filler[: 4995 - place]}"
        assert len(text) == 5000
        assert (place + 3, place + 5) in {(e["start"], e["end"]) for e in model.parse(text)["entities"]}


def test_texts_denser_than_the_encoders_limit_are_read_in_smaller_windows(
    tiny_bert_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No window of 256 characters is too much for 510 tokens, so the encoder's limit is lowered."""
    model = cnlu.load(tiny_bert_model)
    assert model.tokens is not None
    monkeypatch.setattr(model.tokens, "special_tokens", replace(model.tokens.special_tokens, limit=42))
    seen = []
    read = model.tokens.read

    def watched(text: str) -> Tokens:
        seen.append(read(text))
        return seen[-1]

    monkeypatch.setattr(model.tokens, "read", watched)
    result = model.parse("我要去北京" * 30)
    assert len(seen) > 4 and all(one.whole for one in seen)
    assert all(e["end"] <= 150 for e in result["entities"])


def test_an_encoder_shorter_than_the_window_is_refused(train_on: Run, examples: list[Example]) -> None:
    with pytest.raises(UsageError, match=r"at most 510 tokens .* set training.max_length to 510 or less"):
        train_on(examples, "training.max_length=511")


def test_a_resumed_training_gives_the_model_of_an_uninterrupted_one(
    train_on: Run, examples: list[Example], without_export: None
) -> None:
    straight, _ = train_on(examples, name="straight")
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
        train_on(examples)
    resumed, _ = train_on(examples, resume=True)
    expected, found = straight.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.slow
def test_the_price_of_eight_bits_is_said(train_on: Run, examples: list[Example], tmp_path: Path) -> None:
    _, said = train_on(examples * 4, int8=True)
    price = next(line for line in said if line.startswith("int8: dev frames"))
    dev = json.loads((tmp_path / "model" / "training.json").read_text("utf-8"))["dev"]
    assert f"{dev['frame_accuracy']:.3f}" in price and "in float32" in price
    model, texts = cnlu.load(tmp_path / "model"), ["我要去北京", "问问杭州的雨下得大不大", "去成都的票"]
    assert model.parse_batch(texts) == [model.parse(text) for text in texts]


def test_eight_bits_without_an_encoder_are_refused(run: Run, examples: list[Example]) -> None:
    with pytest.raises(UsageError, match=r"--int8: has no effect without --encoder"):
        run(examples, int8=True)


def test_intents_alone_and_entities_alone_are_learned(
    train_on: Run, examples: list[Example], without_export: None
) -> None:
    intents, _ = train_on([Example(e.text, e.intent) for e in examples] * 2, name="intents")
    assert intents.dev_metrics["entity"] is None and intents.dev_metrics["intent"] is not None
    entities, _ = train_on([Example(e.text, None, e.entities) for e in examples] * 2, name="entities")
    assert entities.dev_metrics["intent"] is None and entities.dev_metrics["entity"] is not None


def test_computing_activations_twice_changes_no_gradient(tiny_bert: Path, examples: list[Example]) -> None:
    found = []
    for twice in ("false", "true"):
        _, rows, network = prepared(tiny_bert, examples, f"encoder.checkpointing={twice}")
        for module in network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        worker = stepper(network, rows, 16)
        assert network.aligned_encoder is not None
        network.aligned_encoder.train()  # where it is not training nothing needs to be kept
        torch.manual_seed(3)
        worker.accumulate(range(16))
        found.append(gradients(network))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*found, strict=True))


def test_a_cut_encoder_is_smaller_and_still_learns(
    train_on: Run, examples: list[Example], without_export: None
) -> None:
    whole, _ = train_on(examples, name="whole")
    cut, _ = train_on(examples, "encoder.keep_layers=1", "encoder.prune_heads=0.5", name="cut")
    sizes = [
        sum(p.numel() for layer in trained.network.aligned_encoder.backbone.layers() for p in layer.parameters())
        for trained in (whole, cut)
    ]
    assert sizes[1] < sizes[0] / 3
    assert cut.dev_metrics["frame_accuracy"] >= 0
