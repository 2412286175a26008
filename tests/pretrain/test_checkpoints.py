"""Checkpoints: a resumed run equals an uninterrupted one, and a run that stops keeps its last checkpoint."""

from __future__ import annotations

import json
import os

import pytest

from cnlu.errors import CnluError, ModelError, UsageError
from cnlu_pretrain.run import checkpoint, loop
from cnlu_pretrain.run.loop import Interrupted
from tests.pretrain.runs import killed_at, pretrain, read_log, same_weights


def test_a_resumed_run_has_the_weights_of_an_uninterrupted_run(tmp_path, corpus, tiny_encoder):
    pretrain(tmp_path / "whole", corpus, tiny_encoder)
    with killed_at(step=5):
        pretrain(tmp_path / "resumed", corpus, tiny_encoder)
    pretrain(tmp_path / "resumed", corpus, tiny_encoder, resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_a_resumed_run_with_lamb_has_the_weights_of_an_uninterrupted_run(tmp_path, corpus, tiny_encoder):
    pytest.importorskip("pytorch_optimizer", reason="pytorch_optimizer, which brings LAMB, is not installed")
    settings = {"optimizer": "lamb", "learning_rate": 2e-3}
    pretrain(tmp_path / "whole", corpus, tiny_encoder, **settings)
    with killed_at(step=3):
        pretrain(tmp_path / "resumed", corpus, tiny_encoder, **settings)
    pretrain(tmp_path / "resumed", corpus, tiny_encoder, resume=True, **settings)
    assert same_weights(tmp_path / "whole", tmp_path / "resumed")


def test_the_log_of_a_resumed_run_has_each_step_once(tmp_path, corpus, tiny_encoder, monkeypatch):
    save, saved = loop.save_checkpoint, []

    def save_once(*arguments, **options):
        if saved:
            raise RuntimeError("killed")
        saved.append(save(*arguments, **options))

    monkeypatch.setattr(loop, "save_checkpoint", save_once)
    with pytest.raises(RuntimeError, match="killed"):
        pretrain(tmp_path / "e", corpus, tiny_encoder)
    with open(tmp_path / "e.training" / "log.jsonl", "a") as file:
        file.write('{"step": 9')  # an incomplete line
    monkeypatch.setattr(loop, "save_checkpoint", save)
    pretrain(tmp_path / "e", corpus, tiny_encoder, resume=True)
    steps = [line["step"] for line in read_log(tmp_path / "e") if "tokens_per_second" in line]
    assert steps == sorted(set(steps)) and steps[-1] == 8


def test_an_interrupted_run_saves_a_checkpoint_and_names_the_option_resume(tmp_path, corpus, tiny_encoder, monkeypatch):
    step = loop._step

    def interrupt_and_step(*arguments):
        os.kill(os.getpid(), 2)
        return step(*arguments)

    monkeypatch.setattr(loop, "_step", interrupt_and_step)
    with pytest.raises(Interrupted, match="after step 1 of 8.*--resume") as stopped:
        pretrain(tmp_path / "e", corpus, tiny_encoder)
    assert stopped.value.exit_code == 130
    monkeypatch.setattr(loop, "_step", step)
    pretrain(tmp_path / "e", corpus, tiny_encoder, resume=True)
    assert (tmp_path / "e" / "config.json").exists() and not (tmp_path / "e.training").exists()


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoint(tmp_path, corpus, tiny_encoder, monkeypatch):
    step, calls = loop._step, []

    def step_with_nan(*arguments):
        loss, sums = step(*arguments)
        calls.append(1)
        return (loss * float("nan"), sums) if len(calls) == 5 else (loss, sums)

    monkeypatch.setattr(loop, "_step", step_with_nan)
    with pytest.raises(ModelError, match="loss of step 5"):
        pretrain(tmp_path / "e", corpus, tiny_encoder)
    assert [path.name for path in (tmp_path / "e.training").glob("step-*")] == ["step-00000003"]
    assert not (tmp_path / "e").exists()


def test_a_full_disk_keeps_the_previous_checkpoint(tmp_path, corpus, tiny_encoder, monkeypatch):
    write = checkpoint._write

    def write_until_full(path, content):
        if "00000006" in str(path):
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(checkpoint, "_write", write_until_full)
    with pytest.raises(CnluError, match="No space left.*--resume"):
        pretrain(tmp_path / "e", corpus, tiny_encoder)
    folders = [path.name for path in (tmp_path / "e.training").iterdir() if path.is_dir() and "step" in path.name]
    assert folders == ["step-00000003"]


def test_only_the_newest_checkpoints_are_kept(tmp_path, corpus, tiny_encoder, monkeypatch):
    monkeypatch.setattr("cnlu_pretrain.run.run.write_result", lambda *_: None)
    pretrain(tmp_path / "e", corpus, tiny_encoder, steps=9, keep=2)
    assert sorted(path.name for path in (tmp_path / "e.training").glob("step-*")) == ["step-00000006", "step-00000009"]


def test_a_run_is_not_resumed_with_other_settings(tmp_path, corpus, tiny_encoder, monkeypatch):
    monkeypatch.setattr("cnlu_pretrain.run.run.write_result", lambda *_: None)
    pretrain(tmp_path / "e", corpus, tiny_encoder)
    with pytest.raises(UsageError, match="other settings"):
        pretrain(tmp_path / "e", corpus, tiny_encoder, resume=True, learning_rate=1e-2)


def test_a_checkpoint_of_an_earlier_version_is_not_resumed(tmp_path, corpus, tiny_encoder):
    """Its position counts the rows of a shard, not those of a pass."""
    with killed_at(5):
        pretrain(tmp_path / "e", corpus, tiny_encoder)
    state = tmp_path / "e.training" / "step-00000003" / "state.json"
    content = json.loads(state.read_text("utf-8"))
    state.write_text(json.dumps({**content, "format": 3, "position": {"epoch": 0, "shard": 1, "row": 8}}), "utf-8")
    with pytest.raises(UsageError, match="written by another version of cnlu; leave --resume out to start over"):
        pretrain(tmp_path / "e", corpus, tiny_encoder, resume=True)
