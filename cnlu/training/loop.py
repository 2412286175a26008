"""The training loop, readable from top to bottom: batches, steps, dev frames, the best weights."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from cnlu.config import TrainingConfig
from cnlu.errors import ModelError
from cnlu.model.losses import joint_loss
from cnlu.model.network import JointNetwork
from cnlu.training.batches import collate, plan_epoch
from cnlu.training.checkpoint import (
    Checkpoint,
    State,
    optimizer_tensors,
    prefixed,
    restore_optimizer,
    unprefixed,
)
from cnlu.training.masking import Masker
from cnlu.training.rows import Row


@dataclass
class Run:
    """What one training works on."""

    network: JointNetwork
    rows: Sequence[Row]
    config: TrainingConfig
    dev_score: Callable[[JointNetwork], float] | None
    """Frame accuracy on the dev split; None without one."""
    checkpoint: Checkpoint
    device: torch.device
    masker: Masker | None = None
    quiet: bool = False


def planned_epochs(config: TrainingConfig, rows: int) -> int:
    """As many passes as the budget of examples allows, within min_epochs and max_epochs."""
    return max(config.min_epochs, min(config.max_epochs, config.max_examples // max(1, rows)))


def fit(run: Run, resume: bool = False) -> State:
    """Train `run.network`; it ends up holding the best weights. Returns the final state (history, best epoch).

    Raises ModelError when the loss is no longer a number.
    """
    config, network = run.config, run.network
    epochs = planned_epochs(config, len(run.rows))
    optimizer = build_optimizer(network, config)
    average = copy.deepcopy(network)
    state = State(0, 0, -1.0)
    if resume:
        state = _restore(run, optimizer, average)
    else:
        run.checkpoint.clear()
    best = unprefixed("best", state.tensors) or copy.deepcopy(average.state_dict())
    steps = math.ceil(len(run.rows) / config.batch_size) * epochs
    last_saved = time.monotonic()
    with _progress(run, epochs, state.epoch) as bar:
        for epoch in range(state.epoch, epochs):
            torch.manual_seed(config.seed * 100_003 + epoch)  # so that a resumed run drops out the same units
            loss = _epoch(run, optimizer, average, epoch, steps, bar)
            state.epoch = epoch + 1
            score = run.dev_score(average) if run.dev_score else float(epoch)
            if score >= state.best_score:
                state.best_score, state.best_epoch = score, state.epoch
                best = copy.deepcopy(average.state_dict())
            state.history.append({"epoch": state.epoch, **loss, **({"dev": score} if run.dev_score else {})})
            if run.dev_score:
                bar.set_postfix_str(f"dev frames {score:.3f}, best {state.best_score:.3f}")
            if state.epoch - state.best_epoch >= config.patience:
                break
            if state.epoch < epochs and time.monotonic() - last_saved >= config.checkpoint_seconds:
                run.checkpoint.save(_with_tensors(state, network, average, best, optimizer))
                last_saved = time.monotonic()
    network.load_state_dict(best)
    return state


def build_optimizer(network: JointNetwork, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019) with a rate of their own for sparse rows and for the tagger's transitions."""
    sparse = [*network.characters.parameters(), *network.sentence.parameters()]
    crf = list(network.crf.parameters())
    special = {id(p) for p in sparse + crf}
    rest = [p for p in network.parameters() if id(p) not in special]
    groups: list[dict[str, Any]] = [
        {"params": sparse, "lr": config.sparse_learning_rate},
        {"params": crf, "lr": config.crf_learning_rate, "weight_decay": 0.0},
        {"params": rest, "lr": config.learning_rate},
    ]
    for group in groups:
        group["peak"] = group["lr"]
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, betas=(0.9, 0.98), fused=True)


def rate_factor(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate at `step` (from 1): up linearly over the warm-up, then down to 2 %."""
    rising = warmup * steps
    return step / rising if step < rising else max(0.02, 1.0 - (step - rising) / (steps - rising))


def _epoch(
    run: Run, optimizer: torch.optim.Optimizer, average: JointNetwork, epoch: int, steps: int, bar: tqdm[Any]
) -> dict[str, float]:
    """One pass; returns the mean of each part of the loss per example."""
    network, config = run.network, run.config
    network.train()
    totals: dict[str, float] = {}
    batches = plan_epoch(run.rows, config, epoch)
    kept: list[Tensor] = list(average.parameters())
    current: list[Tensor] = list(network.parameters())
    for number, chosen in enumerate(batches, 1 + epoch * len(batches)):
        factor = rate_factor(number, steps, config.warmup)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        parts = _losses(run, collate([run.rows[i] for i in chosen], run.device))
        loss = torch.stack(list(parts.values())).sum()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(optimizer.param_groups[-1]["params"], config.clip)
        optimizer.step()
        decay = min(config.average, (1 + number) / (10 + number))
        with torch.no_grad():
            torch._foreach_lerp_(kept, current, 1.0 - decay)
        for name, part in parts.items():
            totals[name] = totals.get(name, 0.0) + part.item() * len(chosen) / len(run.rows)
        if not math.isfinite(loss.item()):
            raise ModelError(
                "Training diverged: the loss is no longer a number; lower training.learning_rate."
            )
        bar.update(len(chosen))
    return {name: round(total, 4) for name, total in totals.items()}


def _losses(run: Run, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    outputs = run.network(batch["characters"], batch["sentence"], batch["mask"])
    parts = joint_loss(run.network, outputs, batch)
    if run.masker is not None:
        parts["masked"] = run.network.masked_loss(*run.masker.hide(batch))
    return parts


def _progress(run: Run, epochs: int, done: int) -> tqdm[Any]:
    return tqdm(
        total=epochs * len(run.rows),
        initial=done * len(run.rows),
        desc=f"training on {run.device.type}",
        unit=" examples",
        unit_scale=True,
        dynamic_ncols=True,
        disable=run.quiet,
    )


def _with_tensors(
    state: State,
    network: JointNetwork,
    average: JointNetwork,
    best: dict[str, Tensor],
    optimizer: torch.optim.AdamW,
) -> State:
    state.tensors = {
        **prefixed("network", network.state_dict()),
        **prefixed("average", average.state_dict()),
        **prefixed("best", best),
        **prefixed("optimizer", optimizer_tensors(optimizer)),
    }
    return state


def _restore(run: Run, optimizer: torch.optim.Optimizer, average: JointNetwork) -> State:
    state = run.checkpoint.load()
    run.network.load_state_dict(unprefixed("network", state.tensors))
    average.load_state_dict(unprefixed("average", state.tensors))
    restore_optimizer(optimizer, unprefixed("optimizer", state.tensors))
    return state
