"""Checkpoints of a run: safetensors and JSON, written whole or not at all, the oldest deleted."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from cnlu.errors import CnluError, UsageError
from cnlu.interrupts import held_back
from cnlu.pytorch.optimizer_state import optimizer_tensors, restore_optimizer
from cnlu_pretrain.run.stream import Position

PREFIX = "step-"


@dataclass
class State:
    """How far a run is."""

    step: int = 0
    phase: int = 0
    position: Position = field(default_factory=Position)
    tokens: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    """The lines of the log that hold a look at the held-out text"""


def save_checkpoint(
    folder: Path, fingerprint: str, state: State, module: nn.Module, optimizer: torch.optim.Optimizer, keep: int
) -> None:
    """Raises CnluError where it cannot be written; the older ones stay then."""
    target = folder / f"{PREFIX}{state.step:08}"
    fresh = folder / f".{target.name}.tmp"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        tensors: dict[str, Tensor] = {f"model/{name}": t for name, t in module.named_parameters()}
        tensors |= {f"optimizer/{name}": t for name, t in optimizer_tensors(optimizer).items()}
        content = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
        _write(fresh / "state.safetensors", content)
        about = json.dumps({"fingerprint": fingerprint, "groups": _numbers(optimizer), **asdict(state)})
        _write(fresh / "state.json", about.encode())
        with held_back():
            shutil.rmtree(target, ignore_errors=True)
            os.replace(fresh, target)
    except OSError as error:
        raise CnluError(
            f"{folder}: the checkpoint cannot be written ({error.strerror}); free space and go on with --resume: the "
            "one before is whole."
        ) from error
    finally:
        with held_back():
            shutil.rmtree(fresh, ignore_errors=True)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def checkpoints(folder: Path) -> list[Path]:
    """The oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if (path / "state.json").exists())


def load_checkpoint(folder: Path, fingerprint: str, module: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """The newest; raises UsageError where there is none, it is damaged, or it belongs to another run."""
    found = checkpoints(folder)
    if not found:
        raise UsageError(f"{folder}: there is no checkpoint to resume from; leave --resume out.")
    try:
        about = json.loads((found[-1] / "state.json").read_text("utf-8"))
        tensors = load_file(found[-1] / "state.safetensors")
    except Exception as error:  # damaged files fail in many ways
        raise UsageError(f"{found[-1]}: is damaged; delete it to resume from the one before.") from error
    if about.pop("fingerprint") != fingerprint:
        raise UsageError(
            f"{folder}: belongs to a run with another corpus, encoder or other settings; give the same ones, or leave "
            "--resume out to start afresh."
        )
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(tensors[f"model/{name}"])
    restore_optimizer(
        optimizer, {n.removeprefix("optimizer/"): t for n, t in tensors.items() if n.startswith("optimizer/")}
    )
    for group, numbers in zip(optimizer.param_groups, about.pop("groups"), strict=True):
        group.update(numbers)
    return State(**{**about, "position": Position(**about["position"])})


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _numbers(optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    """Of each group of parameters: LAMB counts its steps there."""
    return [
        {name: value for name, value in group.items() if type(value) in (int, float)}
        for group in optimizer.param_groups
    ]
