"""Checkpoints of a run: safetensors and JSON, written atomically; the oldest ones are deleted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from cnlu.errors import CnluError, UsageError
from cnlu.i18n import _
from cnlu.interrupts import defer_signals
from cnlu.pytorch.optimizer_state import optimizer_tensors, restore_optimizer
from cnlu_pretrain.batching.stream import Position

PREFIX = "step-"
FORMAT = 4
"""2: the history calls the reference masking `reference`. 3: the optimizer has separate groups for the encoder.
4: a position counts the rows of a pass over all shards."""


@dataclass(kw_only=True)
class State:
    """The progress of a run."""

    step: int = 0
    phase: int = 0
    position: Position = field(default_factory=Position)
    tokens: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    """The lines of the log with evaluations on held-out text and probes"""
    plan: list[int] = field(default_factory=list)
    """The number of steps of the run, and those after each extension"""


def save_checkpoint(
    folder: Path, state: State, module: nn.Module, optimizer: torch.optim.Optimizer, *, fingerprint: str, keep: int
) -> None:
    """Write a checkpoint and keep the newest `keep`; if it cannot be written, raises CnluError and deletes none."""
    target = folder / f"{PREFIX}{state.step:08}"
    new = folder / f".{target.name}.tmp"
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        tensors: dict[str, Tensor] = {f"model/{name}": t for name, t in module.named_parameters()}
        tensors |= {f"optimizer/{name}": t for name, t in optimizer_tensors(optimizer).items()}
        content = save({name: t.detach().cpu().contiguous() for name, t in tensors.items()})
        _write(new / "state.safetensors", content)
        header = {"format": FORMAT, "fingerprint": fingerprint, "groups": _numbers(optimizer)}
        metadata = json.dumps({**header, **asdict(state)})
        _write(new / "state.json", metadata.encode())
        with defer_signals():
            shutil.rmtree(target, ignore_errors=True)
            os.replace(new, target)
    except OSError as error:
        raise CnluError(
            folder,
            _("the checkpoint cannot be written ({reason})", reason=error.strerror),
            _("free space and continue with --resume; the previous checkpoint is kept"),
        ) from error
    finally:
        with defer_signals():
            shutil.rmtree(new, ignore_errors=True)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def checkpoints(folder: Path) -> list[Path]:
    """All checkpoints in the folder, the oldest first."""
    return sorted(path for path in folder.glob(f"{PREFIX}*") if (path / "state.json").exists())


@dataclass(frozen=True)
class Progress:
    """The progress of a run that can be resumed."""

    step: int = 0
    plan: Sequence[int] = ()
    """As in `State`; empty for a new run"""


def progress_of(folder: Path) -> Progress:
    """The progress of the newest checkpoint; that of a new run where there is none, or it is damaged."""
    try:
        metadata = json.loads((checkpoints(folder)[-1] / "state.json").read_text("utf-8"))
        return Progress(metadata["step"], metadata["plan"])
    except (IndexError, OSError, ValueError, KeyError):
        return Progress()


def load_checkpoint(folder: Path, fingerprint: str, module: nn.Module, optimizer: torch.optim.Optimizer) -> State:
    """Load the newest checkpoint; raises UsageError if there is none, it is damaged, or it belongs to another run."""
    saved = checkpoints(folder)
    if not saved:
        raise UsageError(folder, _("there is no checkpoint to resume from"), _("leave --resume out"))
    newest = saved[-1]
    try:
        metadata = json.loads((newest / "state.json").read_text("utf-8"))
        tensors = load_file(newest / "state.safetensors")
    except Exception as error:  # damaged files fail in many ways
        raise UsageError(
            newest, _("the checkpoint is damaged"), _("delete it to resume from the previous one")
        ) from error
    if metadata.pop("format", 1) != FORMAT:
        raise UsageError(
            folder, _("the checkpoint was written by another version of cnlu"), _("leave --resume out to start over")
        )
    if metadata.pop("fingerprint") != fingerprint:
        raise UsageError(
            folder,
            _("the checkpoint belongs to a run with another corpus, encoder or other settings"),
            _("give the same ones, or leave --resume out to start over"),
        )
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(tensors[f"model/{name}"])
    restore_optimizer(
        optimizer, {n.removeprefix("optimizer/"): t for n, t in tensors.items() if n.startswith("optimizer/")}
    )
    for group, numbers in zip(optimizer.param_groups, metadata.pop("groups"), strict=True):
        group.update(numbers)
    return State(**{**metadata, "position": Position(**metadata["position"])})


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _numbers(optimizer: torch.optim.Optimizer) -> list[dict[str, float]]:
    """The numbers in each parameter group: LAMB counts its steps there."""
    return [
        {name: value for name, value in group.items() if type(value) in (int, float)}
        for group in optimizer.param_groups
    ]
