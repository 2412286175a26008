"""Does augmentation pay? The gain of each kind of augmentation when there are few examples.

    python benchmarks/augmentation.py DATA_DIR... [--shots 10 20] [--draws 5] [--ways synonyms homophones ...]
                                      [--set training.max_epochs=2 ...] [--keep DIR] [--out FIGURES.json]

DATA_DIR has the layout that accuracy.py expects. Draws are those of few_shot.py: min(k, available) examples of every
intent, by a random generator seeded by (k, d) alone. All runs, `plain` included, also use the dictionaries of the train
part (lookup tables, regexes, synonyms), because value substitution takes values from lookup tables too. Each way trains
on sparse features with the default settings and its own (WAYS), with d as the seed, and is evaluated on the *dev* part,
never on the test part. Without a dev part, a stratified tenth of the train part is held out first, and draws come from
the rest; --keep contains both. Gains are paired by draw, with 95 % intervals from a bootstrap over the draws.

Augmentation at most doubles the examples (five times as many with all ways together), but training plans its epochs by
steps (`planned_epochs` in cnlu/training/fit/loop.py): every way takes as many steps as `plain`, about 600, so longer
training does not explain a gain. Above 1,280 examples including copies, `training.epochs` plans more steps, at most
twice as many; the column `steps` shows the planned number.

A finished run is kept in --keep, without its model, and not repeated, unless draw, dictionaries, dev part, settings or
the code have changed since. With `--reuse`, the code may have changed.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import statistics
import sys
from pathlib import Path

import numpy as np
from accuracy import fingerprint, headline, part
from few_shot import write_draw
from measure import machine, table
from pretraining_pays import cnlu_in_process

from cnlu.config.files import load_config
from cnlu.data.jsonl import write_jsonl
from cnlu.data.load import load_data
from cnlu.data.schema import NluData
from cnlu.data.split import stratified_split
from cnlu.data.yaml_writer import write_yaml
from cnlu.evaluation.bootstrap import mean_interval

PLAIN = "plain"
ALONE = {"value_substitution": 0.5, "synonym_replacement": 0.3, "homophones": 0.1, "drop_fillers": 0.5}
WAYS = {**{name: {name: chance} for name, chance in ALONE.items()}, "all four": ALONE}
"""Row name: settings of the section `training`"""
FIGURES = ("frame accuracy", "intent accuracy", "entity F1")
NO_COST = {"cpu_s": None, "peak_mib": None}


def main() -> None:
    arguments = _arguments()
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for folder in arguments.data:
        source = prepared(arguments, folder)
        for shots in arguments.shots:
            point = f"{folder.resolve().name}, k={shots}"
            for draw in range(1, arguments.draws + 1):
                for way in (PLAIN, *arguments.ways):
                    found = one_run(arguments, source, shots, draw, way)
                    results.setdefault(point, {}).setdefault(way, []).append(found)
            print(
                f"\n{point}: on dev, gains over plain, paired by draw (95 %)\n\n{markdown([results[point]])}\n",
                flush=True,
            )
    print(f"\nover all draws: gains over plain (95 %)\n\n{markdown(list(results.values()))}\n")
    report = {
        "machine": machine(),
        "settings": {k: str(v) for k, v in vars(arguments).items()},
        "ways": WAYS,
        "results": results,
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What augmentation changes with few examples.")
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA_DIR", help="holds train and test, optionally dev")
    parser.add_argument("--shots", nargs="+", type=int, default=[10, 20], metavar="K", help="examples per intent")
    parser.add_argument("--draws", type=int, default=5, metavar="N", help="draws for each number of shots")
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="further settings of every run",
    )
    parser.add_argument("--keep", type=Path, default=Path("out/augmentation"), metavar="DIR")
    parser.add_argument("--reuse", action="store_true", help="use the runs of other code too")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json", help="where to write all figures")
    arguments = parser.parse_args()
    if len({folder.resolve().name for folder in arguments.data}) < len(arguments.data):
        parser.error("two of the data folders have the same name; rename one.")
    for folder in arguments.data:
        if part(folder, "train") is None:
            parser.error(f"{folder}: needs train, as .jsonl, .yml or a folder.")
    return arguments


def prepared(arguments: argparse.Namespace, folder: Path) -> Path:
    """Write and return a folder with train.jsonl, dev.jsonl and the dictionaries of train, if any.

    Its test part is the dev part: the test part of the data set is not read.
    """
    target: Path = arguments.keep / folder.resolve().name
    target.mkdir(parents=True, exist_ok=True)
    data, dev_part = load_data(part(folder, "train")), part(folder, "dev")
    if dev_part is None:
        train, dev = stratified_split(data.examples, 0.1, 1)
    else:
        train, dev = data.examples, load_data(dev_part).examples
    write_jsonl(train, target / "train.jsonl")
    write_jsonl(dev, target / "dev.jsonl")
    shutil.copyfile(target / "dev.jsonl", target / "test.jsonl")  # write_draw requires a test part but does not read it
    (target / "dictionaries.yml").unlink(missing_ok=True)
    if data.lookups or data.regexes or data.synonyms:
        dictionaries = NluData(synonyms=data.synonyms, regexes=data.regexes, lookups=data.lookups)
        write_yaml(dictionaries, target / "dictionaries.yml")
    return target


def one_run(arguments: argparse.Namespace, source: Path, shots: int, draw: int, way: str) -> dict[str, float]:
    """Train one way on one draw and evaluate it, or load the kept results. Returns FIGURES and the steps."""
    place = source / f"k-{shots}" / f"draw-{draw}"
    write_draw(source, shots, draw, place / "draw.jsonl")
    dictionaries, dev = source / "dictionaries.yml", source / "dev.jsonl"
    data = [place / "draw.jsonl", *([dictionaries] if dictionaries.exists() else [])]
    settings = [*(f"training.{name}={value}" for name, value in WAYS.get(way, {}).items()), *arguments.overrides]
    place = place / way.replace(" ", "-")
    done, mark = place / "run.json", {"inputs": fingerprint([*data, dev]), "settings": settings}
    if done.exists():
        kept = json.loads(done.read_text("utf-8"))
        if kept["mark"]["settings"] == settings and (arguments.reuse or kept["mark"] == mark):
            return kept["figures"]
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    print(f"{place}: training", flush=True)
    overrides = [word for one in settings for word in ("--set", one)]
    options = ["--encoder", "none", "--seed", draw, "--device", "cpu", *overrides]
    cnlu_in_process("train", *data, "--out", place / "model", *options, log=place / "train.log")
    cnlu_in_process("evaluate", place / "model", dev, "--out", place / "report", log=place / "evaluate.log")
    metrics = json.loads((place / "report" / "metrics.json").read_text("utf-8"))
    heads = headline({"metrics": metrics, "training": NO_COST, "model_mb": None})
    figures = {**{name: heads[name] for name in FIGURES}, **_planned(place / "train.log", settings)}
    shutil.rmtree(place / "model")
    shutil.rmtree(place / "report")
    done.write_text(json.dumps({"mark": mark, "figures": figures}), encoding="utf-8")
    return figures


def _planned(log: Path, settings: list[str]) -> dict[str, float]:
    """The number of training examples, copies included, and the steps of all planned epochs."""
    plan = re.search(r"^(\d+) examples((?: and \d+ [^,\n]+)*), .* (\d+) epochs at most$", log.read_text("utf-8"), re.M)
    if plan is None:
        sys.exit(f"{log}: does not say how many examples and epochs there were.")
    examples = int(plan[1]) + sum(map(int, re.findall(r"and (\d+) ", plan[2])))
    steps = math.ceil(examples / load_config(None, settings).training.batch_size) * int(plan[3])
    return {"examples": examples, "steps": steps}


def markdown(points: list[dict[str, list[dict[str, float]]]]) -> str:
    """A row for each way: its frame accuracy over all draws of `points`, and its mean gains over plain."""
    rows = []
    for way in points[0]:
        runs = [run for point in points for run in point[way]]
        plain = [run for point in points for run in point[PLAIN]]
        counts = [f"{statistics.fmean(run[name] for run in runs):.0f}" for name in ("examples", "steps")]
        gains = [_gain(runs, plain, name) if way != PLAIN else "" for name in FIGURES]
        rows.append([way, *counts, f"{statistics.fmean(run[FIGURES[0]] for run in runs):.3f}", *gains])
    return table(["way", "examples", "steps", FIGURES[0], *(f"gain in {name}" for name in FIGURES)], rows)


def _gain(runs: list[dict[str, float]], plain: list[dict[str, float]], name: str) -> str:
    """The mean gain of paired runs; empty where the figure does not apply to the data."""
    pairs = [(run[name], base[name]) for run, base in zip(runs, plain, strict=True)]
    pairs = [pair for pair in pairs if None not in pair]
    if not pairs:
        return ""
    gain = mean_interval(np.array([value - base for value, base in pairs]))
    return f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"


if __name__ == "__main__":
    main()
