"""A finished run goes on for more steps; an extension that is interrupted resumes exactly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cnlu.errors import UsageError
from cnlu_pretrain.config import PretrainConfig, RunConfig
from cnlu_pretrain.run import loop
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.run import run

SMALL = {
    "length": 64,
    "batch_tokens": 512,
    "log_every": 1,
    "evaluate_every": 4,
    "checkpoint_every": 3,
    "precision": "float32",
    "learning_rate": 1e-3,
    "evaluate_tokens": 1000,
    "warmup": 0.5,
}


def trained(out: Path, corpus: Path, encoder: Path, steps: int, resume: bool = False, **settings) -> list[str]:
    log: list[str] = []
    request = RunRequest(
        corpus=corpus,
        out=out,
        config=PretrainConfig(run=RunConfig(**{**SMALL, **settings})),
        encoder=str(encoder),
        max_steps=steps,
        resume=resume,
        device="cpu",
    )
    run(request, log.append)
    return log


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")


@pytest.fixture(scope="module")
def finished(corpus, tiny_encoder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "e"
    trained(out, corpus, tiny_encoder, 8)
    return out


@pytest.fixture
def out(finished, tmp_path) -> Path:
    """A copy of an encoder after 8 steps."""
    return Path(shutil.copytree(finished, tmp_path / "e"))


def test_a_finished_run_goes_on_with_a_new_rise_and_fall_of_the_learning_rate(out, corpus, tiny_encoder):
    before = weights_of(out)
    log = trained(out, corpus, tiny_encoder, 14, resume=True)
    assert any(
        "finished after 8 steps, goes on to step 14; the learning rate follows run.schedule anew" in line
        for line in log
    )
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    rates = {line["step"]: line["rate"] for line in lines if "rate" in line}
    assert list(rates) == list(range(1, 15))
    assert rates[8] <= rates[9] < rates[10] < rates[11] and rates[14] < 0.5e-3
    metadata = json.loads((out / "pretraining.json").read_text("utf-8"))
    assert (metadata["steps"], metadata["tokens"]) == (14, 14 * 512)
    assert [entry["step"] for entry in metadata["history"]] == [0, 4, 8, 12, 14]
    assert any(not torch.equal(value, before[name]) for name, value in weights_of(out).items())
    assert not out.with_name("e.training").exists()


def test_an_extension_that_was_interrupted_resumes_exactly(out, corpus, tiny_encoder, tmp_path, monkeypatch):
    whole = Path(shutil.copytree(out, tmp_path / "whole"))
    trained(whole, corpus, tiny_encoder, 14, resume=True)
    step = loop._step

    def dies(*arguments):
        if arguments[2] == 13:
            raise RuntimeError("killed")
        return step(*arguments)

    monkeypatch.setattr(loop, "_step", dies)
    with pytest.raises(RuntimeError, match="killed"):
        trained(out, corpus, tiny_encoder, 14, resume=True)
    monkeypatch.setattr(loop, "_step", step)
    trained(out, corpus, tiny_encoder, 14, resume=True)
    other = weights_of(whole)
    assert all(torch.equal(value, other[name]) for name, value in weights_of(out).items())


def test_it_is_extended_twice_and_takes_the_next_rows_of_the_text(out, corpus, tiny_encoder):
    trained(out, corpus, tiny_encoder, 10, resume=True)
    trained(out, corpus, tiny_encoder, 12, resume=True)
    (checkpoint,) = (out / "training").iterdir()
    state = json.loads((checkpoint / "state.json").read_text("utf-8"))
    assert (state["step"], state["plan"]) == (12, [8, 10, 12])
    assert state["position"]["row"] == 12 * 8 or state["position"]["shard"]


def test_added_steps_have_the_rows_of_the_last_steps(tmp_path, corpus, tiny_encoder):
    out = tmp_path / "e"
    trained(out, corpus, tiny_encoder, 4, long_length=128, long_share=0.25)
    log = trained(out, corpus, tiny_encoder, 6, resume=True, long_length=128, long_share=0.25)
    assert any("3 steps of 64 tokens a row, then 6 steps of 128" in line for line in log)


def test_a_finished_run_without_more_steps_says_what_to_raise(out, corpus, tiny_encoder):
    with pytest.raises(UsageError, match="finished after 8 steps; raise --max-steps"):
        trained(out, corpus, tiny_encoder, 8, resume=True)
    with pytest.raises(UsageError, match="planned for 8 steps.*--max-steps 8"):
        trained(out, corpus, tiny_encoder, 7, resume=True)


def test_an_unfinished_run_keeps_its_number_of_steps(tmp_path, corpus, tiny_encoder, monkeypatch):
    step = loop._step

    def dies(*arguments):
        if arguments[2] == 5:
            raise RuntimeError("killed")
        return step(*arguments)

    monkeypatch.setattr(loop, "_step", dies)
    with pytest.raises(RuntimeError, match="killed"):
        trained(tmp_path / "e", corpus, tiny_encoder, 8)
    with pytest.raises(UsageError, match="planned for 8 steps.*--max-steps 8"):
        trained(tmp_path / "e", corpus, tiny_encoder, 12, resume=True)


def test_another_run_is_not_extended(out, corpus, tiny_encoder):
    with pytest.raises(UsageError, match="other settings"):
        trained(out, corpus, tiny_encoder, 12, resume=True, clip=2.0)


def test_without_its_training_state_a_finished_run_is_not_extended(out, corpus, tiny_encoder):
    shutil.rmtree(out / "training", ignore_errors=True)
    with pytest.raises(UsageError, match="exists already"):
        trained(out, corpus, tiny_encoder, 12, resume=True)
