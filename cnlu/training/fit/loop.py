"""The training loop: epochs of batches, dev evaluation, and the best weights."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from cnlu.config import EncoderConfig, TrainingConfig
from cnlu.errors import ModelError
from cnlu.i18n import _
from cnlu.model.ensemble import Ensemble
from cnlu.progress import Bar, Lines, no_log, progress
from cnlu.pytorch.bfloat16 import computes_bfloat16
from cnlu.pytorch.optimizer_state import optimizer_tensors, restore_optimizer
from cnlu.training.data.batching import plan_epoch
from cnlu.training.data.character_masking import CharacterMasking
from cnlu.training.data.featurize import Row
from cnlu.training.fit.checkpoint import Checkpoint, TrainingState, prefixed, unprefixed
from cnlu.training.fit.optimizer import build_optimizer, clip_gradients, set_rate
from cnlu.training.fit.step import GradientAccumulator
from cnlu.training.request import Log
from cnlu.training.transfer.distillation_targets import DistillationTargets


@dataclass(kw_only=True)
class Run:
    """The inputs of one training."""

    network: Ensemble
    rows: Sequence[Row]
    config: TrainingConfig
    dev_score: Callable[[Ensemble], float] | None
    """Frame accuracy on the dev split; None without one."""
    checkpoint: Checkpoint
    device: torch.device
    character_masking: CharacterMasking | None = None
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    quiet: bool = False
    log: Log = no_log
    distillation: DistillationTargets | None = None
    """The teacher's targets, which replace the annotations; None without a teacher"""
    share: float = 1.0
    """Share of the planned epochs"""

    def gradient_accumulator(self) -> GradientAccumulator:
        micro_batch_size = math.ceil(self.config.batch_size / self.encoder.accumulate)
        automatic = self.encoder.precision == "auto" and computes_bfloat16(self.device)
        bfloat16 = self.encoder.precision == "bfloat16" or automatic
        return GradientAccumulator(
            network=self.network,
            rows=self.rows,
            device=self.device,
            character_masking=self.character_masking,
            micro_batch_size=micro_batch_size,
            bfloat16=bfloat16,
            log=self.log,
            distillation=self.distillation,
        )

    def epochs(self) -> int:
        return scaled_epochs(self.config, len(self.rows), self.share)


def planned_epochs(config: TrainingConfig, rows: int) -> int:
    """`epochs`, capped by `max_examples`, raised to reach `min_steps`, within `min_epochs` and `max_epochs`."""
    at_most = min(config.epochs, config.max_examples // rows)
    at_least = config.min_steps // math.ceil(rows / config.batch_size)
    return min(config.max_epochs, max(config.min_epochs, at_most, at_least))


def scaled_epochs(config: TrainingConfig, rows: int, share: float) -> int:
    """The share of the planned epochs, at least one."""
    return max(1, round(planned_epochs(config, rows) * share))


def fit(run: Run, resume: bool = False) -> TrainingState:
    """Train `run.network`, which then holds the best weights. Returns the final state (history, best epoch).

    Raises ModelError if the loss is no longer finite, UsageError if there is nothing to resume.
    """
    config, network = run.config, run.network
    optimizer = build_optimizer(network, config, run.encoder)
    if run.distillation:
        run.distillation.add_bridge(network, optimizer, config)
    average = copy.deepcopy(network)
    if resume:
        state = _restore(run, optimizer, average)
    else:
        state = TrainingState(epoch=0, best_epoch=0, best_score=-1.0)
        run.checkpoint.clear()
    best = _train_epochs(run, state, optimizer, average)
    network.load_state_dict(best)
    if run.distillation:
        run.distillation.remove_bridge(network)
    return state


def _train_epochs(run: Run, state: TrainingState, optimizer: torch.optim.AdamW, average: Ensemble) -> dict[str, Tensor]:
    """Train until the last epoch or until patience runs out, and save checkpoints; returns the best weights."""
    config, epochs = run.config, run.epochs()
    best = unprefixed("best", state.tensors) or copy.deepcopy(average.state_dict())
    steps = math.ceil(len(run.rows) / config.batch_size) * epochs
    accumulator, last_saved = run.gradient_accumulator(), time.monotonic()
    with _progress(run, epochs, state.epoch) as bar:
        for epoch in range(state.epoch, epochs):
            torch.manual_seed(config.seed * 100_003 + epoch)  # a resumed run has the same dropout
            loss = _epoch(
                run=run,
                accumulator=accumulator,
                optimizer=optimizer,
                average=average,
                epoch=epoch,
                steps=steps,
                bar=bar,
            )
            state.epoch = epoch + 1
            score = run.dev_score(average) if run.dev_score else float(epoch)
            if score >= state.best_score:
                state.best_score, state.best_epoch = score, state.epoch
                best = copy.deepcopy(average.state_dict())
            state.history.append({"epoch": state.epoch, **loss, **({"dev": score} if run.dev_score else {})})
            if run.dev_score:
                bar.set_postfix_str(f"dev frames {score:.3f}, best {state.best_score:.3f}")
            bar.epoch_done()
            if state.epoch - state.best_epoch >= max(config.patience, epochs // 4):
                break
            if state.epoch < epochs and time.monotonic() - last_saved >= config.checkpoint_seconds:
                run.checkpoint.save(_with_tensors(state, run.network, average, best, optimizer))
                last_saved = time.monotonic()
    return best


def refit(run: Run) -> int:
    """Train `run.network` further on `run.rows` for `refit` of the planned epochs; returns the number of epochs."""
    config, network = run.config, run.network
    epochs = max(1, round(run.epochs() * config.refit))
    optimizer, average = build_optimizer(network, config, run.encoder), copy.deepcopy(network)
    accumulator = run.gradient_accumulator()
    steps = math.ceil(len(run.rows) / config.batch_size) * epochs
    with _progress(run, epochs, 0) as bar:
        for epoch in range(epochs):
            torch.manual_seed(config.seed * 100_003 + epoch)
            _epoch(
                run=run,
                accumulator=accumulator,
                optimizer=optimizer,
                average=average,
                epoch=epoch,
                steps=steps,
                bar=bar,
            )
            bar.epoch_done()
    network.load_state_dict(average.state_dict())
    return epochs


def _epoch(
    run: Run,
    accumulator: GradientAccumulator,
    optimizer: torch.optim.Optimizer,
    average: Ensemble,
    epoch: int,
    steps: int,
    bar: Bar | Lines,
) -> dict[str, float]:
    """Train one epoch; returns each part of the loss as a mean over the examples, summed over the members."""
    network, config = run.network, run.config
    network.train()
    totals: dict[str, float] = {}
    batches = plan_epoch(run.rows, config, epoch)
    pairs = zip(average.parameters(), network.parameters(), strict=True)
    averaged, current = map(list, zip(*((old, new) for old, new in pairs if new.requires_grad), strict=True))
    for step, indices in enumerate(batches, 1 + epoch * len(batches)):
        set_rate(optimizer, step, steps, config.warmup)
        optimizer.zero_grad()
        losses = accumulator.accumulate(indices)
        if not math.isfinite(sum(losses.values())):
            raise _diverged(network)
        clip_gradients(network, config.clip)
        optimizer.step()
        decay = min(config.average, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(averaged, current, 1.0 - decay)
        for name, loss in losses.items():
            totals[name] = totals.get(name, 0.0) + loss * len(indices) / len(run.rows)
        bar.update(len(indices))
    return {name: round(total, 4) for name, total in totals.items()}


def _diverged(network: Ensemble) -> ModelError:
    problem = _("training diverged: the loss is no longer a number")
    fix = _("lower it and encoder.learning_rate") if network.aligned_encoder else _("lower it")
    return ModelError("training.learning_rate", problem, fix)


def _progress(run: Run, epochs: int, done: int) -> Bar | Lines:
    rows = len(run.rows)
    return progress(f"training on {run.device.type}", epochs * rows, " examples", initial=done * rows, quiet=run.quiet)


def _with_tensors(
    state: TrainingState,
    network: Ensemble,
    average: Ensemble,
    best: dict[str, Tensor],
    optimizer: torch.optim.AdamW,
) -> TrainingState:
    state.tensors = {
        **prefixed("network", network.state_dict()),
        **prefixed("average", average.state_dict()),
        **prefixed("best", best),
        **prefixed("optimizer", optimizer_tensors(optimizer)),
    }
    return state


def _restore(run: Run, optimizer: torch.optim.Optimizer, average: Ensemble) -> TrainingState:
    state = run.checkpoint.load()
    run.network.load_state_dict(unprefixed("network", state.tensors))
    average.load_state_dict(unprefixed("average", state.tensors))
    restore_optimizer(optimizer, unprefixed("optimizer", state.tensors))
    return state
