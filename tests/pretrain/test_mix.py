"""Mixing corpora by share: `cnlu pretrain run CORPUS --mix OTHER=SHARE`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnlu.cli import main
from cnlu.errors import UsageError
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
from cnlu_pretrain.run.mix import Mixed, parse_mix, shares_of
from tests.pretrain.corpora import prepare_texts
from tests.pretrain.runs import killed_at, pretrain, same_weights


@pytest.fixture
def other(tmp_path, tiny_encoder) -> Corpus:
    return prepare_texts(tmp_path, tiny_encoder, "\n\n".join(f"今天第{i}次去公园散步" for i in range(300)))


def test_a_mix_names_each_corpus_and_its_share():
    assert parse_mix(["general=0.3", "a=b/news=0.05"]) == [Mixed(Path("general"), 0.3), Mixed(Path("a=b/news"), 0.05)]
    assert shares_of(parse_mix(["general=0.25", "news=0.25"])) == [0.5, 0.25, 0.25]


@pytest.mark.parametrize(
    "value", ["general", "general=", "=0.3", "general=1", "general=0", "general=-1", "general=nan"]
)
def test_a_mix_without_a_share_is_refused(value):
    with pytest.raises(UsageError, match=r"--mix: '.*' is not a corpus and its share.*--mix general-corpus=0\.3"):
        parse_mix([value])


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(UsageError, match="--mix: the shares sum to 1, so nothing is left"):
        shares_of(parse_mix(["general=0.6", "news=0.4"]))


def test_a_corpus_of_another_tokenizer_is_refused(tmp_path, corpus, tiny_encoder):
    (tmp_path / "text.txt").write_text("今天去公园散步\n明天去北京" * 20, "utf-8")
    config = PrepareConfig(processes=1, held_out=0.0)
    prepare(PrepareRequest([str(tmp_path / "text.txt")], tmp_path / "other", config, new_vocab=40))
    with pytest.raises(UsageError, match=r"other: was prepared with another tokenizer .*; prepare both with the same"):
        pretrain(tmp_path / "e", corpus, tiny_encoder, mix=[Mixed(tmp_path / "other", 0.5)])


def test_an_interrupted_run_with_a_mix_continues_with_the_same_result(tmp_path, corpus, tiny_encoder, other):
    mix = [Mixed(other.folder, 0.4)]
    pretrain(tmp_path / "whole", corpus, tiny_encoder, mix=mix)
    with killed_at(5):
        pretrain(tmp_path / "killed", corpus, tiny_encoder, mix=mix)
    with pytest.raises(UsageError, match="belongs to a run with another corpus"):
        pretrain(tmp_path / "killed", corpus, tiny_encoder, mix=[Mixed(other.folder, 0.3)], resume=True)
    pretrain(tmp_path / "killed", corpus, tiny_encoder, mix=mix, resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "killed")


def test_the_command_mixes_and_records_it(tmp_path, corpus, tiny_encoder, other):
    out = tmp_path / "e"
    settings = [f"--set=run.{item}" for item in ("length=64", "batch_tokens=512", "precision=float32")]
    command = ["pretrain", "run", str(corpus), "--encoder", str(tiny_encoder), "--out", str(out), "--device", "cpu"]
    assert main([*command, "--max-steps", "2", "--mix", f"{other.folder}=0.25", *settings]) == 0
    (recorded,) = json.loads((out / "pretraining.json").read_text("utf-8"))["mix"]
    assert recorded["share"] == 0.25 and recorded["corpus"]["tokens"] == other.tokens
    assert f"mixed with: {other.tokens} training tokens" in (out / "README.md").read_text("utf-8")


def test_a_student_learns_from_a_mix(tmp_path, corpus, tiny_encoder, other):
    out = tmp_path / "student"
    sizes = ("num_hidden_layers=1", "hidden_size=32", "num_attention_heads=2", "intermediate_size=32")
    settings = [f"--set=encoder.{item}" for item in sizes] + ["--set=run.precision=float32", "--set=run.length=64"]
    command = ["pretrain", "distill", str(corpus), "--teacher", str(tiny_encoder), "--out", str(out), "--device", "cpu"]
    assert main([*command, "--max-steps", "1", "--mix", f"{other.folder}=0.5", *settings]) == 0
    vocabulary = json.loads((out / "config.json").read_text("utf-8"))["vocab_size"]
    tokenizer = json.loads((out / "tokenizer.json").read_text("utf-8"))
    assert len(tokenizer["model"]["vocab"]) == vocabulary
