"""How well does the out-of-scope score separate sentences of held-out intents from the others?

    python benchmarks/out_of_scope.py DATA_DIR... [--draws 5] [--share 0.2] [--encoder DIR] [--keep DIR]
                                      [--out FIGURES.json]

DATA_DIR holds train and test, and optionally dev. For each draw, a share of the intents is held out of train and dev,
`cnlu train` trains a model on the rest, and the model parses every test sentence; those of the held-out intents are out
of scope. The data's own intent `out_of_scope`, if any, is not used. AUROC is the probability that a sentence out of
scope has a higher score than one in scope (ties count half), for `out_of_scope` and for 1 minus the best intent's
confidence. "at 0.5" are the shares of the sentences out of scope and in scope with a score above 0.5.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import part
from measure import machine, run, table
from numpy.typing import NDArray

import cnlu
from cnlu.config import ModelConfig
from cnlu.data.jsonl import write_jsonl
from cnlu.data.load import load_data
from cnlu.data.schema import Example

OUT_OF_SCOPE = ModelConfig().out_of_scope
FIGURES = ("AUROC, out_of_scope", "AUROC, softmax", "out of scope at 0.5", "in scope at 0.5")


def main() -> None:
    arguments = _arguments()
    rows, report = [], {"machine": machine(), "draws": arguments.draws, "sets": {}}
    for folder in arguments.data:
        found = [one_draw(arguments, folder, draw) for draw in range(1, arguments.draws + 1)]
        report["sets"][folder.resolve().name] = found
        rows.append([folder.resolve().name, *(_shown([one[figure] for one in found]) for figure in FIGURES)])
        print(table(["set", *FIGURES], rows), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The out-of-scope score compared with plain softmax.")
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA_DIR")
    parser.add_argument("--draws", type=int, default=5, metavar="N")
    parser.add_argument("--share", type=float, default=0.2, metavar="X", help="share of the intents that is held out")
    parser.add_argument("--encoder", type=Path, metavar="DIR")
    parser.add_argument("--keep", type=Path, default=Path("out/out-of-scope"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    return parser.parse_args()


def one_draw(arguments: argparse.Namespace, folder: Path, draw: int) -> dict[str, Any]:
    """Train without the held-out intents and score all test sentences."""
    place = arguments.keep / folder.resolve().name / f"draw-{draw}"
    done = place / "figures.json"
    if done.exists():
        return dict(json.loads(done.read_text("utf-8")))
    parts = {name: _examples(part(folder, name)) for name in ("train", "dev", "test")}
    intents = sorted({str(example.intent) for example in parts["train"]})
    held_out = set(random.Random(f"draw {draw}").sample(intents, round(arguments.share * len(intents))))
    place.mkdir(parents=True, exist_ok=True)
    options: list[str | Path] = ["--encoder", arguments.encoder or "none"]
    for name in ("train", "dev"):
        write_jsonl([e for e in parts[name] if e.intent not in held_out], place / f"{name}.jsonl")
    if parts["dev"]:
        options += ["--dev", place / "dev.jsonl"]
    run(
        [
            sys.executable,
            "-m",
            "cnlu",
            "train",
            place / "train.jsonl",
            "--out",
            place / "model",
            "--seed",
            str(draw),
            "--force",
            *options,
        ],
        place / "train.log",
    )
    results = cnlu.load(place / "model").parse_batch([example.text for example in parts["test"]])
    outside = np.array([example.intent in held_out for example in parts["test"]])
    scores = np.array([result["out_of_scope"] for result in results])
    plain = np.array([1.0 - result["intent"]["confidence"] for result in results])
    values = (
        auroc(scores, outside),
        auroc(plain, outside),
        (scores[outside] > 0.5).mean(),
        (scores[~outside] > 0.5).mean(),
    )
    figures = {
        "taken out": sorted(held_out),
        "n": [int((~outside).sum()), int(outside.sum())],
        **dict(zip(FIGURES, map(float, values), strict=True)),
    }
    done.write_text(json.dumps(figures, ensure_ascii=False), encoding="utf-8")
    return figures


def _examples(path: Path | None) -> list[Example]:
    if path is None:
        return []
    return [e for e in load_data([path]).examples if e.intent is not None and e.intent != OUT_OF_SCOPE]


def auroc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, as the chance that a positive scores higher than a negative, ties counting half."""
    differences = scores[positive][:, None] - scores[~positive][None]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def _shown(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


if __name__ == "__main__":
    main()
