"""Progress of a run: a bar, lines of JSON, and TensorBoard where it is installed."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from torch import Tensor

from cnlu.errors import ModelError
from cnlu.i18n import _
from cnlu.io.text_files import write_bytes
from cnlu.progress import log_above, progress
from cnlu.pytorch.gpu_peaks import listed_peak
from cnlu_pretrain.objectives.losses import ObjectiveSums


def flops_per_token(model: Any, length: int, rate: float) -> float:
    """FLOPs of a training step per token: 6 for each weight of the encoder, 12 · layers · width · length for attention,
    and those of the head for a share `rate` of the tokens (Kaplan et al. 2020, section 2.1; PaLM, appendix B)."""
    config = model.config
    vectors = model.get_input_embeddings().weight.numel()
    encoder = sum(p.numel() for p in model.base_model.parameters()) - vectors
    width, layers = config.hidden_size, config.num_hidden_layers
    return float(6 * encoder + 12 * layers * width * length + rate * 6 * (vectors + width * width))


def peak_of(device: torch.device) -> float | None:
    """Peak FLOP/s of the device; None where it is not known."""
    if device.type != "cuda":
        return None
    teraflops = listed_peak(torch.cuda.get_device_name(device))
    return None if teraflops is None else teraflops * 1e12


class Window:
    """Sums over the steps since the last line of the log, on the device."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[Tensor] = []
        self.sums: dict[str, Tensor] = {}
        self.tokens = 0
        self.waited = 0.0
        self.started = time.perf_counter()

    def add(self, step: int, loss: Tensor, sums: dict[str, Tensor], tokens: int, waited: float) -> None:
        """`sums`: objective -> [3] sum of losses, count, number correct, over all processes."""
        self.steps.append(step)
        self.losses.append(loss)
        for name, values in sums.items():
            self.sums[name] = self.sums.get(name, 0) + values
        self.tokens, self.waited = self.tokens + tokens, self.waited + waited

    def line(self) -> dict[str, Any]:
        """The line of the log for these steps; raises ModelError where a loss is not finite."""
        losses, sums_of = self._read()
        for step, loss in zip(self.steps, losses, strict=True):
            if not math.isfinite(loss):
                raise ModelError(
                    "run.learning_rate",
                    _("pretraining diverged: the loss of step {step} is not a number", step=step),
                    _("lower it and start over, or examine the text of that batch; the last checkpoint is kept"),
                )
        seconds = time.perf_counter() - self.started
        line: dict[str, Any] = {"step": self.steps[-1]}
        for name, (loss, count, correct) in sums_of.items():
            line[name] = {"loss": round(loss / max(count, 1), 4), "accuracy": round(correct / max(count, 1), 4)}
        line["tokens_per_second"] = round(self.tokens / seconds)
        line["waiting"] = round(self.waited / seconds, 4)
        return line

    def _read(self) -> tuple[list[float], dict[str, list[float]]]:
        """(the losses, the sums of each objective), copied at once: the host waits for the device here alone."""
        values = torch.cat([torch.stack(self.losses), *self.sums.values()]).tolist()
        sums = np.reshape(values[len(self.losses) :], (-1, 3)).tolist()
        return values[: len(self.losses)], dict(zip(self.sums, sums, strict=True))


def stacked(sums: ObjectiveSums) -> dict[str, Tensor]:
    """Objective -> [3] sum of losses, count, number correct."""
    return {name: torch.stack([value.detach().float() for value in values]) for name, values in sums.items()}


class Log:
    """Bar, log.jsonl and TensorBoard; only the main process writes them."""

    def __init__(self, folder: Path, *, steps: int, done: int, device: torch.device, main: bool) -> None:
        self._file = _reopen(folder / "log.jsonl", done) if main else None
        self._board = _board(folder) if main else None
        self._bar = progress(
            f"pretraining on {device.type}", steps, " steps", initial=done, scale=False, quiet=not main
        )

    def step(self) -> None:
        self._bar.update()

    def write(self, line: dict[str, Any]) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in _flat(line).items():
                self._board.add_scalar(name, value, line["step"])
        shown = [
            f"{name} {content['loss']:.3f} ({content['accuracy']:.1%})"
            for name, content in line.items()
            if isinstance(content, dict) and "loss" in content
        ]
        if "tokens_per_second" in line:
            shown.append(f"{line['tokens_per_second']} tokens/s")
        if "peak_share" in line:
            shown.append(f"{line['peak_share']:.1%} of peak")
        if "tokens_per_second" in line:
            self._bar.set_postfix_str(", ".join(shown))

    def message(self, log: Callable[[str], None], line: str) -> None:
        """Log a line above the bar."""
        log_above(log, line)

    def close(self) -> None:
        self._bar.close()
        if self._file:
            self._file.close()
        if self._board:
            self._board.close()


def _reopen(path: Path, done: int) -> TextIO:
    """Open the log for appending after step `done`; a killed run may have logged steps that are repeated now."""
    lines = [line for line in read_log(path) if line["step"] <= done]
    write_bytes(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
    return open(path, "a", encoding="utf-8")


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of the log up to the first incomplete one, which a killed run may leave."""
    lines: list[dict[str, Any]] = []
    with suppress(FileNotFoundError, ValueError), open(path, encoding="utf-8") as file:
        lines.extend(json.loads(line) for line in file)
    return lines


def _board(folder: Path) -> Any:
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))


def _flat(line: dict[str, Any], prefix: str = "") -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in line.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}/")
        elif name != "step":
            flat[prefix + name] = float(value)
    return flat
