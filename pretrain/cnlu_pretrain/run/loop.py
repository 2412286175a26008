"""The pretraining loop: a step, the log, an evaluation on held-out text, a checkpoint."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu_pretrain.batching.prefetch import prefetch
from cnlu_pretrain.batching.stream import Position, Stream
from cnlu_pretrain.batching.tensors import StepTensors, step_tensors
from cnlu_pretrain.config import RunConfig
from cnlu_pretrain.evaluation.held_out import HeldOut
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.run.checkpoint import State, save_checkpoint
from cnlu_pretrain.run.optimizer import learning_rates, set_rates
from cnlu_pretrain.run.progress import Log, Window, flops_per_token, peak_of, stacked
from cnlu_pretrain.run.stop_signals import SharedStop, stop_requested


@dataclass(frozen=True)
class Phase:
    """Consecutive steps with rows of one length."""

    length: int
    last: int
    """One past its last step"""
    stream: Stream
    held_out: HeldOut


@dataclass(kw_only=True)
class Run:
    """The model, optimizer and data of one process."""

    accelerator: Accelerator
    module: Any
    """The Pretrainer, prepared by accelerate"""
    plain: Pretrainer
    """The Pretrainer itself"""
    optimizer: torch.optim.Optimizer
    phases: list[Phase]
    plan: list[int]
    """The number of steps, and those after each extension of a finished run"""
    config: RunConfig
    masking_rate: float
    head_warmup: int
    """Number of steps at the start in which the encoder is frozen"""
    folder: Path
    """For checkpoints and the log"""
    fingerprint: str
    log: Callable[[str], None]
    probe: Callable[[], float] | None = None
    """Returns the frame accuracy of a small NLU model on the current encoder; called at every checkpoint"""
    as_written: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext
    """The context in which the encoder has the weights that are evaluated and written"""

    @property
    def steps(self) -> int:
        return self.phases[-1].last


class Interrupted(CnluError):
    """A signal stopped the run, and its state is saved."""

    def __init__(self, step: int, steps: int, number: int) -> None:
        super().__init__(
            "",
            _("Stopped after step {step} of {steps}, which is saved", step=step, steps=steps),
            _("continue with --resume"),
        )
        self.exit_code = 128 + number


def fit(run: Run, state: State) -> State:
    """Train from `state` on; raises Interrupted after Ctrl-C, and ModelError where the loss is not finite.

    In both cases a checkpoint to resume from is on disk.
    """
    main = run.accelerator.is_main_process
    log = Log(run.folder, steps=run.steps, done=state.step, device=run.accelerator.device, main=main)
    with contextlib.closing(log), stop_requested() as stop:
        run.plain.train()
        if not state.step:  # the baseline: accuracy before training
            _evaluate(run, state, run.phases[0], log)
            _probe(run, state, log)
        window, shared_stop = Window(), SharedStop(run.accelerator)
        for phase_number, phase in enumerate(run.phases):
            if state.step >= phase.last:
                continue
            position = state.position if state.phase == phase_number else Position()
            state.phase, state.position = phase_number, position
            with contextlib.closing(prefetch(_step_tensors(run, phase, position))) as steps:
                while state.step < phase.last:
                    began = time.perf_counter()
                    step = next(steps)
                    waited = time.perf_counter() - began
                    loss, sums = _step(run, step, state.step, phase)
                    state.step, state.position = state.step + 1, step.after
                    state.tokens += phase.stream.rows * phase.length
                    window.add(state.step, loss, sums, phase.stream.rows * phase.length, waited)
                    log.step()
                    window = _after(run, state, phase, window, log, stop=shared_stop(stop()))
    return state


def _step_tensors(run: Run, phase: Phase, position: Position) -> Iterator[StepTensors]:
    """The batches from `position` on; the thread that iterates does all work that needs no device."""
    config = run.config
    fixed = run.masking_rate if config.compile else 0.0
    for step in phase.stream.steps(position):
        yield step_tensors(step, config.accumulate, run.accelerator.device, fixed)


def _step(run: Run, step: StepTensors, number: int, phase: Phase) -> tuple[Tensor, dict[str, Tensor]]:
    """One step; returns the loss and, by objective, [3] sum of losses, count and number correct over all processes.

    The losses of all parts and processes are divided by the global counts of the step, so that the gradients are
    those of the whole batch.
    """
    config, accelerator, device = run.config, run.accelerator, run.accelerator.device
    torch.manual_seed((config.seed * 1_000_003 + number) * 1009 + accelerator.process_index)
    rates = learning_rates(number, plan=run.plan, head_warmup=run.head_warmup, config=config)
    set_rates(run.optimizer, config.learning_rate, rates)
    run.plain.freeze_encoder(number < run.head_warmup)
    weights = run.plain.weights
    counts = _counts(run, step)
    total, sums = torch.zeros((), device=device), dict[str, Tensor]()
    for i, part in enumerate(step.parts):
        last = i + 1 == len(step.parts)
        with contextlib.nullcontext() if last else accelerator.no_sync(run.module):
            result = run.module(part.to(device))
            loss = sum(weights[name] * values[0] / counts[name] for name, values in result.items())
            assert isinstance(loss, Tensor)
            accelerator.backward(loss * accelerator.num_processes)  # accelerate averages over processes
        total = total + loss.detach()
        for name, values in stacked(result).items():
            sums[name] = sums.get(name, 0) + values
    accelerator.clip_grad_norm_(run.plain.parameters(), config.clip)
    run.optimizer.step()
    run.optimizer.zero_grad()
    if accelerator.num_processes > 1:
        total = accelerator.reduce(total, "sum")
        sums = {name: accelerator.reduce(values, "sum") for name, values in sums.items()}
    return total, sums


def _counts(run: Run, step: StepTensors) -> dict[str, Tensor]:
    """The number of predictions of each objective over all processes; known before the forward pass."""
    own = step.counts.to(run.accelerator.device, non_blocking=True)
    if run.accelerator.num_processes > 1:
        own = run.accelerator.reduce(own, "sum")
    own = own.clamp(min=1.0)
    masked_count, pairs, all_tokens, texts = own.unbind()
    return {
        "masked": masked_count,
        "span_boundary": masked_count,
        "order": pairs,
        "replaced_token": all_tokens,
        "hidden": all_tokens,
        "sentence": texts,
        "simcse": texts,
        "original_hidden": all_tokens,
        "original_sentence": texts,
    }


def _after(run: Run, state: State, phase: Phase, window: Window, log: Log, *, stop: int) -> Window:
    """Everything between two steps; returns the window for the next ones. `stop`: a signal that was received, or 0."""
    config, last = run.config, state.step == run.steps
    due = {
        name: last or state.step % every == 0
        for name, every in (
            ("log", config.log_every),
            ("evaluate", config.evaluate_every),
            ("save", config.checkpoint_every),
        )
    }
    if not (stop or any(due.values())):
        return window
    line = window.line()
    rates = learning_rates(state.step - 1, plan=run.plan, head_warmup=run.head_warmup, config=config)
    line["rate"] = config.learning_rate * rates.head
    if run.head_warmup:
        line["encoder_rate"] = config.learning_rate * rates.encoder
    if peak := peak_of(run.accelerator.device):
        per_token = flops_per_token(run.plain.model, phase.length, run.masking_rate)
        share = line["tokens_per_second"] * per_token / peak / run.accelerator.num_processes
        line["peak_share"] = round(share, 4)
    log.write(line)
    if due["evaluate"]:
        _evaluate(run, state, phase, log)
    if due["save"]:
        _probe(run, state, log)
    if (stop or due["save"]) and run.accelerator.is_main_process:
        save_checkpoint(run.folder, state, run.plain, run.optimizer, fingerprint=run.fingerprint, keep=config.keep)
    run.accelerator.wait_for_everyone()
    if stop and not last:
        raise Interrupted(state.step, run.steps, stop)
    return Window()


def _evaluate(run: Run, state: State, phase: Phase, log: Log) -> None:
    """Log the accuracy on held-out text."""
    if not phase.held_out:
        return
    held_out = _measure(run, phase)
    log.write({"step": state.step, "held_out": held_out})
    state.history.append({"step": state.step, "held_out": held_out})
    own = {name: f"{sums['accuracy']:.1%}" for name, sums in held_out["own"].items()}
    if "reference" in held_out:
        reference = held_out["reference"]["masked"]["accuracy"]
        accuracy = f"{reference:.1%} on whole words, {own['masked']} masked as in the run"
    else:
        accuracy = ", ".join(f"{share} ({name})" for name, share in own.items())
    log.message(run.log, f"step {state.step}: held-out accuracy {accuracy}")


def _probe(run: Run, state: State, log: Log) -> None:
    """Log the accuracy of an NLU model on the current encoder."""
    if run.probe and run.accelerator.is_main_process:
        frames = run.probe()
        log.write({"step": state.step, "probe": {"frames": frames}})
        state.history.append({"step": state.step, "frames": frames})
        log.message(run.log, f"step {state.step}: NLU probe, correct frames: {frames:.1%}")


def _measure(run: Run, phase: Phase) -> dict[str, Any]:
    """Every process evaluates all of the held-out text: it is small, and no process has to wait for another."""
    with run.accelerator.autocast(), run.as_written():
        return phase.held_out.measure(run.plain, run.accelerator.device)
