"""Two processes on the CPU: every objective trains, and all processes stop together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
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
    """The words after `python -m`; `settings` with `__` for the dot."""
    values = SETTINGS | {name.replace("__", "."): value for name, value in settings.items()}
    return [
        *(
            "cnlu",
            "pretrain",
            "run",
            str(corpus),
            "--out",
            str(out),
            "--init",
            "random",
            "--max-steps",
            str(steps),
            "--device",
            "cpu",
        ),
        *(word for name, value in values.items() for word in ("--set", f"{name}={value}")),
    ]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"]


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
    words = [*TORCHRUN, *command(corpus, tmp_path / "e", 3, **objectives)]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert not done.returncode, [line for line in done.stderr.splitlines() if "Error" in line][:2]
    lines = [json.loads(line) for line in (tmp_path / "e" / "log.jsonl").read_text("utf-8").splitlines()]
    assert [line["step"] for line in lines if "tokens_per_second" in line] == [1, 2, 3]


@pytest.mark.slow
def test_a_signal_to_one_process_stops_both_with_one_checkpoint(tmp_path, corpus):
    words = [sys.executable, "-m", *command(corpus, tmp_path / "e", 1_000_000)]
    processes = [
        subprocess.Popen(words, env=environment_of(rank, port), stderr=subprocess.PIPE, text=True)
        for port in [free_port()]
        for rank in (0, 1)
    ]
    try:
        log = tmp_path / "e.training" / "log.jsonl"
        wait_for(lambda: log.exists() and '"step": 3,' in log.read_text("utf-8"), processes)
        processes[1].send_signal(signal.SIGTERM)
        messages = [process.communicate(timeout=60)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [143, 143], messages
    (checkpoint,) = (tmp_path / "e.training").glob("step-*")
    step = int(checkpoint.name.removeprefix("step-"))
    assert all(f"Stopped after step {step} of 1000000" in message for message in messages)


def environment_of(rank: int, port: int) -> dict[str, str]:
    """What torchrun sets for a process of two."""
    ranks = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    return {**ENVIRONMENT, "MASTER_ADDR": "127.0.0.1", **{name: str(value) for name, value in ranks.items()}}


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_for(condition, processes: list[subprocess.Popen[str]], seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert all(process.poll() is None for process in processes), processes[0].communicate()[1][-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.2)
