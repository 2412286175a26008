"""Few-shot curves: accuracy from a few examples per intent, with an encoder, without one, and for JointBERT.

    python benchmarks/few_shot.py DATA_DIR... --encoder DIR [--shots 5 10 20] [--draws 5] [--bf16]
                                  [--systems sparse default encoder jointbert] [--keep DIR] [--out FIGURES.json]

DATA_DIR has the layout that accuracy.py expects. For k shots and draw d, a random generator seeded by (d, k) samples
min(k, available) examples of every intent of the train part. Draws are not nested: the 5 shots of draw 1 are not a
subset of its 10. The dictionaries of a data set (lookup tables, regexes, synonyms) are left out, because JointBERT
cannot use them, and so is its dev file: each system holds out its default share of the draw, a tenth. All systems train
on the same draw, with d as the seed, through their command lines with default settings, and are evaluated on the whole
test split.

    sparse      cnlu train DRAW --encoder none
    default     cnlu train DRAW
    encoder     cnlu train DRAW --encoder DIR
    jointbert   jointbert.py DIR DATA_DIR --train DRAW     (with --bf16, if given)

A finished run is kept in --keep, without its model, and not repeated, unless the draw, the test split, the encoder
or the code have changed since. `--reuse SYSTEM...` uses the runs of these systems even then.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accuracy import fingerprint, headline, part
from measure import CHECKOUT, machine, megabytes, run, table

JOINTBERT = CHECKOUT / "benchmarks" / "jointbert.py"
SYSTEMS = ("sparse", "default", "encoder", "jointbert")
OWN = ("sparse", "default")
"""Systems that need no --encoder"""

Run = dict[str, Any]


def main() -> None:
    arguments = _arguments()
    sets = {folder.resolve().name: folder for folder in arguments.data}
    if len(sets) < len(arguments.data):
        sys.exit("Two of the data folders have the same name; rename one.")
    if arguments.encoder is None and set(arguments.systems) - set(OWN):
        sys.exit("--encoder is missing: name the encoder's directory, or run --systems sparse default.")
    figures: dict[str, dict[int, Any]] = {}
    for name, folder in sets.items():
        for shots in arguments.shots:
            figures.setdefault(name, {})[shots] = point(arguments, name, folder, shots)
        print(
            f"\n{name}: frame accuracy on the whole test split, mean ± sample standard deviation of "
            f"{arguments.draws} draws\n\n{markdown(figures[name])}\n",
            flush=True,
        )
    report = {
        "encoder": arguments.encoder and arguments.encoder.resolve().name,
        "draws": arguments.draws,
        "bf16": arguments.bf16,
        "machine": machine(),
        "sets": figures,
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Frame accuracy from few examples per intent.")
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA_DIR", help="holds train and test")
    parser.add_argument("--encoder", type=Path, metavar="DIR", help="the encoder of both systems with an encoder")
    parser.add_argument("--shots", nargs="+", type=int, default=[5, 10, 20], metavar="K", help="examples per intent")
    parser.add_argument("--draws", type=int, default=5, metavar="N", help="draws for each number of shots")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--bf16", action="store_true", help="JointBERT trains under bfloat16 autocast")
    parser.add_argument("--keep", type=Path, default=Path("out/few-shot"), metavar="DIR")
    parser.add_argument("--reuse", nargs="+", choices=SYSTEMS, default=[], help="use their runs of other code too")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json", help="where to write all figures")
    return parser.parse_args()


def point(arguments: argparse.Namespace, name: str, folder: Path, shots: int) -> dict[str, Any]:
    """The runs of all draws and systems at one number of shots, and their summary."""
    runs: dict[str, list[Run]] = {system: [] for system in arguments.systems}
    for draw in range(1, arguments.draws + 1):
        place = arguments.keep / name / f"k-{shots}" / f"draw-{draw}"
        count = write_draw(folder, shots, draw, place / "draw.jsonl")
        for system in arguments.systems:
            found = one_run(arguments, folder, place, draw, system)
            runs[system].append({"draw": draw, "examples": count, "figures": found["figures"]})
    frames = {system: [one["figures"]["frame accuracy"] for one in done] for system, done in runs.items()}
    return {
        "examples": statistics.fmean(one["examples"] for one in runs[arguments.systems[0]]),
        "frame_accuracy": {system: _spread(values) for system, values in frames.items()},
        "gains": gains(frames),
        "runs": runs,
    }


def write_draw(folder: Path, shots: int, draw: int, target: Path) -> int:
    """Write the examples of one draw as JSON lines. Returns their number."""
    from cnlu.data.jsonl import write_jsonl
    from cnlu.data.load import load_data
    from cnlu.data.schema import Example

    train = part(folder, "train")
    if train is None or part(folder, "test") is None:
        sys.exit(f"{folder}: needs train and test, as .jsonl, .yml or folders.")
    by_intent: dict[str, list[Example]] = {}
    for example in load_data(train).examples:
        by_intent.setdefault(example.intent or "", []).append(example)
    rng = random.Random(f"draw {draw} of {shots} shots")
    chosen = [
        example
        for intent in sorted(by_intent)
        for example in rng.sample(by_intent[intent], min(shots, len(by_intent[intent])))
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(chosen, target)
    return len(chosen)


def one_run(arguments: argparse.Namespace, folder: Path, place: Path, draw: int, system: str) -> Run:
    """Train and evaluate one system on one draw, or load the kept results."""
    place, examples, test = place / system, place / "draw.jsonl", part(folder, "test")
    is_jointbert, options = system == "jointbert", ["--bf16"] if system == "jointbert" and arguments.bf16 else []
    inputs = [examples, test, None if system in OWN else arguments.encoder, JOINTBERT if is_jointbert else None]
    mark = " ".join([fingerprint(path for path in inputs if path), *options])
    done = place / "run.json"
    if done.exists():
        kept: Run = json.loads(done.read_text("utf-8"))
        if system in arguments.reuse or kept["mark"] == mark:
            return kept
    shutil.rmtree(place, ignore_errors=True)
    print(f"{place}: training", flush=True)
    if is_jointbert:
        command = [
            sys.executable,
            JOINTBERT,
            arguments.encoder,
            folder,
            "--train",
            examples,
            "--seed",
            str(draw),
            "--keep",
            place / "report",
            *options,
        ]
        cost, size = run(command, place / "train.log"), None
    else:
        encoders = {"sparse": ["--encoder", "none"], "default": [], "encoder": ["--encoder", arguments.encoder]}
        command = [
            sys.executable,
            "-m",
            "cnlu",
            "train",
            examples,
            "--out",
            place / "model",
            "--seed",
            str(draw),
            *encoders[system],
        ]
        cost = run(command, place / "train.log")
        run(
            [sys.executable, "-m", "cnlu", "evaluate", place / "model", str(test), "--out", place / "report"],
            place / "evaluate.log",
        )
        size = round(megabytes(place / "model"), 2)
        shutil.rmtree(place / "model")
    metrics = json.loads((place / "report" / "metrics.json").read_text("utf-8"))
    found = {
        "metrics": metrics,
        "training": cost.to_dict(),
        "model_mb": size,
    }  # JointBERT's cost includes its evaluation
    finished = {"mark": mark, "figures": headline(found)}
    done.write_text(json.dumps(finished), encoding="utf-8")
    return finished


def gains(frames: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """The gain over each of the others on the same draws: of the default system, else of `encoder`, else of the first.

    The mean of the paired differences, with a 95 % interval from a bootstrap over the draws.
    """
    import numpy as np

    from cnlu.evaluation.bootstrap import mean_interval

    subject = next((name for name in ("default", "encoder") if name in frames), next(iter(frames)))
    found = {}
    for other in frames.keys() - {subject}:
        gain = mean_interval(np.array(frames[subject]) - np.array(frames[other]))
        found[f"{subject} - {other}"] = {"mean": gain.value, "low": gain.low, "high": gain.high}
    return dict(sorted(found.items()))


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": statistics.fmean(values), "sd": statistics.stdev(values) if len(values) > 1 else 0.0}


def markdown(points: dict[int, dict[str, Any]]) -> str:
    """One row for each number of shots."""
    head, rows = [], []
    for shots, content in points.items():
        head = ["k", "examples", *content["frame_accuracy"], *content["gains"]]
        means = ["{mean:.3f} ± {sd:.3f}".format(**figure) for figure in content["frame_accuracy"].values()]
        better = ["{mean:+.3f} ({low:+.3f} to {high:+.3f})".format(**gain) for gain in content["gains"].values()]
        rows.append([str(shots), f"{content['examples']:.0f}", *means, *better])
    return table(head, rows)


if __name__ == "__main__":
    main()
