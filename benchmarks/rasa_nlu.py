"""cnlu's Rasa component compared with DIET in the same Rasa: accuracy, training cost, memory.

    python benchmarks/rasa_nlu.py DATA --rasa-python RASA_ENV/bin/python [--trainer TRAIN_ENV/bin/python]
                                  [--epochs 100] [--seeds 1 2 3] [--encoder zh-mini] [--out FIGURES.json]
                                  [--limit N] [--set KEY=VALUE]

DATA is a folder with `train` and `test`, as JSONL files or as folders (`corpora/railway`). Three pipelines are trained
by `rasa train nlu` on the same YAML (what Rasa's YAML cannot express is left out and counted):

- cnlu: the component alone, with default settings and without an encoder, or on that of --encoder; --trainer (default:
  this interpreter) does the training;
- DIET: jieba words, count vectors of words and character n-grams, 100 epochs as in Rasa's default pipeline;
- bare: an EntitySynonymMapper, which costs next to nothing; the baseline for Rasa itself.

Each model parses the test examples through Rasa's agent in a fresh process. Accuracy is cnlu's own evaluation (strict
character spans; roles and groups count in the frame). Training cost is the CPU time of `rasa train nlu`, the other
interpreter included, also as the difference to that baseline. Memory is the resident memory after parsing, also as
the difference to it. --limit and --set are for short runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import PYTHONPATH, machine, rasa_environment, run, table
from speed import Worker
from train_rasa import PIPELINE, convert, summary

HEAD = "recipe: default.v1\nlanguage: zh\nassistant_id: cnlu-benchmark\npipeline:\n"
WORKER = Path(__file__).with_name("parse_worker.py")


@dataclass(frozen=True)
class Task:
    """One data set, ready for Rasa."""

    folder: Path
    """Contains nlu.yml and texts.json; all output goes there"""
    test: list[Any]
    rasa_python: str
    environment: dict[str, str]


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        task, counts = prepare(arguments, Path(folder))
        bare = measure(task, "bare", HEAD + "- name: EntitySynonymMapper\n", scored=False)
        runs: dict[str, list[dict[str, Any]]] = {"cnlu": [], "DIET": []}
        for seed in arguments.seeds:
            runs["cnlu"].append(measure(task, f"cnlu-{seed}", _component(arguments, seed)))
            runs["DIET"].append(measure(task, f"diet-{seed}", PIPELINE.format(epochs=arguments.epochs, seed=seed)))
    for figures in (figures for kind in runs.values() for figures in kind):
        figures["training CPU s less bare"] = figures["training CPU s"] - bare["training CPU s"]
        figures["resident MiB less bare"] = figures["resident MiB"] - bare["resident MiB"]
    print(f"{arguments.data}: {counts[0]} training examples ({counts[1]} left out), {len(task.test)} test examples\n")
    print(markdown(runs))
    if arguments.out:
        report = {
            "data": arguments.data.name,
            "examples": counts[0],
            "left_out": counts[1],
            "bare": bare,
            "runs": runs,
            "epochs": arguments.epochs,
            "machine": machine(),
        }
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="cnlu's Rasa component compared with DIET.")
    parser.add_argument("data", type=Path, metavar="DATA", help="a folder with train and test")
    parser.add_argument("--rasa-python", required=True, help="the Python that has Rasa 3.6.21 and cnlu's base")
    parser.add_argument("--trainer", default=sys.executable, help="the Python that has cnlu[train]")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of DIET; 100 in Rasa's default pipeline")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--limit", type=int, help="take only the first N training and test examples")
    parser.add_argument(
        "--encoder", default="none", metavar="DIR|NAME", help="as in cnlu train; here none is the default"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of cnlu")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    return parser.parse_args()


def prepare(arguments: argparse.Namespace, away: Path) -> tuple[Task, tuple[int, int]]:
    """Write the data for Rasa. Returns (task, (training examples written, those that YAML cannot express))."""
    from cnlu.data.load import load_data

    def part(name: str) -> str:
        file = arguments.data / f"{name}.jsonl"
        return str(file if file.exists() else arguments.data / name)

    counts = convert([part("train")], away / "nlu.yml", arguments.limit)
    test = load_data(part("test")).examples[: arguments.limit]
    (away / "texts.json").write_text(json.dumps([example.text for example in test]), encoding="utf-8")
    environment = {**rasa_environment(), "PYTHONPATH": PYTHONPATH}
    return Task(away, test, arguments.rasa_python, environment), counts


def _component(arguments: argparse.Namespace, seed: int) -> str:
    settings = {"training.seed": str(seed), **dict(pair.split("=", 1) for pair in arguments.set)}
    lines = [f"    {key}: {value}\n" for key, value in settings.items()]
    options = f"  trainer: {arguments.trainer}\n  encoder: {arguments.encoder}\n  set:\n{''.join(lines)}"
    return f"{HEAD}- name: cnlu_dialogue.rasa.CnluClassifier\n{options}"


def measure(task: Task, name: str, config: str, scored: bool = True) -> dict[str, Any]:
    """Train a pipeline and parse the test examples with it; returns the figures."""
    (task.folder / f"{name}.yml").write_text(config, encoding="utf-8")
    model = task.folder / f"{name}.tar.gz"
    command = [
        task.rasa_python,
        "-m",
        "rasa",
        "train",
        "nlu",
        "--nlu",
        task.folder / "nlu.yml",
        "--config",
        task.folder / f"{name}.yml",
        "--out",
        task.folder,
        "--fixed-model-name",
        name,
    ]
    cache = {"RASA_CACHE_DIRECTORY": str(task.folder / f"{name}.cache")}  # no seed reuses the cache of another
    cost = run(command, task.folder / f"{name}.log", {**task.environment, **cache})
    worker = Worker(
        [task.rasa_python, str(WORKER), "rasa", str(model), str(task.folder / "texts.json")], task.environment
    )
    found = worker.parse()
    figures: dict[str, Any] = {
        "training CPU s": cost.cpu_s,
        "training wall s": cost.wall_s,
        "training peak MiB": cost.peak_mib,
        "resident MiB": worker.resident_mib(),
    }
    worker.close()
    return figures | (score(task.test, found) if scored else {})


def score(examples: list[Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    from cnlu.evaluation.metrics import evaluate

    head = summary(evaluate(examples, found))
    return {key.replace("_", " "): value for key, value in head.items() if key != "n"}


def markdown(runs: dict[str, list[dict[str, Any]]]) -> str:
    """A row per figure: the mean over the seeds, with ± the sample standard deviation for two or more."""
    titles = list(runs["cnlu"][0])
    rows = [[title, *(_shown([one[title] for one in figures]) for figures in runs.values())] for title in titles]
    return table(["", *runs], rows)


def _shown(values: list[Any]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return ""
    digits = 3 if max(map(abs, numbers)) <= 1 else 1
    spread = f" ± {statistics.stdev(numbers):.{digits}f}" if len(numbers) > 1 else ""
    return f"{statistics.mean(numbers):.{digits}f}{spread}"


if __name__ == "__main__":
    main()
