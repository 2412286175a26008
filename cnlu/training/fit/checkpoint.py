"""The state of an interrupted training run, beside the model to be: safetensors and JSON."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save
from torch import Tensor

from cnlu import __version__
from cnlu.data.schema import Example, NluData
from cnlu.errors import ModelError, UsageError
from cnlu.interrupts import held_back


@dataclass
class TrainingState:
    """Everything a run needs to go on after `epoch` epochs as if it had never stopped."""

    epoch: int
    best_epoch: int
    best_score: float
    history: list[dict[str, Any]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Weights, average, best weights and optimiser moments under prefixed names."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a run's state lies, and whose it is."""

    folder: Path
    fingerprint: str
    """Of settings, examples and dictionaries: a state is only continued by the run that wrote it."""

    @classmethod
    def beside(cls, out: Path, settings: dict[str, Any], examples: list[Example], data: NluData) -> Checkpoint:
        """`examples` with the dev part; of `data` the dictionaries count, which make features."""
        about = [__version__, settings, data.lookups, data.regexes, data.synonyms, data.synonyms_of]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        for example in examples:
            digest.update(ascii((example.text, example.intent, example.entities)).encode())
        return cls(out.with_name(out.name + ".training"), digest.hexdigest())

    def save(self, state: TrainingState) -> None:
        """Write a new state, then let it replace the old one: a kill leaves one or the other."""
        fresh, old = (
            self.folder.with_name(self.folder.name + ".new"),
            self.folder.with_name(self.folder.name + ".old"),
        )
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            tensors = {name: t.detach().cpu().contiguous() for name, t in state.tensors.items()}
            (fresh / "state.safetensors").write_bytes(save(tensors))  # so that a full disk is an OSError
            about = {
                "epoch": state.epoch,
                "best_epoch": state.best_epoch,
                "best_score": state.best_score,
                "history": state.history,
            }
            (fresh / "state.json").write_text(json.dumps(about | {"fingerprint": self.fingerprint}), encoding="utf-8")
            with held_back():
                if self.folder.exists():  # else a kill fell between the two renames, and the old one is all there is
                    shutil.rmtree(old, ignore_errors=True)
                    self.folder.rename(old)
                fresh.rename(self.folder)
                shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            raise ModelError(
                f"{self.folder}: the training state cannot be written ({error.strerror}); free the disk or "
                "choose another --out."
            ) from error
        finally:
            with held_back():
                shutil.rmtree(fresh, ignore_errors=True)

    def load(self) -> TrainingState:
        """Raises UsageError where there is nothing to resume or it belongs to another run."""
        old = self.folder.with_name(self.folder.name + ".old")
        folder = self.folder if self.folder.exists() or not old.exists() else old
        try:
            about = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "state.safetensors")
        except FileNotFoundError as error:
            raise UsageError(
                f"{self.folder}: there is no interrupted training to resume; leave --resume out."
            ) from error
        except Exception as error:
            raise UsageError(
                f"{folder}: the training state is damaged; delete it and train without --resume."
            ) from error
        if about.pop("fingerprint", None) != self.fingerprint:
            raise UsageError(
                f"{self.folder}: was left by a training with other examples or settings; give the same ones, or leave "
                "--resume out to start afresh."
            )
        return TrainingState(**about, tensors=tensors)

    def exists(self) -> bool:
        """Whether there is a state to go on from."""
        return any(self.folder.with_name(self.folder.name + suffix).exists() for suffix in ("", ".old"))

    def clear(self) -> None:
        with held_back():
            for suffix in ("", ".new", ".old"):
                shutil.rmtree(self.folder.with_name(self.folder.name + suffix), ignore_errors=True)


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def unprefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}/")}
