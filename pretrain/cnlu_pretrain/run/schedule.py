"""The number of steps of a run, and the lengths of their rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from cnlu_pretrain.config import RunConfig


def planned_steps(rows_per_pass: int, rows: int, config: RunConfig, max_steps: int | None) -> int:
    """Steps of the whole run: --max-steps, or as many as `run.passes` take."""
    return max_steps or max(1, math.ceil(config.passes * rows_per_pass / rows))


def phase_lengths(steps: int, config: RunConfig) -> list[tuple[int, int]]:
    """(row length, one past the last step) of each phase."""
    if not config.long_length:
        return [(config.length, steps)]
    short = steps - max(1, round(steps * config.long_share))
    return [*([(config.length, short)] if short else []), (config.long_length, steps)]


def extended_plan(earlier: Sequence[int], done: int, steps: int) -> list[int]:
    """The plan of a run of `steps` steps: `earlier` with one more extension where a run finished after `done` steps.

    `earlier` is the plan of the run that is resumed, or empty. Where the two do not fit, the caller refuses the run.
    """
    if earlier and done == earlier[-1] < steps:
        return [*earlier, steps]
    return [*earlier] if earlier and earlier[-1] == steps else [steps]


def planned_lengths(plan: Sequence[int], config: RunConfig) -> dict[int, int]:
    """Row length -> one past its last step; the steps of extensions have the rows of the last steps before them."""
    lengths = dict(phase_lengths(plan[0], config))
    lengths[list(lengths)[-1]] = plan[-1]
    return lengths


def without_reporting(config: RunConfig) -> RunConfig:
    """The settings that determine the result: logging, evaluation and checkpoints are reset to their defaults."""
    defaults = RunConfig()
    return replace(
        config,
        log_every=defaults.log_every,
        evaluate_every=defaults.evaluate_every,
        keep=defaults.keep,
        checkpoint_every=defaults.checkpoint_every,
        evaluate_tokens=defaults.evaluate_tokens,
        threads=defaults.threads,
    )
