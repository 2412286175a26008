"""Trains and evaluates a small NLU model on a frozen encoder, with the commands of cnlu itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnlu.data.load import load_data
from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu.io.temporary import scratch_folder

SETTINGS = ("encoder.tuning=frozen", "model.members=1", "encoder.members=1")
"""A frozen encoder and one small network: the accuracy reflects the encoder, and training takes a minute."""


@dataclass(frozen=True)
class Examples:
    """The examples of the small model."""

    data: Sequence[str]
    test: Sequence[str]
    """Empty: the tenth that training holds out, which is little data"""

    def check(self) -> None:
        """Raises DataError for unreadable examples, before anything slow starts."""
        for paths in filter(None, (self.data, self.test)):
            load_data(paths)


def frame_accuracy(encoder: Path, examples: Examples, seed: int = 1) -> float:
    """Frame accuracy of a model trained on the frozen encoder.

    Raises CnluError with the message of the command where it fails.
    """
    with scratch_folder() as folder:
        model, report = Path(folder, "model"), Path(folder, "report")
        settings = [part for setting in SETTINGS for part in ("--set", setting)]
        _cnlu("train", *examples.data, "--encoder", encoder, "--out", model, "--seed", seed, *settings)
        if not examples.test:
            dev = json.loads((model / "training.json").read_text("utf-8"))["dev"]
            if dev is None:
                raise CnluError(
                    ", ".join(examples.data), _("too few examples to hold any out"), _("give a test set as well")
                )
            return float(dev["frame_accuracy"])
        _cnlu("evaluate", model, *examples.test, "--out", report)
        metrics: dict[str, Any] = json.loads((report / "metrics.json").read_text("utf-8"))
        return float(metrics["frame_accuracy"])


def _cnlu(*arguments: object) -> None:
    process = subprocess.run([sys.executable, "-m", "cnlu", *map(str, arguments)], capture_output=True, text=True)
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["it failed"])[-1].removeprefix("cnlu: ")
        raise CnluError(f"cnlu {arguments[0]}", _("the NLU probe failed: {message}", message=last.rstrip(".")))
