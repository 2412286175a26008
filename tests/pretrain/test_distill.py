"""Distillation: the student's vocabulary, its first weights, its losses and the command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM

from cnlu.cli import main
from cnlu.errors import UsageError
from cnlu_pretrain.config import ArchitectureConfig, DistillConfig, ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.distill.projected_start import Root, low_rank
from cnlu_pretrain.distill.sample import SENTENCES, sample_texts
from cnlu_pretrain.distill.student import build_student, factorize, layer_map
from cnlu_pretrain.distill.vocabulary import kept_ids, smaller_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.run.model import for_distillation
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.run import run
from tests.pretrain.runs import killed_at, read_log, same_weights, weights_of

SIZE = ArchitectureConfig(
    num_hidden_layers=1, hidden_size=32, embedding_size=16, num_attention_heads=2, intermediate_size=32
)
RUN = {"length": 64, "batch_tokens": 512, "evaluate_every": 50, "precision": "float32", "dropout": 0.0}


def distill(out: Path, corpus: Path, teacher: Path, steps: int, resume: bool = False, **run_settings) -> list[str]:
    settings = RunConfig(**{**RUN, "learning_rate": 2e-3, "checkpoint_every": 3, "log_every": 5, **run_settings})
    config = for_distillation(PretrainConfig(encoder=SIZE, run=settings))
    messages: list[str] = []
    request = RunRequest(
        corpus=corpus,
        out=out,
        config=config,
        teacher=str(teacher),
        max_steps=steps,
        device="cpu",
        force=True,
        resume=resume,
    )
    run(request, messages.append)
    return messages


@pytest.fixture(scope="module")
def opened(corpus):
    return open_corpus(corpus)


@pytest.fixture(scope="module")
def teacher(opened, tiny_encoder):
    return load_encoder(str(tiny_encoder), opened, RunConfig(dropout=0.0)).model.base_model.eval()


def test_the_student_keeps_characters_and_frequent_pieces(opened):
    pieces = json.loads(opened.tokenizer)["model"]["vocab"]
    kept = set(kept_ids([opened], min_count=10**9).tolist())
    assert {"[CLS]", "[MASK]", "票", "a", "##a", "7"} <= {piece for piece, i in pieces.items() if i in kept}


def test_pieces_that_are_frequent_in_a_mix_stay(opened):
    content = json.loads(opened.tokenizer)
    content["model"]["vocab"] = {piece * 2: i for piece, i in content["model"]["vocab"].items()}  # no single characters
    long_pieces = replace(opened, tokenizer=json.dumps(content))
    alone, twice = (set(kept_ids([long_pieces] * times, min_count=40).tolist()) for times in (1, 2))
    assert alone < twice == set(kept_ids([long_pieces], min_count=20).tolist())


def test_the_smaller_tokenizer_gives_the_ids_of_the_smaller_corpus(opened, railway_lines):
    keep = kept_ids([opened], min_count=1)[:-40]  # some pieces of the text are left out
    smaller = smaller_corpus(opened, keep)
    ids = Tokenizer.from_str(smaller.tokenizer).encode(railway_lines[3].lower(), add_special_tokens=False).ids
    old = Tokenizer.from_str(opened.tokenizer).encode(railway_lines[3].lower(), add_special_tokens=False).ids
    assert ids == smaller.new_id[old].tolist()
    assert smaller.vocabulary == len(keep) == Tokenizer.from_str(smaller.tokenizer).get_vocab_size()


def test_pieces_that_are_left_out_become_the_unknown_token(opened):
    keep = kept_ids([opened], min_count=1)[:-40]
    smaller, shard = smaller_corpus(opened, keep), opened.shards[0]
    left_out = ~np.isin(opened.read(shard).tokens, keep)
    assert left_out.any()
    assert (smaller.read(shard).tokens[left_out] == smaller.special_tokens.unknown).all()


@pytest.mark.parametrize(("student", "teacher", "layers"), [(2, 4, [2, 4]), (3, 12, [4, 8, 12]), (1, 6, [6])])
def test_layers_are_mapped_uniformly(student, teacher, layers):
    assert layer_map(student, teacher) == layers


def test_a_student_with_more_layers_than_its_teacher_is_refused():
    with pytest.raises(UsageError, match=r"encoder\.num_hidden_layers: 5 is more than the 4 layers of the teacher"):
        layer_map(5, 4)


def test_a_student_of_the_teachers_size_starts_as_the_teacher(opened, teacher):
    keep = torch.from_numpy(kept_ids([opened], min_count=1))
    size = ArchitectureConfig(num_hidden_layers=2, hidden_size=32, num_attention_heads=2, intermediate_size=64)
    config = PretrainConfig(encoder=size, run=RunConfig(dropout=0.0))
    student = build_student(teacher, keep, config, pad=0, texts=sample_texts(opened, 64))
    ids = torch.arange(20, 50)[None]
    with torch.no_grad():
        hidden = student.model.eval().electra(input_ids=ids).last_hidden_state
        assert torch.allclose(hidden, teacher(input_ids=keep[ids]).last_hidden_state, atol=1e-5)


def test_factorized_embeddings_of_full_rank_are_exact(opened, teacher):
    keep = torch.from_numpy(kept_ids([opened], min_count=1))
    with torch.no_grad():
        factors = factorize(teacher, keep, rank=32)
    assert factors.kept == pytest.approx(1.0, abs=1e-5)


def test_a_student_of_another_width_notes_that_it_starts_from_random_weights(opened, teacher):
    keep = torch.from_numpy(kept_ids([opened], min_count=1))
    size = ArchitectureConfig(num_hidden_layers=1, hidden_size=48, num_attention_heads=2, intermediate_size=64)
    student = build_student(teacher, keep, PretrainConfig(encoder=size), pad=0, texts=sample_texts(opened, 64))
    assert "random weights" in student.notes[0]


@pytest.mark.parametrize("embedding_size", [30, 0])
def test_a_narrower_student_starts_near_its_teacher(opened, teacher, embedding_size):
    keep = torch.from_numpy(kept_ids([opened], min_count=1))
    size = ArchitectureConfig(
        num_hidden_layers=2,
        hidden_size=30,
        embedding_size=embedding_size,
        num_attention_heads=2,
        intermediate_size=64,
    )
    config = PretrainConfig(encoder=size, run=RunConfig(dropout=0.0))
    texts, mask = sample_texts(opened, 64)
    student = build_student(teacher, keep, config, pad=0, texts=(texts, mask))
    ids = torch.searchsorted(keep, texts)
    with torch.no_grad():
        found = student.model.eval().electra(input_ids=ids, attention_mask=mask).last_hidden_state[mask.bool()]
        right = teacher(input_ids=texts, attention_mask=mask).last_hidden_state[mask.bool()]
    error = (found @ student.directions.T - right).square().sum() / (right - right.mean(0)).square().sum()
    assert error < 0.5


def test_no_factors_of_the_same_rank_are_nearer_to_a_product():
    generator = torch.Generator().manual_seed(1)
    left, right = torch.randn(12, 3, generator=generator), torch.randn(3, 10, generator=generator)
    spread = torch.randn(10, 10, generator=generator)
    whole, weighted = Root.of(torch.eye(12)), Root.of(spread @ spread.T)
    first, second = low_rank(left, right, 2, whole, weighted)
    error = ((first @ second - left @ right) @ spread).square().sum()
    sizes = torch.linalg.svdvals(left @ right @ spread)
    best = float(sizes[2]) ** 2  # Eckart and Young: of no approximation of rank 2 the error is smaller
    assert float(error) == pytest.approx(best, rel=0.02)


def test_a_sample_has_the_first_and_the_last_sentence_of_each_shard(opened):
    tokens, mask = sample_texts(opened, 16)
    rows = {tuple(row[1 : int(kept.sum()) - 1].tolist()) for row, kept in zip(tokens, mask, strict=True)}
    assert len(opened.shards) > 1
    for arrays in map(opened.read, opened.shards):
        first, last = int(arrays.sentences[0]), int(arrays.sentences[-1])
        assert tuple(arrays.tokens[:first][:14].tolist()) in rows
        assert tuple(arrays.tokens[-last:][:14].tolist()) in rows


def test_a_sample_has_at_most_a_thousand_short_texts(opened):
    tokens, mask = sample_texts(opened, 16)
    assert 900 < len(tokens) <= SENTENCES
    assert tokens.shape == mask.shape and tokens.shape[1] == 16


def test_the_hidden_states_of_the_student_approach_those_of_its_teacher(tmp_path, corpus, tiny_encoder):
    distill(tmp_path / "student", corpus, tiny_encoder, 60, checkpoint_every=1000)
    steps = [line for line in read_log(tmp_path / "student") if "hidden" in line]
    assert steps[-1]["hidden"]["loss"] < 0.7 * steps[0]["hidden"]["loss"]
    assert steps[-1]["sentence"]["accuracy"] > steps[0]["sentence"]["accuracy"]  # the mean cosine


def test_a_resumed_distillation_has_the_weights_of_an_uninterrupted_one(tmp_path, corpus, tiny_encoder):
    distill(tmp_path / "whole", corpus, tiny_encoder, 6)
    with killed_at(step=4):
        distill(tmp_path / "resumed", corpus, tiny_encoder, 6)
    distill(tmp_path / "resumed", corpus, tiny_encoder, 6, resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_transformers_loads_the_student_and_no_weight_of_distillation_is_written(tmp_path, corpus, tiny_encoder):
    out = tmp_path / "student"
    distill(out, corpus, tiny_encoder, 2)
    model = AutoModelForMaskedLM.from_pretrained(out)
    assert model.config.embedding_size == 16 and model.config.num_hidden_layers == 1
    assert "distilled from" in (out / "README.md").read_text("utf-8")
    assert not [name for name in weights_of(out) if "maps" in name or "teacher" in name]


def test_a_teacher_with_another_vocabulary_is_refused(tmp_path, corpus, tokenizer, capsys):
    folder = tmp_path / "other"
    content = json.loads(tokenizer)
    vocabulary = list(content["model"]["vocab"])[:-1]
    content["model"]["vocab"] = {piece: i for i, piece in enumerate(vocabulary)}
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    BertForMaskedLM(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    arguments = ["pretrain", "distill", str(corpus), "--teacher", str(folder), "--out", str(tmp_path / "out")]
    assert main(arguments) in (1, 2)
    assert "was prepared with another tokenizer" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_corpus_that_does_not_fill_a_step_is_refused(tmp_path, corpus, tiny_encoder):
    with pytest.raises(UsageError, match="too few to distill from: one step takes 100000000"):
        distill(tmp_path / "student", corpus, tiny_encoder, 1, batch_tokens=100_000_000)


@pytest.fixture
def teacher_of_zh_mini(tmp_path, tiny_encoder) -> Path:
    """An encoder of the shape of bge-small-zh, with random weights and the tokenizer of the tiny one."""
    folder = tmp_path / "teacher"
    shutil.copytree(tiny_encoder, folder)
    config = BertConfig.from_pretrained(tiny_encoder)
    config.update({"hidden_size": 512, "num_hidden_layers": 4, "num_attention_heads": 8, "intermediate_size": 2048})
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_the_recipe_of_zh_mini_survives_a_kill(tmp_path, corpus, teacher_of_zh_mini, checkout):
    """The shipped settings on a thousandth of the tokens, in steps of a fourth of the size."""
    config = ["--config", str(checkout / "configs" / "zh-mini.yaml"), "--set", "run.batch_tokens=1024"]
    quick = ["--set", "run.checkpoint_every=3", "--set", "run.precision=float32"]
    options = ["--teacher", str(teacher_of_zh_mini), *config, *quick, "--max-steps", "14", "--device", "cpu"]
    command = ["pretrain", "distill", str(corpus), *options]
    assert main([*command, "--out", str(tmp_path / "whole")]) == 0
    with killed_at(8):
        main([*command, "--out", str(tmp_path / "student")])
    assert main([*command, "--out", str(tmp_path / "student"), "--resume"]) == 0
    assert same_weights(tmp_path / "student", tmp_path / "whole")


def test_settings_that_do_not_work_with_a_teacher_are_refused():
    with pytest.raises(UsageError, match=r"run\.isolate"):
        for_distillation(PretrainConfig(run=RunConfig(isolate="document")))
    with pytest.raises(UsageError, match=r"objectives\.replaced_token"):
        for_distillation(PretrainConfig(objectives=ObjectivesConfig(replaced_token=50)))
    with pytest.raises(UsageError, match="both weights are 0"):
        DistillConfig(hidden=0, sentence=0)


def test_embeddings_wider_than_the_hidden_states_are_refused():
    with pytest.raises(UsageError, match=r"encoder\.embedding_size: 64 is more than encoder\.hidden_size, 32"):
        ArchitectureConfig(hidden_size=32, num_attention_heads=2, embedding_size=64)
