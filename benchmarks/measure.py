"""Shared by the benchmark scripts: the cost of a command, file sizes, and the machine's state.

This module imports neither NumPy nor PyTorch: Linux never reports a child's peak memory below its parent's.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
PYTHONPATH = os.pathsep.join(str(CHECKOUT / name) for name in (".", "pretrain", "dialogue"))
"""For a child process that imports the packages of this checkout"""
MIB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """What one child process and its children used."""

    wall_s: float
    cpu_s: float
    """user + system"""
    peak_mib: float
    """largest resident memory"""

    def to_dict(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a measured process: one thread, UTF-8, this checkout's cnlu."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8", "PYTHONHASHSEED": "0"}
    env["PYTHONPATH"] = os.pathsep.join(p for p in (PYTHONPATH, os.environ.get("PYTHONPATH", "")) if p)
    return {**env, **(extra or {})}


def rasa_environment() -> dict[str, str]:
    """The environment of a measured Rasa process: no telemetry, TensorFlow on one thread, without this checkout."""
    silent = {
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONWARNINGS": "ignore",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    }
    threads = (
        "TF_INTRA_OP_PARALLELISM_THREADS",
        "TF_INTER_OP_PARALLELISM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
    return {**environment(), **silent, **dict.fromkeys(threads, "1"), "PYTHONPATH": ""}


def run(command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run a command and write its output to `log`. If the command fails, end this script with a message."""
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, env=env or environment()
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except KeyboardInterrupt:
            process.wait()  # the terminal has sent it the same signal
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:] or ["no output"]
        sys.exit(f"{' '.join(map(str, command))}\nfailed ({process.returncode}): {last[0]}\nthe whole log: {log}")
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, peak / MIB)


def megabytes(path: Path) -> float:
    """Size of a file, or of all files in a folder, in MB (10^6 bytes)."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def machine() -> dict[str, Any]:
    """The machine's properties that matter for a figure, without the names of host and user."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
