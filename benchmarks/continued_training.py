"""Continued training compared with retraining: accuracy on old and new intents, and CPU time.

    python benchmarks/continued_training.py DATA_DIR [--held-out 8] [--seeds 3] [--encoder DIR] [--on test|dev]
                                            [--set training.continue_share=X ...] [--keep DIR] [--out FIGURES.json]

DATA_DIR has the layout that accuracy.py expects, with train, dev and test. Each seed holds out random intents:

    before      trains on the examples of the other intents      cnlu train OLD --dev OLD_DEV
    continued   continues with the examples of the held-out ones  cnlu train NEW --from before --dev DEV
    retrained   trains on all examples                           cnlu train ALL --dev DEV

All three use the command line with its default settings; --set applies to `continued` alone. Frame accuracy is measured
separately on the sentences of old and of new intents. CPU seconds are those of the whole command. Finished parts are
kept and not repeated.
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

from accuracy import part
from measure import machine, run, table

from cnlu.data.jsonl import write_jsonl
from cnlu.data.load import load_data
from cnlu.data.schema import Example

WAYS = ("before", "continued", "retrained")


def main() -> None:
    arguments = _arguments()
    runs = [one_seed(arguments, seed) for seed in range(1, arguments.seeds + 1)]
    print(markdown(runs))
    if arguments.out:
        report = {"machine": machine(), "settings": {k: str(v) for k, v in vars(arguments).items()}, "runs": runs}
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Continued training compared with retraining.")
    parser.add_argument("data", type=Path, metavar="DATA_DIR", help="holds train, dev and test")
    parser.add_argument("--held-out", type=int, default=8, metavar="N", help="number of intents held out")
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--encoder", type=Path, metavar="DIR")
    parser.add_argument("--on", choices=("test", "dev"), default="test")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--keep", type=Path, default=Path("out/growth"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    return parser.parse_args()


def one_seed(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """For each of WAYS, the CPU seconds and the frame accuracy on old and new intents."""
    place = arguments.keep / arguments.data.resolve().name / f"seed-{seed}"
    place.mkdir(parents=True, exist_ok=True)
    late = write_parts(arguments, place, seed)
    encoder = ["--encoder", arguments.encoder or "none"]
    continued = ["--from", place / "before", *(word for one in arguments.overrides for word in ("--set", one))]
    commands = {
        "before": ["train-old.jsonl", "dev-old.jsonl", encoder],
        "continued": ["train-new.jsonl", "dev.jsonl", continued],
        "retrained": ["train.jsonl", "dev.jsonl", encoder],
    }
    found: dict[str, Any] = {"intents held out": late}
    for way, (train, dev, more) in commands.items():
        model, done = place / way, place / f"{way}.json"
        if not done.exists():
            shutil.rmtree(model, ignore_errors=True)
            cost = run(
                [
                    sys.executable,
                    "-m",
                    "cnlu",
                    "train",
                    place / train,
                    "--dev",
                    place / dev,
                    "--out",
                    model,
                    "--seed",
                    str(seed),
                    *more,
                ],
                place / f"{way}.log",
            )
            done.write_text(json.dumps(cost.to_dict() | {"frames": frames(model, place, arguments.on)}), "utf-8")
        found[way] = json.loads(done.read_text("utf-8"))
    return found


def write_parts(arguments: argparse.Namespace, place: Path, seed: int) -> list[str]:
    """Write the files of one seed. Returns the held-out intents."""
    parts = {name: load_data(part(arguments.data, name)).examples for name in ("train", "dev", "test")}
    intents = sorted({example.intent for example in parts["train"] if example.intent is not None})
    late = sorted(random.Random(f"growth {seed}").sample(intents, arguments.held_out))

    def write(examples: Sequence[Example], name: str) -> None:
        write_jsonl(examples, place / name)

    for name, examples in parts.items():
        write(examples, f"{name}.jsonl")
        write([e for e in examples if e.intent not in late], f"{name}-old.jsonl")
        write([e for e in examples if e.intent in late], f"{name}-new.jsonl")
    return late


def frames(model: Path, place: Path, split: str) -> dict[str, float]:
    """Frame accuracy on the sentences of old and of new intents."""
    found = {}
    for kind in ("old", "new"):
        report = place / f"report-{model.name}-{kind}"
        run(
            [
                sys.executable,
                "-m",
                "cnlu",
                "evaluate",
                model,
                place / f"{split}-{kind}.jsonl",
                "--out",
                report,
                "--force",
            ],
            place / "evaluate.log",
        )
        found[kind] = json.loads((report / "metrics.json").read_text("utf-8"))["frame_accuracy"]
    return found


def markdown(runs: list[dict[str, Any]]) -> str:
    rows = []
    for way in WAYS:
        old, new = ([one[way]["frames"][kind] for one in runs] for kind in ("old", "new"))
        cpu = [one[way]["cpu_s"] for one in runs]
        share = statistics.fmean(one[way]["cpu_s"] / one["retrained"]["cpu_s"] for one in runs)
        rows.append([way, _shown(old), _shown(new), f"{statistics.fmean(cpu):.0f}", f"{share:.2f}"])
    return table(["", "frames, old intents", "frames, new intents", "CPU s", "of retraining"], rows)


def _shown(values: Sequence[float]) -> str:
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.3f} ± {spread:.3f}"


if __name__ == "__main__":
    main()
