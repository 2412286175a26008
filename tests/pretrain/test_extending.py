"""A finished run continues for more steps, and an interrupted extension resumes exactly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from cnlu.errors import UsageError
from tests.pretrain.runs import killed_at, pretrain, read_log, same_weights, weights_of

SETTINGS = {"log_every": 1, "warmup": 0.5, "keep": 2}


def extend(out: Path, corpus: Path, encoder: Path, *, steps: int, **settings) -> list[str]:
    """Resume a run with `steps` steps in all."""
    return pretrain(out, corpus, encoder, steps=steps, resume=True, force=False, **{**SETTINGS, **settings})


@pytest.fixture(scope="module")
def finished_run(corpus, tiny_encoder, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "e"
    pretrain(out, corpus, tiny_encoder, **SETTINGS)
    return out


@pytest.fixture
def out(finished_run, tmp_path) -> Path:
    """A copy of the finished run of 8 steps."""
    return Path(shutil.copytree(finished_run, tmp_path / "e"))


def test_an_extension_has_a_new_warm_up_and_decay_of_the_learning_rate(out, corpus, tiny_encoder):
    before = weights_of(out)
    log = extend(out, corpus, tiny_encoder, steps=14)
    assert any(
        "finished after 8 steps, goes on to step 14; the learning rate follows run.schedule anew" in line
        for line in log
    )
    rates = {line["step"]: line["rate"] for line in read_log(out) if "rate" in line}
    assert list(rates) == list(range(1, 15))
    assert rates[8] <= rates[9] < rates[10] < rates[11] and rates[14] < 0.5e-3
    metadata = json.loads((out / "pretraining.json").read_text("utf-8"))
    assert (metadata["steps"], metadata["tokens"]) == (14, 14 * 512)
    assert [entry["step"] for entry in metadata["history"]] == [0, 4, 8, 12, 14]
    assert any(not torch.equal(value, before[name]) for name, value in weights_of(out).items())
    assert not out.with_name("e.training").exists()


def test_an_interrupted_extension_has_the_weights_of_an_uninterrupted_one(out, corpus, tiny_encoder, tmp_path):
    whole = Path(shutil.copytree(out, tmp_path / "whole"))
    extend(whole, corpus, tiny_encoder, steps=14)
    with killed_at(step=13):
        extend(out, corpus, tiny_encoder, steps=14)
    extend(out, corpus, tiny_encoder, steps=14)
    assert same_weights(whole, out)


def test_a_second_extension_continues_at_the_next_rows_of_the_corpus(out, corpus, tiny_encoder):
    extend(out, corpus, tiny_encoder, steps=10)
    extend(out, corpus, tiny_encoder, steps=12)
    (checkpoint,) = (out / "training").iterdir()
    state = json.loads((checkpoint / "state.json").read_text("utf-8"))
    assert (state["step"], state["plan"]) == (12, [8, 10, 12])
    assert state["position"]["row"] == 12 * 8 or state["position"]["shard"]


def test_added_steps_have_rows_of_the_last_length(tmp_path, corpus, tiny_encoder):
    out = tmp_path / "e"
    pretrain(out, corpus, tiny_encoder, steps=4, long_length=128, long_share=0.25, **SETTINGS)
    log = extend(out, corpus, tiny_encoder, steps=6, long_length=128, long_share=0.25)
    assert any("3 steps of 64 tokens a row, then 6 steps of 128" in line for line in log)


def test_resuming_a_finished_run_without_more_steps_is_refused(out, corpus, tiny_encoder):
    with pytest.raises(UsageError, match="finished after 8 steps; raise --max-steps"):
        extend(out, corpus, tiny_encoder, steps=8)
    with pytest.raises(UsageError, match="planned for 8 steps.*--max-steps 8"):
        extend(out, corpus, tiny_encoder, steps=7)


def test_an_unfinished_run_is_not_resumed_with_another_number_of_steps(tmp_path, corpus, tiny_encoder):
    with killed_at(step=5):
        pretrain(tmp_path / "e", corpus, tiny_encoder, **SETTINGS)
    with pytest.raises(UsageError, match="planned for 8 steps.*--max-steps 8"):
        extend(tmp_path / "e", corpus, tiny_encoder, steps=12)


def test_a_run_is_not_extended_with_other_settings(out, corpus, tiny_encoder):
    with pytest.raises(UsageError, match="other settings"):
        extend(out, corpus, tiny_encoder, steps=12, clip=2.0)


def test_a_finished_run_without_its_training_state_is_not_extended(out, corpus, tiny_encoder):
    shutil.rmtree(out / "training", ignore_errors=True)
    with pytest.raises(UsageError, match="exists already"):
        extend(out, corpus, tiny_encoder, steps=12)
