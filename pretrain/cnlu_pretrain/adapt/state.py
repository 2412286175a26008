"""The progress of an adaptation: a folder beside the encoder with everything that is finished."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.io.atomic_directory import resolve
from cnlu.io.text_files import write_bytes
from cnlu_pretrain.adapt.request import AdaptRequest
from cnlu_pretrain.fine_tuning.fine_tuning import Round

STATE = "state.json"


@dataclass
class State:
    """What is finished."""

    folder: Path
    fingerprint: str
    steps: int = 0
    """Steps of the pretraining; 0 until the speed is known"""
    rounds: dict[str, list[Round]] = field(default_factory=dict)
    """The rounds of each encoder: original, adapted"""

    @property
    def corpus(self) -> Path:
        return self.folder / "corpus"

    @property
    def encoder(self) -> Path:
        return self.folder / "encoder"

    def save(self) -> None:
        rounds = {name: [asdict(each) for each in done] for name, done in self.rounds.items()}
        content = {"fingerprint": self.fingerprint, "steps": self.steps, "rounds": rounds}
        write_bytes(self.folder / STATE, json.dumps(content).encode())


def folder_of(out: Path) -> Path:
    """ENCODER.adapt, beside the encoder."""
    target = resolve(out)
    return target.parent / f"{target.name}.adapt"


def open_state(request: AdaptRequest) -> State:
    """The state to continue from with --resume, else a new one in an empty folder.

    Raises UsageError where there is none, or it belongs to other options.
    """
    folder, fingerprint = folder_of(request.out), _fingerprint(request)
    if not request.resume:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        state = State(folder, fingerprint)
        state.save()
        return state
    try:
        content = json.loads((folder / STATE).read_text("utf-8"))
        rounds = {name: [Round(**each) for each in done] for name, done in content["rounds"].items()}
        state = State(folder, content["fingerprint"], content["steps"], rounds)
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(folder, _("there is nothing to resume"), _("leave --resume out")) from None
    if state.fingerprint != fingerprint:
        raise UsageError(
            folder,
            _("belongs to an adaptation with other text, examples or settings"),
            _("give the same ones, or leave --resume out to start over"),
        )
    return state


def _fingerprint(request: AdaptRequest) -> str:
    """A hash of everything that determines the encoder and the comparison."""
    config = asdict(request.config)
    config["run"].pop("threads")
    config["prepare"].pop("processes")
    named = [*request.texts, *request.examples.data, *request.examples.test]
    inputs: list[Any] = [
        config,
        request.encoder,
        request.minutes,
        request.rounds,
        list(request.overrides),
        [(path, *_file_state(path)) for path in named],
        len(request.examples.test),
    ]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _file_state(path: str) -> tuple[int, int]:
    """(size, time of the last change) of a file; those of a missing one are 0."""
    try:
        state = os.stat(path)
    except OSError:
        return 0, 0
    return state.st_size, state.st_mtime_ns
