"""The same seed gives the same model, whether or not the training was interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")


from cnlu.config import Config
from cnlu.data.schema import Example
from cnlu.errors import ModelError, UsageError
from cnlu.training.fit.checkpoint import Checkpoint, TrainingState
from cnlu.training.fit.dev_evaluator import DevEvaluator
from cnlu.training.request import Request
from cnlu.training.train import train
from tests.places import PYTHONPATH


def content(model: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in model.iterdir()}


def interrupt(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Raise KeyboardInterrupt at the evaluation of an epoch."""
    score, calls = DevEvaluator.frame_accuracy, iter(range(1, 100))

    def scored(self: DevEvaluator, network):  # type: ignore[no-untyped-def]
        if next(calls) == epoch:
            raise KeyboardInterrupt
        return score(self, network)

    monkeypatch.setattr(DevEvaluator, "frame_accuracy", scored)


def test_an_interrupted_training_resumes_to_the_same_model(
    tiny_model: Path, tiny_data: Path, tiny_config: Config, tmp_path: Path
) -> None:
    request = Request([tiny_data], tmp_path / "model", tiny_config, device="cpu", quiet=True)
    messages: list[str] = []
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, 3)
        train(request, messages.append)
    assert "--resume" in messages[-1]
    assert not request.out.exists()
    train(Request(**{**vars(request), "resume": True}))
    assert content(request.out) == content(tiny_model)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.slow
def test_a_killed_training_resumes_to_the_same_model(
    tiny_model: Path, tiny_data: Path, tiny_config: Config, tmp_path: Path, checkout: Path
) -> None:
    from cnlu.config.files import to_yaml

    (tmp_path / "settings.yaml").write_text(to_yaml(tiny_config), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "cnlu",
        "train",
        str(tiny_data),
        "--out",
        "model",
        "--device",
        "cpu",
        "--config",
        "settings.yaml",
        "--encoder",
        "none",
    ]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log)
        while not (tmp_path / "model.training").exists() and process.poll() is None:
            time.sleep(0.02)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    done = subprocess.run([*command, "--resume"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert content(tmp_path / "model") == content(tiny_model)
    assert not (tmp_path / "model.training").exists()


@pytest.mark.usefixtures("without_export")
def test_another_seed_gives_another_model(run: Callable[..., object], examples: list[Example], tmp_path: Path) -> None:
    for seed in (1, 2):
        run(examples, "training.dev_fraction=0", f"training.seed={seed}", name=f"model{seed}")
    tagger = [(tmp_path / f"model{seed}" / "tagger.npy").read_bytes() for seed in (1, 2)]
    assert tagger[0] != tagger[1]


@pytest.mark.usefixtures("without_export")
def test_resuming_with_other_data_or_settings_is_refused(
    run: Callable[..., object], examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, 2)
        run(examples)
    lookups = tmp_path / "lookups.yml"
    lookups.write_text('version: "3.1"\nnlu:\n- lookup: city\n  examples: |\n    - 北京\n', encoding="utf-8")
    both = [tmp_path / "examples.jsonl", lookups]
    for given, overrides, changed in (
        (examples[1:], (), {}),
        (examples, ("training.seed=3",), {}),
        (examples, (), {"data": both}),
    ):
        with pytest.raises(UsageError, match=r"other examples or settings; give the same ones"):
            run(given, *overrides, resume=True, **changed)
    run(examples, resume=True)


@pytest.mark.usefixtures("without_export")
def test_an_interrupt_before_the_first_state_leaves_nothing(
    run: Callable[..., object], examples: list[Example], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    interrupt(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        run(examples)
    assert [path.name for path in tmp_path.iterdir()] == ["examples.jsonl"]


def test_resuming_nothing_is_refused(run: Callable[..., object], examples: list[Example]) -> None:
    with pytest.raises(UsageError, match=r"no interrupted training to resume; leave --resume out"):
        run(examples, resume=True)


def test_a_damaged_state_is_refused(run: Callable[..., object], examples: list[Example], tmp_path: Path) -> None:
    folder = tmp_path / "model.training"
    folder.mkdir()
    (folder / "state.json").write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match=r"damaged; delete it and train without --resume"):
        run(examples, resume=True)


@pytest.mark.parametrize("step", range(12))
def test_a_kill_while_a_state_is_saved_leaves_the_old_or_the_new_one(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any change to the disk may be the last one before a kill, which does not run `finally` either."""
    checkpoint = Checkpoint(tmp_path / "model.training", "same")
    checkpoint.save(TrainingState(epoch=1, best_epoch=1, best_score=0.5))
    checkpoint.folder.rename(checkpoint.folder.with_name("model.training.old"))  # as an earlier kill left it
    calls = iter(range(100))

    class Killed(BaseException):
        pass

    def dying(function):  # type: ignore[no-untyped-def]
        def call(*arguments, **options):  # type: ignore[no-untyped-def]
            if next(calls) >= step:
                raise Killed
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for name in ("mkdir", "rename", "write_bytes", "write_text"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        patch.setattr("cnlu.training.fit.checkpoint.shutil.rmtree", dying(__import__("shutil").rmtree))
        try:
            checkpoint.save(TrainingState(epoch=2, best_epoch=2, best_score=0.6))
            checkpoint.save(TrainingState(epoch=3, best_epoch=3, best_score=0.7))
        except Killed:
            pass
    assert checkpoint.exists()
    assert checkpoint.load().epoch in (1, 2, 3)


def test_a_state_that_cannot_be_written_leaves_no_partial_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ModelError, match=r"No space left on device\); free the disk"):
        Checkpoint(tmp_path / "model.training", "").save(TrainingState(epoch=1, best_epoch=1, best_score=0.5))
    assert list(tmp_path.iterdir()) == []
