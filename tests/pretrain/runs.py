"""Short pretraining runs on the tiny encoder, their logs, and runs that are killed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cnlu_pretrain.config import PretrainConfig, RunConfig
from cnlu_pretrain.run import loop
from cnlu_pretrain.run.mix import Mixed
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.run import run

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


def pretrain(
    out: Path,
    corpus: Path,
    encoder: Path | None,
    *,
    steps: int = 8,
    resume: bool = False,
    force: bool = True,
    sections: dict[str, Any] | None = None,
    mix: Sequence[Mixed] = (),
    similar: Path | None = None,
    **run_settings: Any,
) -> list[str]:
    """Pretrain for a few steps and return the messages; `run_settings` override SMALL, `sections` are the others."""
    config = PretrainConfig(run=RunConfig(**{**SMALL, **run_settings}), **(sections or {}))
    messages: list[str] = []
    request = RunRequest(
        corpus=corpus,
        out=out,
        config=config,
        encoder=str(encoder) if encoder else None,
        mix=mix,
        similar=similar,
        max_steps=steps,
        resume=resume,
        device="cpu",
        force=force,
    )
    run(request, messages.append)
    return messages


def read_log(out: Path) -> list[dict[str, Any]]:
    """The lines of log.jsonl."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]


def masked_losses(out: Path) -> dict[int, float]:
    """The loss of masked language by step."""
    return {line["step"]: line["masked"]["loss"] for line in read_log(out) if "masked" in line}


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model.safetensors")


def same_weights(one: Path, other: Path) -> bool:
    """Whether two encoders have the same weights, bit for bit."""
    first, second = weights_of(one), weights_of(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """A run in this context dies when `step` steps are done."""
    original = loop._step

    def die_or_step(*arguments: Any) -> Any:
        if arguments[2] == step:
            raise RuntimeError("killed")
        return original(*arguments)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="killed"):
        patch.setattr(loop, "_step", die_or_step)
        yield
