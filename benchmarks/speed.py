"""Parse latency, memory, cold start and size of a model, compared with Rasa's if a Rasa model is given.

    python benchmarks/speed.py MODEL TEXTS [--rasa-python RASA_ENV/bin/python --rasa-model peer.tar.gz]
                               [--starts 5] [--rounds 5] [--out FIGURES.json]

TEXTS is a JSONL file with "text" in each line, or a plain file with a sentence a line; the first 500 are used.
`train_rasa.py` trains such a Rasa model. Everything runs on one thread and one sentence at a time, in fresh processes:

- cold start: from starting the process to its first answer, median of --starts processes, wall and CPU seconds;
- latency: after 50 parses of warm-up, the median over the rounds of each round's p50 and p95. The two programs
  alternate by round, so that a temporarily busy machine affects both alike;
- resident memory of the process after loading and parsing all sentences;
- size of the model on disk.

On a shared machine, CPU times and the ratios within one run are more reliable than wall times.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from measure import MIB, environment, machine, megabytes, rasa_environment, table

WORKER = Path(__file__).with_name("parse_worker.py")
MOST_TEXTS, WARM_UP = 500, 50


class Worker:
    """A parsing process that has returned its first result."""

    def __init__(self, command: Sequence[str], env: dict[str, str]) -> None:
        self.name = command[2]
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        start = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, encoding="utf-8", env=env
        )
        self.cpu_s = self._answer()["cpu_s"]
        self.wall_s = time.perf_counter() - start

    def time(self, count: int) -> dict[str, Any]:
        """Wall and CPU milliseconds of parsing each of the first `count` sentences: {"ms", "cpu_ms"}."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"time {count}\n")
        self.process.stdin.flush()
        return self._answer()

    def parse(self) -> list[dict[str, Any]]:
        """The parse results of all sentences."""
        assert self.process.stdin is not None
        self.process.stdin.write("parse\n")
        self.process.stdin.flush()
        return self._answer()

    def resident_mib(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss / MIB)

    def close(self) -> None:
        self.process.communicate()
        self.log.close()

    def _answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            last = self.log.read().decode("utf-8", "replace").strip().splitlines()[-1:] or ["no output"]
            sys.exit(f"{self.name} gave no answer: {last[0]}")
        return json.loads(line)


@dataclass
class Program:
    """One of the two measured programs and its figures."""

    command: list[str]
    env: dict[str, str]
    model: Path
    starts: list[tuple[float, float]] = field(default_factory=list)
    """(wall, CPU) seconds to the first result"""
    rounds: list[dict[str, Any]] = field(default_factory=list)
    resident_mib: float = 0.0

    def figures(self) -> dict[str, float]:
        """Medians over the processes and over the rounds."""
        return {
            "parse p50 ms": self._percentile("ms", 50),
            "parse p95 ms": self._percentile("ms", 95),
            "parse p50 CPU ms": self._percentile("cpu_ms", 50),
            "parse p95 CPU ms": self._percentile("cpu_ms", 95),
            "resident MiB": self.resident_mib,
            "cold start s": statistics.median(wall for wall, _ in self.starts),
            "cold start CPU s": statistics.median(cpu for _, cpu in self.starts),
            "model MB": megabytes(self.model),
        }

    def _percentile(self, key: str, percent: int) -> float:
        """A percentile of each round's parses; the median over the rounds."""
        cuts = [statistics.quantiles(one[key], n=100, method="inclusive") for one in self.rounds]
        return statistics.median(cut[percent - 1] for cut in cuts)


def main() -> None:
    arguments = _arguments()
    texts = read_texts(arguments.texts)
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "texts.json"
        listed.write_text(json.dumps(texts), encoding="utf-8")
        programs = _programs(arguments, listed)
        cold_starts(programs, arguments.starts)
        rounds(programs, arguments.rounds, len(texts))
    figures = {name: program.figures() for name, program in programs.items()}
    print(f"{len(texts)} sentences, {arguments.rounds} rounds, {arguments.starts} cold starts; one thread\n")
    print(markdown(figures))
    if arguments.out:
        raw = {name: {"cold_starts": p.starts, "rounds": p.rounds} for name, p in programs.items()}
        report = {"sentences": len(texts), "machine": machine(), "figures": figures, "raw": raw}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency, memory, cold start and size, compared with Rasa's.")
    parser.add_argument("model", type=Path, metavar="MODEL")
    parser.add_argument("texts", type=Path, metavar="TEXTS")
    parser.add_argument("--rasa-python", type=Path, help="the Python of an environment with Rasa")
    parser.add_argument("--rasa-model", type=Path, metavar="M.tar.gz")
    parser.add_argument("--starts", type=int, default=5, help="processes started to measure the cold start")
    parser.add_argument("--rounds", type=int, default=5, help="passes over the sentences")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    arguments = parser.parse_args()
    if (arguments.rasa_python is None) != (arguments.rasa_model is None):
        parser.error("--rasa-python and --rasa-model go together")
    if arguments.starts < 1 or arguments.rounds < 1:
        parser.error("--starts and --rounds must be at least 1")
    return arguments


def read_texts(path: Path) -> list[str]:
    """Up to 500 sentences of a JSONL or plain text file; ends this script if there are fewer than two."""
    lines = [line for line in path.read_text("utf-8-sig").split("\n") if line.strip()][:MOST_TEXTS]
    texts = [json.loads(line)["text"] for line in lines] if path.suffix == ".jsonl" else lines
    if len(texts) < 2:
        sys.exit(f"{path}: holds fewer than two sentences; give a file with more.")
    return texts


def _programs(arguments: argparse.Namespace, listed: Path) -> dict[str, Program]:
    def program(kind: str, python: str, model: Path, env: dict[str, str]) -> Program:
        return Program([python, str(WORKER), kind, str(model), str(listed)], env, model)

    programs = {"cnlu": program("cnlu", sys.executable, arguments.model, environment())}
    if arguments.rasa_python:
        programs["Rasa"] = program("rasa", str(arguments.rasa_python), arguments.rasa_model, rasa_environment())
    return programs


def cold_starts(programs: dict[str, Program], count: int) -> None:
    """One process of each program in turn, `count` times."""
    for _ in range(count):
        for program in programs.values():
            worker = Worker(program.command, program.env)
            program.starts.append((worker.wall_s, worker.cpu_s))
            worker.close()


def rounds(programs: dict[str, Program], count: int, texts: int) -> None:
    """One process of each program stays alive; they take turns, each parsing all sentences in its turn."""
    workers = {name: Worker(program.command, program.env) for name, program in programs.items()}
    for worker in workers.values():
        worker.time(min(WARM_UP, texts))
    for _ in range(count):
        for name, worker in workers.items():
            programs[name].rounds.append(worker.time(texts))
            programs[name].resident_mib = programs[name].resident_mib or worker.resident_mib()
    for worker in workers.values():
        worker.close()


def markdown(figures: dict[str, dict[str, float]]) -> str:
    """A row per figure; with a Rasa model, also the ratio of Rasa's figure to cnlu's."""
    names = list(figures)
    head = ["", *names, *([f"{names[1]} / {names[0]}"] if len(names) > 1 else [])]
    rows = []
    for title in figures[names[0]]:
        values = [figures[name][title] for name in names]
        ratio = [f"{values[1] / values[0]:.1f}x"] if len(values) > 1 else []
        rows.append([title, *(_shown(value) for value in values), *ratio])
    return table(head, rows)


def _shown(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


if __name__ == "__main__":
    main()
