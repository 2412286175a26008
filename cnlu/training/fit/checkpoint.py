"""Save and load the state of an interrupted training, as safetensors and JSON beside the future model."""

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
from cnlu.i18n import _
from cnlu.interrupts import defer_signals


@dataclass(kw_only=True)
class TrainingState:
    """Everything a run needs to continue after `epoch` epochs as if it had never stopped."""

    epoch: int
    best_epoch: int
    best_score: float
    history: list[dict[str, Any]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    """Weights, average, best weights and optimiser moments under prefixed names."""


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a run's state, and the fingerprint of the run."""

    folder: Path
    fingerprint: str
    """Hash of settings, examples and dictionaries: only the run that wrote a state can resume from it."""

    @classmethod
    def beside(cls, out: Path, settings: dict[str, Any], examples: list[Example], data: NluData) -> Checkpoint:
        """The checkpoint of a training that writes `out`; `examples` includes dev, `data` has the dictionaries."""
        settings_and_data = [__version__, settings, data.lookups, data.regexes, data.synonyms, data.synonyms_of]
        digest = hashlib.sha256(json.dumps(settings_and_data, sort_keys=True).encode())
        for example in examples:
            digest.update(ascii((example.text, example.intent, example.entities)).encode())
        return cls(out.with_name(out.name + ".training"), digest.hexdigest())

    def save(self, state: TrainingState) -> None:
        """Write a new state, then replace the old one; after a kill, one of them is left.

        Raises ModelError if the disk is full.
        """
        fresh = self.folder.with_name(self.folder.name + ".new")
        old = self.folder.with_name(self.folder.name + ".old")
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            tensors = {name: t.detach().cpu().contiguous() for name, t in state.tensors.items()}
            (fresh / "state.safetensors").write_bytes(save(tensors))  # a full disk is an OSError here
            metadata = {
                "epoch": state.epoch,
                "best_epoch": state.best_epoch,
                "best_score": state.best_score,
                "history": state.history,
            }
            (fresh / "state.json").write_text(
                json.dumps(metadata | {"fingerprint": self.fingerprint}), encoding="utf-8"
            )
            with defer_signals():
                if self.folder.exists():  # absent after a kill between the two renames
                    shutil.rmtree(old, ignore_errors=True)
                    self.folder.rename(old)
                fresh.rename(self.folder)
                shutil.rmtree(old, ignore_errors=True)
        except OSError as error:
            problem = _("the training state cannot be written ({reason})", reason=error.strerror)
            raise ModelError(self.folder, problem, _("free the disk or choose another --out")) from error
        finally:
            with defer_signals():
                shutil.rmtree(fresh, ignore_errors=True)

    def load(self) -> TrainingState:
        """The saved state. Raises UsageError if there is none, it is damaged, or it belongs to another run."""
        old = self.folder.with_name(self.folder.name + ".old")
        folder = self.folder if self.folder.exists() or not old.exists() else old
        try:
            metadata = json.loads((folder / "state.json").read_text(encoding="utf-8"))
            tensors = load_file(folder / "state.safetensors")
        except FileNotFoundError as error:
            problem = _("there is no interrupted training to resume")
            raise UsageError(self.folder, problem, _("leave --resume out")) from error
        except Exception as error:
            problem = _("the training state is damaged")
            raise UsageError(folder, problem, _("delete it and train without --resume")) from error
        if metadata.pop("fingerprint", None) != self.fingerprint:
            raise UsageError(
                self.folder,
                _("was left by a training with other examples or settings"),
                _("give the same ones, or leave --resume out to start afresh"),
            )
        return TrainingState(**metadata, tensors=tensors)

    def exists(self) -> bool:
        """Whether there is a state to resume from."""
        return any(self.folder.with_name(self.folder.name + suffix).exists() for suffix in ("", ".old"))

    def clear(self) -> None:
        """Delete the state and its leftovers."""
        with defer_signals():
            for suffix in ("", ".new", ".old"):
                shutil.rmtree(self.folder.with_name(self.folder.name + suffix), ignore_errors=True)


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def unprefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}/")}
