"""The directory that pretraining writes: transformers loads it, and its model card states what was trained."""

from __future__ import annotations

import json

import pytest
from transformers import AutoModelForMaskedLM, AutoTokenizer

from cnlu.encoder.load import load_encoder as load_pretrained
from cnlu_pretrain.config import ArchitectureConfig, ObjectivesConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from tests.pretrain.runs import pretrain, weights_of


def test_transformers_loads_the_written_encoder(tmp_path, corpus, tiny_encoder):
    pretrain(tmp_path / "e", corpus, tiny_encoder)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "e")
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "e")
    encoding = tokenizer("我要买票", return_tensors="pt")
    assert tokenizer.convert_ids_to_tokens(encoding["input_ids"][0]) == ["[CLS]", "我", "要", "买", "票", "[SEP]"]
    assert tokenizer.mask_token_id == open_corpus(corpus).mask
    assert model(**encoding).logits.shape[1] == 6
    assert "pretrained further" in (tmp_path / "e" / "README.md").read_text("utf-8")


def test_an_encoder_with_random_weights_has_the_configured_size(tmp_path, corpus):
    architecture = ArchitectureConfig(
        num_hidden_layers=1, hidden_size=32, num_attention_heads=2, intermediate_size=64, max_position_embeddings=64
    )
    pretrain(tmp_path / "e", corpus, None, sections={"encoder": architecture})
    config = json.loads((tmp_path / "e" / "config.json").read_text("utf-8"))
    assert (config["num_hidden_layers"], config["hidden_size"]) == (1, 32)


@pytest.mark.parametrize(
    "objectives",
    [{"replaced_token": 50.0}, {"masked": 0.0, "span_boundary": 1.0}],
    ids=["rtd", "sbo alone"],
)
def test_a_head_that_was_not_trained_is_not_written(tmp_path, corpus, tiny_encoder, objectives):
    out = tmp_path / "e"
    pretrain(out, corpus, tiny_encoder, steps=4, sections={"objectives": ObjectivesConfig(**objectives)})
    assert [name for name in weights_of(out) if "predictions" in name] == []
    assert json.loads((out / "config.json").read_text("utf-8"))["architectures"] == ["BertModel"]
    card = (out / "README.md").read_text("utf-8")
    assert "fill-mask" not in card and "no head for masked language" in card
    assert load_pretrained(out).notes == []


def test_the_card_after_replaced_token_detection_gives_the_accuracy_of_the_generator(tmp_path, corpus, tiny_encoder):
    sections = {"objectives": ObjectivesConfig(replaced_token=50.0)}
    pretrain(tmp_path / "e", corpus, tiny_encoder, steps=4, sections=sections)
    card = (tmp_path / "e" / "README.md").read_text("utf-8")
    assert "objectives: masked language (generator), replaced tokens" in card
    assert "Accuracy of the generator on masked tokens" in card


def test_the_card_of_an_encoder_with_a_trained_head_has_the_tag_fill_mask(tmp_path, corpus, tiny_encoder):
    pretrain(tmp_path / "e", corpus, tiny_encoder, steps=4)
    card = (tmp_path / "e" / "README.md").read_text("utf-8")
    assert "tags: [fill-mask, cnlu]" in card and "objectives: masked language\n" in card
