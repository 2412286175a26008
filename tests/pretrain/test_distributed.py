"""Two processes on the CPU: they have the losses of one, each objective trains, and they stop together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.pretrain.runs import SMALL, masked_losses, read_log

RANDOM = ["--init", "random"]
SETTINGS: dict[str, object] = {
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


def command(corpus: Path, out: Path, steps: int, source: list[str], settings: dict[str, object]) -> list[str]:
    """The words after `python -m`; `source` is the option that names the encoder or its initialization."""
    run = ["cnlu", "pretrain", "run", str(corpus), "--out", str(out), *source]
    options = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return [*run, "--max-steps", str(steps), "--device", "cpu", *options]


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"]


@pytest.mark.slow
def test_two_processes_with_gradient_accumulation_have_the_losses_of_one(tmp_path, corpus, tiny_encoder):
    settings = {f"run.{name}": value for name, value in {**SMALL, "dropout": 0.0, "accumulate": 2}.items()}
    one, two = tmp_path / "one", tmp_path / "two"
    for out, start in ((one, [sys.executable, "-m"]), (two, TORCHRUN)):
        words = [*start, *command(corpus, out, 6, ["--encoder", str(tiny_encoder)], settings)]
        done = subprocess.run(words, env=ENVIRONMENT, capture_output=True)
        assert not done.returncode, done.stderr.decode()[-2000:]
    losses, others = masked_losses(one), masked_losses(two)
    assert losses.keys() == others.keys() and len(losses) >= 3
    assert np.allclose(list(losses.values()), list(others.values()), atol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "objectives",
    [
        {"objectives.replaced_token": 50},
        {"objectives.masked": 0, "objectives.span_boundary": 1},
        {"objectives.masked": 0, "objectives.order": "sop"},
    ],
    ids=["rtd", "sbo alone", "sop alone"],
)
def test_an_objective_without_the_masked_language_head_trains_in_two_processes(tmp_path, corpus, objectives):
    words = [*TORCHRUN, *command(corpus, tmp_path / "e", 3, RANDOM, SETTINGS | objectives)]
    done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert not done.returncode, done.stderr
    assert [line["step"] for line in read_log(tmp_path / "e") if "tokens_per_second" in line] == [1, 2, 3]


@pytest.mark.slow
def test_a_signal_to_one_process_stops_both_with_one_checkpoint(tmp_path, corpus):
    words = [sys.executable, "-m", *command(corpus, tmp_path / "e", 1_000_000, RANDOM, SETTINGS)]
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
