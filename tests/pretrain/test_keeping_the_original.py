"""What keeps an encoder close to the original one: averaged weights, distances as a loss, frozen layers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cnlu.errors import UsageError
from cnlu_pretrain.config import ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
from cnlu_pretrain.run.model import for_distillation
from tests.pretrain.runs import killed_at, pretrain, read_log, same_weights, weights_of

ENCODER = "bert."


@pytest.fixture(scope="module")
def trained(corpus, tiny_encoder, tmp_path_factory) -> Path:
    """The tiny encoder after six steps."""
    out = tmp_path_factory.mktemp("kept") / "trained"
    pretrain(out, corpus, tiny_encoder, steps=6)
    return out


def test_the_written_weights_are_the_average_of_the_trained_and_the_original_ones(
    tmp_path, corpus, tiny_encoder, trained
):
    pretrain(tmp_path / "half", corpus, tiny_encoder, steps=6, wise_ft=0.25)
    original, new, half = weights_of(tiny_encoder), weights_of(trained), weights_of(tmp_path / "half")
    for name in half:
        expected = new[name]
        if name.startswith(ENCODER):
            expected = 0.25 * new[name] + 0.75 * original[name]
        assert torch.allclose(half[name], expected, atol=1e-6), name
    assert not torch.equal(new["cls.predictions.bias"], original["cls.predictions.bias"])
    assert "25% of the trained ones plus 75% of the original ones" in (tmp_path / "half" / "README.md").read_text()


def test_the_held_out_accuracy_is_that_of_the_averaged_encoder(tmp_path, corpus, tiny_encoder, trained):
    pretrain(tmp_path / "none", corpus, tiny_encoder, steps=6, wise_ft=0.0, learning_rate=1e-2)
    losses = [line["held_out"]["own"]["masked"]["loss"] for line in read_log(tmp_path / "none") if "held_out" in line]
    assert all(abs(loss - losses[0]) < 0.1 for loss in losses)  # only the bias of the head has moved


def test_an_interrupted_run_averages_with_the_original_weights(tmp_path, corpus, tiny_encoder):
    pretrain(tmp_path / "whole", corpus, tiny_encoder, steps=6, wise_ft=0.5)
    with killed_at(step=4):
        pretrain(tmp_path / "resumed", corpus, tiny_encoder, steps=6, wise_ft=0.5)
    pretrain(tmp_path / "resumed", corpus, tiny_encoder, steps=6, wise_ft=0.5, resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_vectors_of_new_tokens_are_written_as_trained(tmp_path, tiny_encoder):
    text, words = tmp_path / "text.txt", tmp_path / "words.txt"
    text.write_text("\n".join(f"去北京的高铁票第{i}张" for i in range(400)), "utf-8")
    words.write_text("北京\n高铁\n", "utf-8")
    prepare_config = PretrainConfig().prepare
    prepare(PrepareRequest([str(text)], tmp_path / "c", prepare_config, str(tiny_encoder), add_tokens=words))
    pretrain(tmp_path / "new", tmp_path / "c", tiny_encoder, steps=4)
    pretrain(tmp_path / "half", tmp_path / "c", tiny_encoder, steps=4, wise_ft=0.5)
    name = "bert.embeddings.word_embeddings.weight"
    new, half, known = weights_of(tmp_path / "new"), weights_of(tmp_path / "half"), len(weights_of(tiny_encoder)[name])
    assert torch.equal(new[name][known:], half[name][known:]) and len(new[name]) == known + 2
    assert not torch.equal(new[name][:known], half[name][:known])


def test_the_distance_to_the_original_as_a_loss_keeps_the_weights_closer(tmp_path, corpus, tiny_encoder):
    moved = {}
    for weight in (0.0, 50.0):
        objectives = ObjectivesConfig(original=weight)
        out = tmp_path / f"{weight:g}"
        pretrain(out, corpus, tiny_encoder, steps=20, dropout=0.0, sections={"objectives": objectives})
        names = [name for name in weights_of(out) if name.startswith("bert.encoder") and name.endswith("weight")]
        original, new = weights_of(tiny_encoder), weights_of(out)
        moved[weight] = sum(float((new[name] - original[name]).norm()) for name in names)
    assert moved[50.0] < 0.8 * moved[0.0]


def test_without_dropout_the_first_distance_to_the_original_is_zero(tmp_path, corpus, tiny_encoder):
    objectives = ObjectivesConfig(original=1.0)
    pretrain(tmp_path / "e", corpus, tiny_encoder, steps=1, dropout=0.0, sections={"objectives": objectives})
    first = next(line for line in read_log(tmp_path / "e") if "original_hidden" in line)
    assert first["original_hidden"] == {"loss": 0.0, "accuracy": 1.0}
    assert first["original_sentence"] == {"loss": 0.0, "accuracy": 1.0}


def test_frozen_layers_and_embeddings_stay_as_they_are(tmp_path, corpus, tiny_encoder):
    pretrain(tmp_path / "e", corpus, tiny_encoder, steps=4, frozen_layers=1)
    original, new = weights_of(tiny_encoder), weights_of(tmp_path / "e")
    changed = {name for name in new if not torch.equal(new[name], original[name])}
    assert not [name for name in changed if name.startswith(("bert.embeddings", "bert.encoder.layer.0"))]
    assert [name for name in changed if name.startswith("bert.encoder.layer.1")]
    assert json.loads((tmp_path / "e" / "pretraining.json").read_text("utf-8"))["settings"]["run"]["frozen_layers"] == 1


def test_freezing_all_layers_is_refused(tmp_path, corpus, tiny_encoder):
    with pytest.raises(UsageError, match=r"run\.frozen_layers: freezes the whole encoder, whose number of layers is 2"):
        pretrain(tmp_path / "e", corpus, tiny_encoder, steps=1, frozen_layers=2)


def test_an_encoder_whose_layers_share_weights_has_none_to_freeze(tmp_path):
    from transformers import AlbertConfig, AlbertModel

    from cnlu_pretrain.run.frozen_layers import freeze_layers

    shape = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
    with pytest.raises(UsageError, match="share their weights"):
        freeze_layers(AlbertModel(AlbertConfig(vocab_size=30, embedding_size=8, **shape)), 1)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("run.wise_ft", PretrainConfig(run=RunConfig(wise_ft=0.5))),
        ("run.frozen_layers", PretrainConfig(run=RunConfig(frozen_layers=1))),
        ("objectives.original", PretrainConfig(objectives=ObjectivesConfig(original=1.0))),
    ],
)
def test_a_new_encoder_has_no_original_to_keep(tmp_path, corpus, name, config):
    with pytest.raises(UsageError, match=rf"{name}: a student has no original weights"):
        for_distillation(config)
    with pytest.raises(UsageError, match=rf"{name}: a new encoder with random weights has no original"):
        settings = {"wise_ft": config.run.wise_ft, "frozen_layers": config.run.frozen_layers}
        pretrain(tmp_path / "e", corpus, None, steps=1, sections={"objectives": config.objectives}, **settings)
