"""Two processes on the CPU: every objective trains, and all processes stop together."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SETTINGS = {
    "run.length": 64,
    "run.batch_tokens": 256,
    "run.log_every": 1,
    "run.checkpoint_every": 100,
    "run.evaluate_tokens": 200,
    "run.precision": "float32",
    "encoder.num_hidden_layers": 1,
    "encoder.hidden_size": 32,
    "encoder.num_attention_heads": 2,
    "encoder.intermediate_size": 64,
    "encoder.max_position_embeddings": 64,
}


def command(corpus: Path, out: Path, steps: int, **settings: object) -> list[str]:
    """`cnlu pretrain run` in two processes; `settings` with `__` for the dot."""
    values = SETTINGS | {name.replace("__", "."): value for name, value in settings.items()}
    return [
        *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "cnlu", "pretrain", "run"),
        *(str(corpus), "--out", str(out), "--init", "random", "--max-steps", str(steps), "--device", "cpu"),
        *(word for name, value in values.items() for word in ("--set", f"{name}={value}")),
    ]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "objectives",
    [
        {"objectives__replaced_token": 50},
        {"objectives__masked": 0, "objectives__span_boundary": 1},
        {"objectives__masked": 0, "objectives__order": "sop"},
    ],
    ids=["rtd", "sbo alone", "sop alone"],
)
def test_an_objective_that_leaves_the_head_out_trains_in_two_processes(tmp_path, corpus, objectives):
    done = subprocess.run(
        command(corpus, tmp_path / "e", 3, **objectives), env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert not done.returncode, [line for line in done.stderr.splitlines() if "Error" in line][:2]
    lines = [json.loads(line) for line in (tmp_path / "e" / "log.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines if "tokens_per_second" in line] == [1, 2, 3]
