"""Accuracy and training cost over several seeds, through the real command line.

    python benchmarks/accuracy.py DATA_DIR... [--seeds 1 2 3] [--encoder DIR|NAME [--int8]] [--config F.yaml]
                                  [--split test|dev] [--keep DIR] [--out FIGURES.json]

Each DATA_DIR holds `train`, `test` and optionally `dev`: JSONL files (train.jsonl), YAML files (train.yml) or
folders. For every set and seed, one process trains and another evaluates, with the default settings. `--split dev`
reports the dev split instead, on which settings are tuned. Without a dev file, its figures are those of the tenth that
training held out.

A finished training is kept in --keep and not repeated, unless its examples, the settings or the code of cnlu
have changed since. `--reuse` uses it even then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from measure import CHECKOUT, machine, megabytes, run, table

SUFFIXES = (".jsonl", "", ".yml", ".yaml")

Run = dict[str, Any]


def main() -> None:
    arguments = _arguments()
    sets = {folder.resolve().name: folder for folder in arguments.data}
    if len(sets) < len(arguments.data):
        sys.exit("Two of the data folders have the same name; rename one.")
    figures = {}
    for name, folder in sets.items():
        runs = [one_run(arguments, name, folder, seed) for seed in arguments.seeds]
        figures[name] = {"summary": summary(runs), "runs": runs}
    report = {"split": arguments.split, "seeds": arguments.seeds, "machine": machine(), "sets": figures}
    if arguments.out:
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(
        f"\n{arguments.split} split, mean ± sample standard deviation of seeds {', '.join(map(str, arguments.seeds))}\n"
    )
    print(markdown(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Accuracy and training cost over several seeds.")
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA_DIR", help="holds train, test, optionally dev")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="N")
    parser.add_argument(
        "--encoder", default="none", metavar="DIR|NAME", help="as in cnlu train; here none is the default"
    )
    parser.add_argument("--int8", action="store_true", help="store the encoder in 8 bits")
    parser.add_argument("--config", type=Path, metavar="F.yaml", help="settings other than the default ones")
    parser.add_argument("--split", choices=("test", "dev"), default="test", help="what to report")
    parser.add_argument("--keep", type=Path, default=Path("out/accuracy"), metavar="DIR")
    parser.add_argument("--reuse", action="store_true", help="use kept results of other code or settings too")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json", help="where to write all figures")
    return parser.parse_args()


def one_run(arguments: argparse.Namespace, name: str, folder: Path, seed: int) -> Run:
    """Train and evaluate one set with one seed, or load the kept results."""
    train, dev, test = (part(folder, which) for which in ("train", "dev", "test"))
    if train is None or (test is None and arguments.split == "test"):
        sys.exit(f"{folder}: needs train and test, as .jsonl, .yml or folders.")
    place = arguments.keep / name / f"seed-{seed}"
    encoder = Path(arguments.encoder) if Path(arguments.encoder).is_dir() else None
    mark = fingerprint(path for path in (train, dev, arguments.config, encoder) if path) + "-int8" * arguments.int8
    mark += "" if arguments.encoder == "none" else "-" + Path(arguments.encoder).name
    trained = _kept(place / "trained.json", mark, arguments.reuse)
    if trained is None:
        shutil.rmtree(place, ignore_errors=True)
        print(f"{name}, seed {seed}: training", flush=True)
        command = [
            sys.executable,
            "-m",
            "cnlu",
            "train",
            train,
            "--out",
            place / "model",
            "--seed",
            str(seed),
            "--device",
            "cpu",
            *(["--dev", dev] if dev else []),
            "--encoder",
            arguments.encoder,
            *(["--int8"] if arguments.int8 else []),
            *(["--config", arguments.config] if arguments.config else []),
        ]
        cost = run(command, place / "train.log")
        trained = {"mark": mark, "training": cost.to_dict(), "model_mb": round(megabytes(place / "model"), 2)}
        (place / "trained.json").write_text(json.dumps(trained), encoding="utf-8")
    if arguments.split == "dev" and dev is None:
        metrics = json.loads((place / "model" / "training.json").read_text("utf-8"))["dev"]
        if metrics is None:
            sys.exit(f"{folder}: too small for a dev split; give it one, or report --split test.")
    else:
        metrics = _evaluated(place, arguments.split, dev if arguments.split == "dev" else test, mark)
    return {"seed": seed, **{key: trained[key] for key in ("training", "model_mb")}, "metrics": metrics}


def part(folder: Path, which: str) -> Path | None:
    """The file or folder of one split."""
    return next((path for suffix in SUFFIXES if (path := folder / f"{which}{suffix}").exists()), None)


def fingerprint(inputs: Iterable[Path]) -> str:
    """A hash of the inputs (examples, settings, encoder) and of cnlu's code, which contains the default settings."""
    digest = hashlib.sha256()
    for root in [*inputs, CHECKOUT / "cnlu"]:
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file() and p.suffix != ".pyc")
        for file in files:
            digest.update(f"{file.name}\n{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _kept(path: Path, mark: str, reuse: bool) -> dict[str, Any] | None:
    if not path.exists():
        return None
    kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return kept if reuse or kept["mark"] == mark else None


def _evaluated(place: Path, split: str, data: Path | None, mark: str) -> dict[str, Any]:
    report = place / f"report-{split}"
    if not (report / "metrics.json").exists():
        command = [sys.executable, "-m", "cnlu", "evaluate", place / "model", str(data), "--out", report]
        run(command, place / f"evaluate-{split}.log")
    metrics: dict[str, Any] = json.loads((report / "metrics.json").read_text("utf-8"))
    return metrics


def headline(one: Run) -> dict[str, float | None]:
    """The figures of one run that the table shows; None where they do not apply to the data."""
    metrics = one["metrics"]
    intent, entity = metrics["intent"] or {}, metrics["entity"] or {}
    return {
        "entity F1": entity.get("f1"),
        "intent accuracy": intent.get("accuracy"),
        "intent macro F1": intent.get("macro_f1"),
        "frame accuracy": metrics["frame_accuracy"],
        "ECE": intent.get("ece"),
        "unreachable": metrics["unreachable_entities"],
        "training CPU s": one["training"]["cpu_s"],
        "peak MiB": one["training"]["peak_mib"],
        "model MB": one["model_mb"],
    }


def summary(runs: list[Run]) -> dict[str, dict[str, float] | None]:
    """Mean, sample standard deviation (0 for one seed), minimum and maximum of every figure."""
    heads = [headline(one) for one in runs]
    figures: dict[str, dict[str, float] | None] = {}
    for name in heads[0]:
        values = [value for head in heads if (value := head[name]) is not None]
        figures[name] = (
            {
                "mean": statistics.fmean(values),
                "sd": statistics.stdev(values) if len(values) > 1 else 0.0,
                "min": min(values),
                "max": max(values),
            }
            if values
            else None
        )
    return figures


def markdown(figures: dict[str, Any]) -> str:
    """A table with one row per data set."""
    head = ["set"]
    rows = []
    for name, content in figures.items():
        head = ["set", *content["summary"]]
        rows.append([name, *(_cell(title, figure) for title, figure in content["summary"].items())])
    return table(head, rows)


def _cell(title: str, figure: dict[str, float] | None) -> str:
    if figure is None:
        return "-"
    digits = {"unreachable": 0, "training CPU s": 0, "peak MiB": 0, "model MB": 1}.get(title, 3)
    if title == "unreachable":
        return f"{figure['max']:.0f}"
    return f"{figure['mean']:.{digits}f} ± {figure['sd']:.{digits}f}"


if __name__ == "__main__":
    main()
