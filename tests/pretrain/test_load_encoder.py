"""Loading the encoder of a run: vectors of added tokens, and encoders that do not fit the corpus."""

from __future__ import annotations

import json

import pytest
import torch

from cnlu.errors import UsageError
from cnlu_pretrain.config import PrepareConfig, RunConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
from tests.pretrain.runs import pretrain


def test_the_vector_of_an_added_token_starts_as_the_mean_of_its_pieces(tmp_path, tiny_encoder):
    text, words = tmp_path / "text.txt", tmp_path / "words.txt"
    text.write_text("我要买候补票\n", "utf-8")
    words.write_text("候补票\n", "utf-8")
    config = PrepareConfig(processes=1, held_out=0.0)
    prepare(PrepareRequest([str(text)], tmp_path / "c", config, str(tiny_encoder), add_tokens=words))
    corpus = open_corpus(tmp_path / "c")
    loaded = load_encoder(str(tiny_encoder), corpus, RunConfig(length=64))
    vectors = loaded.model.get_input_embeddings().weight
    ((token, pieces),) = corpus.manifest["added_tokens"].items()
    assert torch.allclose(vectors[int(token)], vectors[pieces].mean(0))
    assert any("1 vectors are added" in note for note in loaded.notes)


def test_a_corpus_of_another_tokenizer_is_refused_with_both_fingerprints(tmp_path, corpus, tiny_encoder):
    other = tmp_path / "other"
    other.mkdir()
    for path in tiny_encoder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    content = json.loads((other / "tokenizer.json").read_text("utf-8"))
    content["normalizer"]["strip_accents"] = False
    (other / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(UsageError, match=r"another tokenizer \(fingerprint \w{12}\) than that of .* \(\w{12}\)"):
        pretrain(tmp_path / "e", corpus, other)


def test_rows_longer_than_the_positions_of_the_encoder_are_refused(tmp_path, corpus, tiny_encoder):
    with pytest.raises(UsageError, match=r"run.length: 512 is more than the 300"):
        pretrain(tmp_path / "e", corpus, tiny_encoder, length=512)
