"""Continued pretraining of NEZHA, from the weight names of its releases to an encoder that fine-tuning loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForMaskedLM

from cnlu.encoder.load import load_encoder as load_pretrained
from cnlu.encoder.nezha import NezhaConfig, NezhaModel
from cnlu.errors import DataError
from cnlu_pretrain.config import ObjectivesConfig, RunConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.encoder.load import load_encoder, resize
from tests.pretrain.runs import masked_losses, pretrain

WEIGHTS = "model.safetensors"
SETTINGS = {"log_every": 1, "evaluate_every": 100, "checkpoint_every": 100, "dropout": 0.0, "head_warmup": 2}


@pytest.fixture(params=["bert.", "nezha.", ""])
def nezha(request, tmp_path, tokenizer) -> Path:
    """A tiny random NEZHA without a head, with the weight names of a release."""
    torch.manual_seed(1)
    size = len(json.loads(tokenizer)["model"]["vocab"])
    config = NezhaConfig(
        vocab_size=size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_relative_position=8,
    )
    folder = tmp_path / "nezha"
    folder.mkdir()
    weights = NezhaModel(config).state_dict()
    save_file({f"{request.param}{name}": value.contiguous() for name, value in weights.items()}, folder / WEIGHTS)
    (folder / "config.json").write_text(config.to_json_string(use_diff=False), "utf-8")
    (folder / "tokenizer.json").write_text(tokenizer, "utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', "utf-8")
    return folder


one_release = pytest.mark.parametrize("nezha", ["bert."], indirect=True)


def test_pretraining_lowers_the_loss_and_fine_tuning_loads_the_result(tmp_path, corpus, nezha):
    log = pretrain(tmp_path / "e", corpus, nezha, steps=20, **SETTINGS)
    assert any("no head for masked language" in line for line in log)
    losses = list(masked_losses(tmp_path / "e").values())
    assert sum(losses[-3:]) < sum(losses[:3])
    config = json.loads((tmp_path / "e" / "config.json").read_text("utf-8"))
    assert (config["model_type"], config["max_relative_position"]) == ("nezha", 8)
    before, after = load_pretrained(nezha), load_pretrained(tmp_path / "e")
    assert after.notes == []
    name = "encoder.layer.1.attention.self.query.weight"
    assert not torch.equal(before.backbone.model.state_dict()[name], after.backbone.model.state_dict()[name])


@one_release
def test_a_second_run_continues_the_trained_head(tmp_path, corpus, nezha):
    pretrain(tmp_path / "first", corpus, nezha, steps=4, **SETTINGS)
    loaded = load_encoder(str(tmp_path / "first"), open_corpus(corpus), RunConfig(length=64))
    assert not loaded.head_is_new and loaded.notes == []
    written = load_file(tmp_path / "first" / WEIGHTS)
    weights = loaded.model.state_dict()
    assert any(name.startswith("cls.") for name in written)
    assert all(torch.equal(weights[name], value) for name, value in written.items())


@one_release
def test_the_warm_up_of_the_head_leaves_the_encoder_unchanged(tmp_path, corpus, nezha):
    pretrain(tmp_path / "e", corpus, nezha, steps=2, **SETTINGS)
    before, after = (load_pretrained(folder).backbone.model.state_dict() for folder in (nezha, tmp_path / "e"))
    assert all(torch.equal(before[name], value) for name, value in after.items())


@one_release
def test_replaced_token_detection_writes_an_encoder_without_a_head(tmp_path, corpus, nezha):
    sections = {"objectives": ObjectivesConfig(replaced_token=50.0)}
    pretrain(tmp_path / "e", corpus, nezha, steps=3, sections=sections, **SETTINGS)
    assert not any(name.startswith("cls.") for name in load_file(tmp_path / "e" / WEIGHTS))
    assert load_pretrained(tmp_path / "e").notes == []


@one_release
def test_a_nezha_that_lacks_a_weight_is_refused(tmp_path, corpus, nezha):
    weights = load_file(nezha / WEIGHTS)
    del weights["bert.encoder.layer.0.output.dense.weight"]
    save_file(weights, nezha / WEIGHTS)
    with pytest.raises(DataError, match="lacks 1 weights of the encoder, such as .*layer.0.output.dense.weight"):
        pretrain(tmp_path / "e", corpus, nezha, steps=2, **SETTINGS)


@one_release
def test_without_relative_positions_its_scores_are_those_of_bert(tmp_path, corpus, nezha):
    """`use_relative_position: false` turns NEZHA into BERT, token types included."""
    settings = json.loads((nezha / "config.json").read_text("utf-8")) | {"use_relative_position": False}
    (nezha / "config.json").write_text(json.dumps(settings), "utf-8")
    bert_settings = {key: settings[key] for key in settings.keys() - {"model_type", "transformers_version"}}
    bert = BertForMaskedLM(BertConfig(**bert_settings)).eval()
    weights = {name: value.contiguous() for name, value in bert.state_dict().items() if ".decoder." not in name}
    save_file(weights, nezha / WEIGHTS)
    model = load_encoder(str(nezha), open_corpus(corpus), RunConfig(length=64)).model.eval()
    tokens, token_types = torch.randint(5, 50, (2, 7)), torch.tensor([[0, 0, 0, 0, 1, 1, 1]] * 2)
    hidden = model.base_model(input_ids=tokens, token_type_ids=token_types).last_hidden_state
    expected = bert(input_ids=tokens, token_type_ids=token_types).logits
    assert torch.allclose(model.cls(hidden), expected, atol=1e-5)


@one_release
def test_the_vector_of_an_added_token_starts_as_the_mean_of_its_pieces(corpus, nezha):
    model = load_encoder(str(nezha), open_corpus(corpus), RunConfig(length=64)).model
    before = model.get_input_embeddings().num_embeddings
    assert resize(model, before + 2, {str(before): [7, 9]}) == 2
    vectors, output = model.get_input_embeddings().weight, model.get_output_embeddings()
    assert torch.allclose(vectors[before], vectors[[7, 9]].mean(0))
    assert output.weight is vectors and len(output.bias) == before + 2
    assert model.cls(vectors[:3]).shape == (3, before + 2)
