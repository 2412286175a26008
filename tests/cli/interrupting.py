"""Interrupts long commands at random moments and checks what they leave behind.

`python -m tests.cli.interrupting 100` interrupts 100 commands and prints the faults.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.places import CHECKOUT, PYTHONPATH

RAILWAY_TEXT = CHECKOUT / "corpora" / "railway" / "text"
"""Enough text for a table of similar words"""
RESUMABLE = {"model.training", "model.training.old", "corpus.part", "encoder.training"}
"""What an interrupted command may leave for --resume"""
SPARSE = ["--encoder", "none"]
SMALL = [
    "--device",
    "cpu",
    "--set",
    "model.members=1",
    "--set",
    "training.max_epochs=12",
    "--set",
    "training.checkpoint_seconds=0",
]


@dataclass(frozen=True)
class Inputs:
    """The input of the commands."""

    data: Path
    model: Path
    encoder: Path
    corpus: Path
    text: Path


def commands(inputs: Inputs) -> dict[str, list[object]]:
    """Name: arguments of each long command, which writes into its working directory."""
    pretraining = ["--set", "run.checkpoint_every=3", "--set", "run.batch_tokens=1024", "--set", "run.length=64"]
    return {
        "train": ["train", inputs.data, "--out", "model", *SPARSE, *SMALL],
        "distill": ["distill", inputs.model, "--data", inputs.data, "--out", "model", *SMALL],
        "evaluate": ["evaluate", inputs.model, inputs.data, "--out", "report"],
        "cross-validate": ["evaluate", "--cross-validate", 3, inputs.data, "--out", "report", *SPARSE, *SMALL[:6]],
        "check": ["check", inputs.data, "--set", "check.fail_on=error"],
        "split": ["split", inputs.data, "--out", "parts"],
        "prepare": [
            "pretrain",
            "prepare",
            inputs.text,
            "--out",
            "corpus",
            "--encoder",
            inputs.encoder,
            "--set",
            "prepare.processes=2",
            "--set",
            "prepare.shard_tokens=2000",
        ],
        "run": [
            "pretrain",
            "run",
            inputs.corpus,
            "--out",
            "encoder",
            "--encoder",
            inputs.encoder,
            "--max-steps",
            9,
            *pretraining,
        ],
        "similar": ["pretrain", "similar", "--text", RAILWAY_TEXT, "--out", "similar.npz"],
        "probe": ["pretrain", "probe", inputs.encoder, "--corpus", inputs.corpus, "--out", "probe.html"],
        "serve": ["serve", inputs.model, "--port", 0, "--workers", 2],
        "parse": ["parse", inputs.model, "--input", inputs.text],
    }


WRITTEN = {
    "train": {"model"},
    "distill": {"model"},
    "evaluate": {"report"},
    "cross-validate": {"report"},
    "split": {"parts"},
    "prepare": {"corpus"},
    "run": {"encoder"},
    "similar": {"similar.npz"},
    "probe": {"probe.html"},
}
"""Name: output of a command that ends before the signal"""


def interrupted(command: list[object], made: set[str], after: float, number: int = signal.SIGINT) -> list[str]:
    """The faults of a command that gets a signal `after` seconds after it has installed its handlers."""
    with tempfile.TemporaryDirectory(prefix="interrupting-") as folder:
        here, temporary = Path(folder) / "here", Path(folder) / "tmp"
        here.mkdir()
        temporary.mkdir()
        environment = {
            **os.environ,
            "PYTHONPATH": PYTHONPATH,
            "TMPDIR": str(temporary),
            "OMP_NUM_THREADS": "1",
            "PYTHONIOENCODING": "utf-8",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "cnlu", *map(str, command)],
            cwd=here,
            env=environment,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=_restore_ctrl_c,
        )
        _wait_for_signal_handlers(process)
        try:
            process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            # A terminal sends Ctrl-C to all processes of the command; other signals go to one process.
            (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        try:
            stderr = process.communicate(timeout=120)[1].decode()
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return ["does not end"]
        finally:
            left = _left(process.pid)
        return _faults(process.returncode, number, stderr, made, here, temporary, left)


def _faults(
    code: int, number: int, stderr: str, made: set[str], here: Path, temporary: Path, left: list[str]
) -> list[str]:
    found = []
    if code not in (0, 128 + number):
        found.append(f"exit code {code}")
    if code == 128 + number and not re.search(r"^cnlu: (stopped\.|Stopped after step .*)$", stderr, re.MULTILINE):
        found.append("no sentence")
    if "Traceback" in stderr or "Exception ignored" in stderr or "terminate called" in stderr or "leaked" in stderr:
        found.append("a traceback")
    there = {path.name for path in here.iterdir()}
    if not there <= (RESUMABLE | made if code else made):
        found.append(f"left {sorted(there)}")
    if forgotten := [path.name for path in temporary.iterdir()]:
        found.append(f"left in the temporary folder: {forgotten}")
    if left:
        found.append(f"left processes: {left}")
    return [*found, stderr] if found else []


def _restore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for_signal_handlers(process: subprocess.Popen[bytes]) -> None:
    """Wait until the process handles signals: Python's own startup cannot be made interruptible."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        if caught >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)


def _left(session: int) -> list[str]:
    """The processes left after up to 10 s; multiprocessing's resource tracker ends after all others."""
    deadline = time.monotonic() + 10
    while (found := list(_members(session))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _members(session: int) -> Iterator[str]:
    """The command lines of the processes in a session, without zombies."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
            if int(of) == session and state != "Z":
                yield (stat.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue


def _main(count: int, seed: int) -> None:
    with tempfile.TemporaryDirectory(prefix="interrupting-inputs-") as folder:
        inputs = _prepare_inputs(Path(folder))
        every = commands(inputs)
        took = {}
        for name, command in every.items():
            began = time.monotonic()
            faults = interrupted(command, WRITTEN.get(name, set()), 20 if name == "serve" else 300)
            took[name] = min(time.monotonic() - began, 20)
            print(f"{name}: {took[name]:.1f} s {faults}", flush=True)
        chance, bad = random.Random(seed), 0
        for turn in range(count):
            name = list(every)[turn % len(every)]
            early = chance.random() < 0.4  # the first second, where the imports are
            after = chance.uniform(0, 1) if early else chance.uniform(0, took[name])
            number = signal.SIGTERM if turn % 4 == 3 else signal.SIGINT
            if faults := interrupted(every[name], WRITTEN.get(name, set()), after, number):
                bad += 1
                print(f"--- {name} after {after:.3f} s, signal {number}:", *faults, sep="\n", flush=True)
        print(f"{bad} of {count} interrupts were not clean")


def _prepare_inputs(folder: Path) -> Inputs:
    """Prepare the input from the worked domain."""
    from cnlu.cli import main

    railway = CHECKOUT / "corpora" / "railway"
    data = folder / "data"
    data.mkdir()
    for name in ("lookups.yml", "service.yml"):
        shutil.copy(railway / "train" / name, data)
    text = folder / "text.txt"
    lines = [line for path in sorted((railway / "text").glob("*.txt")) for line in path.read_text("utf-8").split("\n")]
    text.write_text("\n".join([*lines, *(f"第{i}次列车从北京到上海要多久，{i}元" for i in range(20_000))]), "utf-8")
    encoder, corpus = folder / "encoder", folder / "corpus"
    main(["pretrain", "prepare", str(text), "--out", str(corpus), "--new-vocab", "2000"])
    shape = [
        "encoder.num_hidden_layers=1",
        "encoder.hidden_size=32",
        "encoder.num_attention_heads=2",
        "encoder.intermediate_size=64",
        "encoder.max_position_embeddings=300",
    ]
    settings = [word for one in [*shape, "run.batch_tokens=1024"] for word in ("--set", one)]
    main(["pretrain", "run", str(corpus), "--out", str(encoder), "--init", "random", "--max-steps", "1", *settings])
    main(["train", str(data), "--out", str(folder / "teacher"), *SPARSE, *SMALL[:6]])
    return Inputs(data, folder / "teacher", encoder, corpus, text)


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
