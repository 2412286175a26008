"""The loop: resumed is never interrupted, two processes are one, every objective learns, mistakes are sentences."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from cnlu.encoder.load import load_encoder as load_pretrained
from cnlu.errors import CnluError, ModelError, UsageError
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import ArchitectureConfig, ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.masking.random_tokens import uniform_tokens
from cnlu_pretrain.objectives.heads import head_of
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.run import loop
from cnlu_pretrain.run.loop import Interrupted
from cnlu_pretrain.run.optimizer import learning_rates, rate_at
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.run import run
from cnlu_pretrain.run.schedule import phase_lengths, planned_steps

SMALL = {
    "length": 64,
    "batch_tokens": 512,
    "log_every": 2,
    "evaluate_every": 4,
    "checkpoint_every": 3,
    "keep": 9,
    "precision": "float32",
    "learning_rate": 1e-3,
    "evaluate_tokens": 1000,
}


def trained(out: Path, corpus: Path, encoder: Path | None, steps: int = 8, resume: bool = False, **settings):
    """What a run said; `settings` of run.*, or whole sections by name."""
    sections = {name: settings.pop(name) for name in ("masking", "objectives") if name in settings}
    sections |= {"encoder": settings.pop("encoder_config")} if "encoder_config" in settings else {}
    config = PretrainConfig(run=RunConfig(**{**SMALL, **settings}), **sections)
    said: list[str] = []
    source = str(encoder) if encoder else None
    request = RunRequest(
        corpus=corpus,
        out=out,
        config=config,
        encoder=source,
        max_steps=steps,
        resume=resume,
        device="cpu",
        force=True,
    )
    run(request, said.append)
    return said


def log_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]


def losses_of(out: Path) -> dict[int, float]:
    return {line["step"]: line["masked"]["loss"] for line in log_of(out) if "masked" in line}


def test_an_interrupted_run_resumed_is_a_run_never_interrupted(tmp_path, corpus, tiny_encoder, monkeypatch):
    trained(tmp_path / "whole", corpus, tiny_encoder)
    step, steps = loop._step, []

    def dies(*arguments):
        if len(steps) == 5:
            raise RuntimeError("killed")
        steps.append(1)
        return step(*arguments)

    monkeypatch.setattr(loop, "_step", dies)
    with pytest.raises(RuntimeError, match="killed"):
        trained(tmp_path / "broken", corpus, tiny_encoder)
    monkeypatch.setattr(loop, "_step", step)
    trained(tmp_path / "broken", corpus, tiny_encoder, resume=True)
    whole, broken = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_what_the_encoder_knew_before_is_noted_too(tmp_path, corpus, tiny_encoder):
    trained(tmp_path / "e", corpus, tiny_encoder)
    history = json.loads((tmp_path / "e" / "pretraining.json").read_text("utf-8"))["history"]
    assert [entry["step"] for entry in history if "held_out" in entry] == [0, 4, 8]


def test_the_log_of_a_resumed_run_has_every_step_once(tmp_path, corpus, tiny_encoder, monkeypatch):
    save, saved = loop.save_checkpoint, []

    def saves_once(*arguments, **named):
        if saved:
            raise RuntimeError("killed")
        saved.append(save(*arguments, **named))

    monkeypatch.setattr(loop, "save_checkpoint", saves_once)
    with pytest.raises(RuntimeError, match="killed"):
        trained(tmp_path / "e", corpus, tiny_encoder)
    with open(tmp_path / "e.training" / "log.jsonl", "a") as file:
        file.write('{"step": 9')  # torn
    monkeypatch.setattr(loop, "save_checkpoint", save)
    trained(tmp_path / "e", corpus, tiny_encoder, resume=True)
    steps = [line["step"] for line in log_of(tmp_path / "e") if "tokens_per_second" in line]
    assert steps == sorted(set(steps)) and steps[-1] == 8


def test_lamb_resumes_as_well(tmp_path, corpus, tiny_encoder, monkeypatch):
    pytest.importorskip("pytorch_optimizer", reason="pytorch_optimizer, which brings LAMB, is not installed")
    settings = {"optimizer": "lamb", "learning_rate": 2e-3}
    trained(tmp_path / "whole", corpus, tiny_encoder, **settings)
    save = loop.save_checkpoint

    def saves_and_dies(*arguments, **named):
        save(*arguments, **named)
        raise RuntimeError("killed")

    monkeypatch.setattr(loop, "save_checkpoint", saves_and_dies)
    with pytest.raises(RuntimeError, match="killed"):
        trained(tmp_path / "broken", corpus, tiny_encoder, **settings)
    monkeypatch.setattr(loop, "save_checkpoint", save)
    trained(tmp_path / "broken", corpus, tiny_encoder, resume=True, **settings)
    whole, broken = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(whole[name], broken[name]) for name in whole)


def test_being_asked_to_stop_saves_and_says_how_to_go_on(tmp_path, corpus, tiny_encoder, monkeypatch):
    step = loop._step

    def asks(*arguments):
        os.kill(os.getpid(), 2)
        return step(*arguments)

    monkeypatch.setattr(loop, "_step", asks)
    with pytest.raises(Interrupted, match="after step 1 of 8.*--resume") as stopped:
        trained(tmp_path / "e", corpus, tiny_encoder)
    assert stopped.value.exit_code == 130
    monkeypatch.setattr(loop, "_step", step)
    trained(tmp_path / "e", corpus, tiny_encoder, resume=True)
    assert (tmp_path / "e" / "config.json").exists() and not (tmp_path / "e.training").exists()


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one_in_parts_too(tmp_path, corpus, tiny_encoder):
    settings = [f"run.{name}={value}" for name, value in {**SMALL, "dropout": 0.0, "accumulate": 2}.items()]
    command = [
        "cnlu",
        "pretrain",
        "run",
        str(corpus),
        "--encoder",
        str(tiny_encoder),
        "--max-steps",
        "6",
        "--device",
        "cpu",
        *(part for setting in settings for part in ("--set", setting)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    launcher = ["torch.distributed.run", "--nproc-per-node", "2", "-m"]
    for name, start in (("one", [sys.executable, "-m"]), ("two", [sys.executable, "-m", *launcher])):
        done = subprocess.run([*start, *command, "--out", str(tmp_path / name)], env=environment, capture_output=True)
        assert not done.returncode, done.stderr.decode()[-2000:]
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert one.keys() == two.keys() and len(one) >= 3
    assert np.allclose(list(one.values()), list(two.values()), atol=2e-4)


def test_a_batch_in_parts_gives_the_losses_of_the_whole(tmp_path, corpus, tiny_encoder):
    for parts_ in (1, 4):
        trained(tmp_path / str(parts_), corpus, tiny_encoder, accumulate=parts_, dropout=0.0)
    assert np.allclose(*([*losses_of(tmp_path / str(n)).values()] for n in (1, 4)), atol=2e-4)


@pytest.mark.parametrize(
    ("objectives", "names"),
    [
        ({"order": "sop"}, {"masked", "order"}),
        ({"order": "nsp"}, {"masked", "order"}),
        ({"span_boundary": 1.0}, {"masked", "span_boundary"}),
        ({"replaced_token": 50.0}, {"masked", "replaced_token"}),
    ],
    ids=["sop", "nsp", "sbo", "rtd"],
)
def test_each_objective_learns_and_is_told_by_name(tmp_path, corpus, tiny_encoder, objectives, names):
    config = ObjectivesConfig(**objectives)
    trained(tmp_path / "e", corpus, tiny_encoder, steps=24, learning_rate=5e-3, objectives=config)
    lines = [line for line in log_of(tmp_path / "e") if "masked" in line]
    assert names <= lines[0].keys()
    assert sum(line["masked"]["loss"] for line in lines[-3:]) < sum(line["masked"]["loss"] for line in lines[:3])
    looks = [line["held_out"] for line in log_of(tmp_path / "e") if "held_out" in line]
    assert looks[-1]["own"].keys() == names and looks[-1]["reference"].keys() == {"masked"}


def test_long_rows_come_last(tmp_path, corpus, tiny_encoder):
    said = trained(tmp_path / "e", corpus, tiny_encoder, long_length=128, long_share=0.25)
    assert any("6 steps of 64 tokens a row, then 8 steps of 128" in line for line in said)
    assert phase_lengths(8, RunConfig(long_length=512, long_share=0.25)) == [(128, 6), (512, 8)]


def test_the_encoder_written_is_one_for_transformers(tmp_path, corpus, tiny_encoder):
    trained(tmp_path / "e", corpus, tiny_encoder)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "e")
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "e")
    found = tokenizer("我要买票", return_tensors="pt")
    assert tokenizer.convert_ids_to_tokens(found["input_ids"][0]) == ["[CLS]", "我", "要", "买", "票", "[SEP]"]
    assert tokenizer.mask_token_id == open_corpus(corpus).mask
    assert model(**found).logits.shape[1] == 6
    assert "pretrained further" in (tmp_path / "e" / "README.md").read_text("utf-8")


def test_it_starts_from_nothing_too(tmp_path, corpus):
    architecture = ArchitectureConfig(
        num_hidden_layers=1, hidden_size=32, num_attention_heads=2, intermediate_size=64, max_position_embeddings=64
    )
    trained(tmp_path / "e", corpus, None, encoder_config=architecture)
    config = json.loads((tmp_path / "e" / "config.json").read_text("utf-8"))
    assert (config["num_hidden_layers"], config["hidden_size"]) == (1, 32)


@pytest.fixture
def headless(tmp_path, tiny_encoder) -> Path:
    """The tiny encoder without its head for masked language."""
    from transformers import BertModel

    folder = tmp_path / "headless"
    BertModel.from_pretrained(tiny_encoder, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((tiny_encoder / name).read_bytes())
    return folder


def test_a_new_head_is_announced_and_its_warm_up_leaves_every_weight_of_the_encoder(tmp_path, corpus, headless):
    log = trained(tmp_path / "e", corpus, headless, steps=4, head_warmup=4)
    assert any("no head for masked language" in line for line in log)
    before, after = load_file(headless / "model.safetensors"), load_file(tmp_path / "e" / "model.safetensors")
    changed = [name for name, value in before.items() if not torch.equal(value, after[f"bert.{name}"])]
    assert changed == []
    trained(tmp_path / "short", corpus, headless, steps=2, head_warmup=2)
    earlier = load_file(tmp_path / "short" / "model.safetensors")
    head = {name for name in after if name.startswith("cls.")}
    assert head == {
        "cls.predictions.bias",
        *(f"cls.predictions.transform.{part}" for part in ("dense.weight", "dense.bias")),
        *(f"cls.predictions.transform.LayerNorm.{part}" for part in ("weight", "bias")),
    }
    assert all(not torch.equal(earlier[name], after[name]) for name in head)


def test_new_tokens_start_as_the_mean_of_their_pieces(tmp_path, tiny_encoder):
    from cnlu_pretrain.config import PrepareConfig
    from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare

    (tmp_path / "words.txt").write_text("候补票\n", "utf-8")
    (tmp_path / "text.txt").write_text("我要买候补票\n", "utf-8")
    prepare(
        PrepareRequest(
            [str(tmp_path / "text.txt")],
            tmp_path / "c",
            PrepareConfig(processes=1, held_out=0.0),
            str(tiny_encoder),
            add_tokens=tmp_path / "words.txt",
        )
    )
    corpus = open_corpus(tmp_path / "c")
    loaded = load_encoder(str(tiny_encoder), corpus, RunConfig(length=64))
    vectors = loaded.model.get_input_embeddings().weight
    ((new, old),) = corpus.manifest["added_tokens"].items()
    assert torch.allclose(vectors[int(new)], vectors[old].mean(0))
    assert any("1 vectors are added" in note for note in loaded.notes)


def test_the_head_on_hidden_tokens_alone_gives_the_loss_of_all(corpus, tiny_encoder):
    found = open_corpus(corpus)
    model = load_encoder(str(tiny_encoder), found, RunConfig(length=64)).model.eval()
    generator = np.random.default_rng(1)
    tokens, flags = generator.integers(5, 1000, (4, 32)), np.ones((4, 32), np.uint8)
    flags[:, 0] = flags[:, -1] = 8
    masker = Masker(
        PretrainConfig().masking, seed=1, mask=found.mask, random_tokens=uniform_tokens(np.arange(5, 1000), 1000)
    )
    masked = masker(tokens, flags, 0, np.arange(4))
    from cnlu_pretrain.batching.rows import Batch

    batch = Batch(tokens, flags, np.zeros((4, 32), np.int64), np.ones((4, 32), bool), np.full(4, -100))
    for fixed in (0.0, 0.15):
        rows = next(parts(batch, masked, 1, torch.device("cpu"), fixed))
        loss, count, _ = Pretrainer(model, ObjectivesConfig())(rows)["masked"]
        whole = model(torch.from_numpy(masked.tokens), labels=torch.from_numpy(masked.labels)).loss
        assert torch.allclose(loss / count, whole, atol=1e-5)


@pytest.mark.parametrize("family", ["Roberta", "Electra", "Albert", "DistilBert", "Ernie", "RoFormer"])
def test_the_head_of_each_family_gives_the_model_s_own_scores(family):
    import transformers

    sizes = {
        "vocab_size": 50,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "dim": 16,
        "intermediate_size": 32,
        "embedding_size": 16,
        "n_layers": 1,
        "n_heads": 2,
        "hidden_dim": 32,
    }
    model = getattr(transformers, f"{family}ForMaskedLM")(getattr(transformers, f"{family}Config")(**sizes)).eval()
    tokens = torch.randint(5, 50, (2, 7))
    hidden = model.base_model(input_ids=tokens).last_hidden_state
    assert torch.allclose(head_of(model, "it")(hidden), model(input_ids=tokens).logits, atol=1e-5)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(tmp_path, corpus, tiny_encoder, monkeypatch):
    step, count = loop._step, []

    def breaks(*arguments):
        loss, found = step(*arguments)
        count.append(1)
        return (loss * float("nan"), found) if len(count) == 5 else (loss, found)

    monkeypatch.setattr(loop, "_step", breaks)
    with pytest.raises(ModelError, match="loss of step 5"):
        trained(tmp_path / "e", corpus, tiny_encoder)
    assert [path.name for path in (tmp_path / "e.training").glob("step-*")] == ["step-00000003"]
    assert not (tmp_path / "e").exists()


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, corpus, tiny_encoder, monkeypatch):
    from cnlu_pretrain.run import checkpoint

    write = checkpoint._write

    def full(path, content):
        if "00000006" in str(path):
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(checkpoint, "_write", full)
    with pytest.raises(CnluError, match="No space left.*--resume"):
        trained(tmp_path / "e", corpus, tiny_encoder)
    assert [path.name for path in (tmp_path / "e.training").iterdir() if path.is_dir() and "step" in path.name] == [
        "step-00000003"
    ]


def test_the_oldest_checkpoints_go(tmp_path, corpus, tiny_encoder, monkeypatch):
    monkeypatch.setattr("cnlu_pretrain.run.run.write_result", lambda *_: None)
    trained(tmp_path / "e", corpus, tiny_encoder, steps=9, keep=2)
    assert sorted(path.name for path in (tmp_path / "e.training").glob("step-*")) == ["step-00000006", "step-00000009"]


def test_a_corpus_of_another_tokenizer_is_refused_with_both_fingerprints(tmp_path, corpus, tiny_encoder):
    other = tmp_path / "other"
    other.mkdir()
    for path in tiny_encoder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    content = json.loads((other / "tokenizer.json").read_text("utf-8"))
    content["normalizer"]["strip_accents"] = False
    (other / "tokenizer.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(UsageError, match=r"another tokenizer \(fingerprint \w{12}\) than that of .* \(\w{12}\)"):
        trained(tmp_path / "e", corpus, other)


def test_resuming_another_run_is_refused(tmp_path, corpus, tiny_encoder, monkeypatch):
    monkeypatch.setattr("cnlu_pretrain.run.run.write_result", lambda *_: None)
    trained(tmp_path / "e", corpus, tiny_encoder)
    with pytest.raises(UsageError, match="other settings"):
        trained(tmp_path / "e", corpus, tiny_encoder, resume=True, learning_rate=1e-2)


def test_rows_longer_than_the_encoder_reads_are_refused(tmp_path, corpus, tiny_encoder):
    with pytest.raises(UsageError, match=r"run.length: 512 is more than the 300"):
        trained(tmp_path / "e", corpus, tiny_encoder, length=512)


def test_similar_words_without_a_table_say_how_to_make_one(tmp_path, corpus, tiny_encoder):
    from cnlu_pretrain.config import MaskingConfig

    with pytest.raises(UsageError, match="cnlu pretrain similar"):
        trained(tmp_path / "e", corpus, tiny_encoder, masking=MaskingConfig(replacement="similar"))


def test_the_rate_rises_and_falls():
    config = RunConfig(warmup=0.1)
    rates = [rate_at(step, 100, config) for step in range(100)]
    assert rates[0] < 0.2 and max(rates) == rates[10] == 1.0 and rates[-1] < 0.02
    triangle = [rate_at(step, 100, RunConfig(schedule="triangle")) for step in range(100)]
    assert triangle.index(max(triangle)) == 50


def test_passes_over_the_corpus_decide_how_long():
    assert planned_steps(1000, 100, RunConfig(passes=3), None) == 30
    assert planned_steps(1000, 100, RunConfig(), 7) == 7


def test_the_encoder_s_rate_rises_from_zero_when_it_joins_a_new_head():
    config = RunConfig(warmup=0.1)
    rates = [learning_rates(step, plan=[100], head_warmup=50, config=config) for step in range(100)]
    encoder = [rate.encoder for rate in rates]
    assert encoder[:50] == [0.0] * 50
    assert 0 < encoder[50] < 0.2 and max(encoder) == encoder[55] == 1.0, encoder[49:56]
    assert encoder[50:56] == sorted(encoder[50:56]) and encoder[-1] < 0.03
    assert [rate.head for rate in rates] == [rate_at(step, 100, config) for step in range(100)]
    alone = learning_rates(3, plan=[4], head_warmup=50, config=config)
    assert alone.encoder == 0.0 and alone.head > 0


def test_the_encoder_moves_by_its_own_rate_after_the_head_s_warm_up(tmp_path, corpus, headless):
    """Adam's first step moves each weight by about the learning rate."""
    trained(tmp_path / "e", corpus, headless, steps=20, head_warmup=8, log_every=1, dropout=0.0, warmup=0.5, keep=99)
    rates = {line["step"]: line for line in log_of(tmp_path / "e") if "rate" in line}
    assert [rates[step]["encoder_rate"] for step in (1, 8)] == [0.0, 0.0]
    assert 0 < rates[9]["encoder_rate"] < 0.2e-3 < rates[9]["rate"]
    assert rates[9]["encoder_rate"] < rates[10]["encoder_rate"] < rates[11]["encoder_rate"]
    trained(tmp_path / "ninth", corpus, headless, steps=9, head_warmup=8, dropout=0.0, warmup=0.5)
    before = load_file(headless / "model.safetensors")["embeddings.word_embeddings.weight"]
    after = load_file(tmp_path / "ninth" / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert 0 < (after - before).abs().max() < 1.1e-3


@pytest.mark.parametrize(
    "objectives",
    [{"replaced_token": 50.0}, {"masked": 0.0, "span_boundary": 1.0}],
    ids=["rtd", "sbo alone"],
)
def test_a_head_that_was_not_trained_is_not_written(tmp_path, corpus, tiny_encoder, objectives):
    out = tmp_path / "e"
    trained(out, corpus, tiny_encoder, steps=4, objectives=ObjectivesConfig(**objectives))
    weights = load_file(out / "model.safetensors")
    assert [name for name in weights if "predictions" in name] == []
    assert json.loads((out / "config.json").read_text("utf-8"))["architectures"] == ["BertModel"]
    card = (out / "README.md").read_text("utf-8")
    assert "fill-mask" not in card and "no head for masked language" in card
    assert load_pretrained(out).notes == []


def test_the_card_of_an_encoder_from_replaced_tokens_names_the_generator_s_accuracy(tmp_path, corpus, tiny_encoder):
    trained(tmp_path / "e", corpus, tiny_encoder, steps=4, objectives=ObjectivesConfig(replaced_token=50.0))
    card = (tmp_path / "e" / "README.md").read_text("utf-8")
    assert "objectives: masked language (generator), replaced tokens" in card
    assert "Accuracy of the generator on masked tokens" in card


def test_the_card_of_an_encoder_with_a_trained_head_is_found_under_fill_mask(tmp_path, corpus, tiny_encoder):
    trained(tmp_path / "e", corpus, tiny_encoder, steps=4)
    card = (tmp_path / "e" / "README.md").read_text("utf-8")
    assert "tags: [fill-mask, cnlu]" in card and "objectives: masked language\n" in card
