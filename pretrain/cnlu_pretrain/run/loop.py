"""The pretraining loop, readable from top to bottom: a step, the log, a look at held-out text, a checkpoint."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from cnlu.errors import CnluError
from cnlu.interrupts import Stop
from cnlu_pretrain.batching.stream import Position, Step, Stream, ahead
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import RunConfig
from cnlu_pretrain.evaluation.held_out import HeldOut
from cnlu_pretrain.objectives.losses import Pretrainer, weights_of
from cnlu_pretrain.run.checkpoint import State, save_checkpoint
from cnlu_pretrain.run.optimizer import rate_at, set_rate
from cnlu_pretrain.run.progress import Log, Window, flops_per_token, peak_of, stacked


@dataclass(frozen=True)
class Phase:
    """Consecutive steps with rows of one length."""

    length: int
    last: int
    """One past its last step"""
    stream: Stream
    held_out: HeldOut


@dataclass
class Run:
    """What one process works with."""

    accelerator: Accelerator
    module: Any
    """The Pretrainer as accelerate prepared it"""
    plain: Pretrainer
    """The same, as it is"""
    optimizer: torch.optim.Optimizer
    phases: list[Phase]
    config: RunConfig
    masking_rate: float
    warm_head: int
    """Steps in which the encoder is frozen"""
    folder: Path
    """For checkpoints and the log"""
    fingerprint: str
    log: Callable[[str], None]
    probe: Callable[[], float] | None = None
    """Frame accuracy of a small NLU model on the encoder as it is; asked at every checkpoint"""

    @property
    def steps(self) -> int:
        return self.phases[-1].last


class Interrupted(CnluError):
    """A run that stopped because a signal asked it to, its state saved."""

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.exit_code = 128 + number


def fit(run: Run, state: State) -> State:
    """Train from `state` on; raises Interrupted after Ctrl-C, and ModelError where the loss is no longer a number.

    In both cases a checkpoint to resume from is on disk.
    """
    main = run.accelerator.is_main_process
    log = Log(run.folder, run.steps, state.step, run.accelerator.device, main)
    with contextlib.closing(log), _asked_to_stop() as asked:
        run.plain.train()
        if not state.step:  # what the encoder knows before it learns: without that nobody could say what it gained
            _observe(run, state, run.phases[0], log)
            _probe(run, state, log)
        window = Window()
        for phase_number, phase in enumerate(run.phases):
            if state.step >= phase.last:
                continue
            position = state.position if state.phase == phase_number else Position()
            state.phase, state.position = phase_number, position
            with contextlib.closing(ahead(phase.stream.steps(position))) as steps:
                while state.step < phase.last:
                    began = time.perf_counter()
                    step = next(steps)
                    waited = time.perf_counter() - began
                    loss, found = _step(run, step, state.step, phase)
                    state.step, state.position = state.step + 1, step.after
                    state.tokens += phase.stream.rows * phase.length
                    window.add(state.step, loss, found, phase.stream.rows * phase.length, waited)
                    log.step()
                    window = _after(run, state, phase, window, log, asked())
    return state


def _step(run: Run, step: Step, number: int, phase: Phase) -> tuple[Tensor, dict[str, Tensor]]:
    """One step; returns the loss and, by objective, [3] sum of losses, count and how many were right, of all processes.

    The losses of all parts and processes are divided by the step's global counts, so that the gradients are those of
    the whole batch in one.
    """
    config, accelerator, device = run.config, run.accelerator, run.accelerator.device
    torch.manual_seed((config.seed * 1_000_003 + number) * 1009 + accelerator.process_index)
    set_rate(run.optimizer, config.learning_rate * rate_at(number, run.steps, config))
    run.plain.frozen = number < run.warm_head
    weights = weights_of(run.plain.config)
    fixed = run.masking_rate if config.compile else 0.0
    counts = _counts(run, step)
    pieces = list(parts(step.batch, step.masked, config.accumulate, device, fixed))
    total, sums = torch.zeros((), device=device), dict[str, Tensor]()
    for i, rows in enumerate(pieces):
        last = i + 1 == len(pieces)
        with contextlib.nullcontext() if last else accelerator.no_sync(run.module):
            found = run.module(rows)
            loss = sum(weights[name] * values[0] / counts[name] for name, values in found.items())
            assert isinstance(loss, Tensor)
            accelerator.backward(loss * accelerator.num_processes)  # which divides by it when it averages
        total = total + loss.detach()
        for name, values in stacked(found).items():
            sums[name] = sums.get(name, 0) + values
    accelerator.clip_grad_norm_(run.plain.parameters(), config.clip)
    run.optimizer.step()
    run.optimizer.zero_grad()
    if accelerator.num_processes > 1:
        total = accelerator.reduce(total, "sum")
        sums = {name: accelerator.reduce(values, "sum") for name, values in sums.items()}
    return total, sums


def _counts(run: Run, step: Step) -> dict[str, Tensor]:
    """How many things each objective's loss is a sum of, over all processes; known before anything is computed."""
    hidden = float((step.masked.labels >= 0).sum())
    own = torch.tensor(
        [hidden, float((step.batch.order >= 0).sum()), float(step.batch.mask.sum())], device=run.accelerator.device
    )
    if run.accelerator.num_processes > 1:
        own = run.accelerator.reduce(own, "sum")
    own = own.clamp(min=1.0)
    return {"masked": own[0], "span_boundary": own[0], "order": own[1], "replaced_token": own[2]}


def _after(run: Run, state: State, phase: Phase, window: Window, log: Log, stop: int) -> Window:
    """What is done between steps; returns the window to go on with. `stop`: the signal that asks for it, or 0."""
    config, last = run.config, state.step == run.steps
    due = {
        name: last or state.step % every == 0
        for name, every in (
            ("log", config.log_every),
            ("look", config.evaluate_every),
            ("save", config.checkpoint_every),
        )
    }
    if not (stop or any(due.values())):
        return window
    line = window.line()
    line["rate"] = run.optimizer.param_groups[0]["lr"]
    if peak := peak_of(run.accelerator.device):
        per_token = flops_per_token(run.plain.model, phase.length, run.masking_rate)
        share = line["tokens_per_second"] * per_token / peak / run.accelerator.num_processes
        line["peak_share"] = round(share, 4)
    log.write(line)
    if due["look"]:
        _observe(run, state, phase, log)
    if due["save"]:
        _probe(run, state, log)
    if (stop or due["save"]) and run.accelerator.is_main_process:
        save_checkpoint(run.folder, run.fingerprint, state, run.plain, run.optimizer, config.keep)
    run.accelerator.wait_for_everyone()
    if stop and not last:
        raise Interrupted(f"Stopped after step {state.step} of {run.steps}, which is saved; go on with --resume.", stop)
    return Window()


def _observe(run: Run, state: State, phase: Phase, log: Log) -> None:
    """Note what the encoder makes of held-out text now."""
    if phase.held_out:
        held_out = _look(run, phase)
        log.write({"step": state.step, "held_out": held_out})
        state.history.append({"step": state.step, "held_out": held_out})
        accuracy = {way: found["masked"]["accuracy"] for way, found in held_out.items() if "masked" in found}
        looked = f"step {state.step}: of the hidden tokens of held-out text"
        looked += f" {accuracy['yardstick']:.1%} guessed rightly (whole words)"
        log.tell(run.log, looked + (f", {accuracy['own']:.1%} as in the run" if "own" in accuracy else ""))


def _probe(run: Run, state: State, log: Log) -> None:
    """Note how good NLU is on the encoder now."""
    if run.probe and run.accelerator.is_main_process:
        frames = run.probe()
        log.write({"step": state.step, "probe": {"frames": frames}})
        state.history.append({"step": state.step, "frames": frames})
        log.tell(run.log, f"step {state.step}: NLU probe, frames right: {frames:.1%}")


def _look(run: Run, phase: Phase) -> dict[str, Any]:
    """Every process looks at all of the held-out text: it is small, and nobody has to wait for an answer."""
    frozen, run.plain.frozen = run.plain.frozen, False
    with run.accelerator.autocast():
        found = phase.held_out.measure(run.plain, run.accelerator.device)
    run.plain.frozen = frozen
    return found


@contextlib.contextmanager
def _asked_to_stop() -> Iterator[Callable[[], int]]:
    """Ctrl-C or SIGTERM is heard between steps (its number, else 0); a second Ctrl-C stops at once."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        if heard and number == signal.SIGINT:
            raise Stop(number)
        heard.append(number)

    try:
        before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: nobody can ask
        before = {}
    try:
        yield lambda: heard[0] if heard else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def planned(rows_a_pass: int, rows: int, config: RunConfig, max_steps: int | None) -> int:
    """Steps of the whole run: --max-steps, or as many as `run.passes` take."""
    return max_steps or max(1, math.ceil(config.passes * rows_a_pass / rows))


def phase_lengths(steps: int, config: RunConfig) -> list[tuple[int, int]]:
    """(length of the rows, one past the last step) of each phase."""
    if not config.long_length:
        return [(config.length, steps)]
    short = steps - max(1, round(steps * config.long_share))
    return [*([(config.length, short)] if short else []), (config.long_length, steps)]


def without_counts(config: RunConfig) -> RunConfig:
    """The settings that decide what is learned; how often something is told or saved is none of them."""
    usual = RunConfig()
    return replace(
        config,
        log_every=usual.log_every,
        evaluate_every=usual.evaluate_every,
        keep=usual.keep,
        checkpoint_every=usual.checkpoint_every,
        evaluate_tokens=usual.evaluate_tokens,
        threads=usual.threads,
    )
