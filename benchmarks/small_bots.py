"""How reliable the confidences and the out-of-scope score of bots with few examples are.

    python benchmarks/small_bots.py DATA_DIR [--sizes 16 25 50 100 200] [--draws 5] [--sets smp2019_ecdt railway]
                                    [--code CHECKOUT] [--name NAME] [--keep DIR] [--table NAME...]

DATA_DIR holds the folders smp2019_ecdt and faq_general. A bot has a few intents with a few examples each, drawn from a
set's train part by a random generator seeded by set, size and draw: 16 examples are 4 intents of 4, 25 are 5 of 5, 50
are 5 of 10, 100 are 10 of 10 and 200 are 10 of 20. `cnlu train` trains it with the draw as the seed. In scope are the
test sentences of its intents. Out of scope are everyday questions (faq_general) and, for a railway bot, test sentences
of smp2019_ecdt and corpora/railway/out-of-scope/test.txt; for a bot of smp2019_ecdt, railway test sentences. Travel
intents of smp2019_ecdt are not used, because they are in scope of the railway. `--part dev` evaluates on examples
outside the draw and on dev parts instead, for model selection. A finished run is a line of KEEP/NAME.jsonl and is not
repeated; `--table` prints means. The calibration error of a few dozen answers is above 0 even for perfect confidences,
so the table shows it for the answers of all draws together, and beside it the error of perfectly calibrated answers.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measure import CHECKOUT, environment, run, table

from cnlu.config import ModelConfig
from cnlu.data.jsonl import write_jsonl
from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.runtime.calibration import expected_calibration_error

SHAPES = {16: (4, 4), 25: (5, 5), 50: (5, 10), 100: (10, 10), 200: (10, 20)}
"""Examples -> intents, examples of each"""
TRAVEL = ("train.", "flight.", "bus.", "map.")
MOST = 40
"""Evaluated sentences per intent, at most; twelve times as many of another domain"""
RASA_FALLBACK = 0.3
FIGURES = ("in scope > .5", "others > .5", "accuracy", "own > .5", "own < fallback", "temperature", "cpu_s")
CHANCES = 200
"""Simulations of perfectly calibrated answers"""

Run = dict[str, Any]


def main() -> None:
    arguments = _arguments()
    if arguments.table:
        for name in arguments.table:
            print(f"\n{name}\n\n{markdown(_finished(arguments.keep / f'{name}.jsonl'))}")
        return
    file = arguments.keep / f"{arguments.name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {(one["set"], one["size"], one["draw"], one["seed"]) for one in _finished(file)}
    for draw in range(arguments.first_draw, arguments.draws + 1):
        for size in arguments.sizes:
            for name in arguments.sets:
                seed = arguments.seed or draw
                if (name, size, draw, seed) not in known:
                    found = one_bot(arguments, name, size, draw, seed)
                    with open(file, "a", encoding="utf-8") as lines:
                        lines.write(json.dumps(found) + "\n")
                    print(json.dumps(found), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Confidence and out-of-scope score of small bots.")
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--sets", nargs="+", default=["smp2019_ecdt", "railway"], choices=["smp2019_ecdt", "railway"])
    parser.add_argument("--draws", type=int, default=5, metavar="N")
    parser.add_argument("--first-draw", type=int, default=1, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the training (default: the draw)")
    parser.add_argument("--part", choices=["test", "dev"], default="test")
    parser.add_argument("--code", type=Path, default=CHECKOUT, metavar="CHECKOUT", help="whose cnlu is measured")
    parser.add_argument("--name", default="small-bots", metavar="NAME", help="name of the file of figures")
    parser.add_argument("--keep", type=Path, default=Path("out/small-bots"), metavar="DIR")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for cnlu train")
    parser.add_argument("--table", nargs="+", metavar="NAME", help="print these files' means and train nothing")
    return parser.parse_args()


def one_bot(arguments: argparse.Namespace, name: str, size: int, draw: int, seed: int) -> Run:
    """Train a bot and parse its training sentences, other sentences of its intents, and those of other domains."""
    train_examples, in_scope = sample_bot(arguments.data, name, size, draw, arguments.part)
    other_texts = others(arguments.data, name, arguments.part)
    folder = arguments.keep / arguments.name / f"{name}-{size}-{draw}-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    write_jsonl(train_examples, folder / "train.jsonl")
    settings = [part for one in arguments.set for part in ("--set", one)]
    code = environment({"PYTHONPATH": str(arguments.code.resolve()), "PYTHONSAFEPATH": "1"})  # not the current folder's
    cost = run(
        [
            sys.executable,
            "-m",
            "cnlu",
            "train",
            folder / "train.jsonl",
            "--out",
            folder / "model",
            "--force",
            "--seed",
            str(seed),
            *(["--encoder", "none"] if arguments.code == CHECKOUT else []),  # older code has no default encoder
            *settings,
        ],
        folder / "train.log",
        code,
    )
    groups = {"own": [e.text for e in train_examples], "in": [e.text for e in in_scope], **other_texts}
    (folder / "texts.json").write_text(json.dumps([t for texts in groups.values() for t in texts]), encoding="utf-8")
    run([sys.executable, "-c", PARSE, folder], folder / "parse.log", code)
    results = iter(json.loads((folder / "results.json").read_text("utf-8")))
    report = json.loads((folder / "model" / "training.json").read_text("utf-8"))
    parsed = {source: [next(results) for _ in texts] for source, texts in groups.items()}
    other_shares = {source: float(np.mean([one[2] > 0.5 for one in parsed[source]])) for source in other_texts}
    right = [one[0] == example.intent for one, example in zip(parsed["in"], in_scope, strict=True)]
    return {
        "set": name,
        "size": size,
        "draw": draw,
        "seed": seed,
        "n": len(in_scope),
        "others": other_shares,
        "in scope > .5": float(np.mean([one[2] > 0.5 for one in parsed["in"]])),
        "others > .5": float(np.mean([one[2] > 0.5 for source in other_texts for one in parsed[source]])),
        "answers": [[one[1], bool(hit)] for one, hit in zip(parsed["in"], right, strict=True)],
        "accuracy": float(np.mean(right)),
        "own > .5": float(np.mean([one[2] > 0.5 for one in parsed["own"]])),
        "own < fallback": float(np.mean([one[1] < RASA_FALLBACK for one in parsed["own"]])),
        "temperature": report["temperature"],
        "oos_scorer": report["oos_scorer"],
        "cpu_s": cost.cpu_s,
    }


PARSE = """
import json, pathlib, sys, cnlu
place = pathlib.Path(sys.argv[1])
results = cnlu.load(place / "model").parse_batch(json.loads((place / "texts.json").read_text("utf-8")))
kept = [(r["intent"]["name"], r["intent"]["confidence"], r["out_of_scope"]) for r in results]
(place / "results.json").write_text(json.dumps(kept), encoding="utf-8")
"""


def sample_bot(data: Path, name: str, size: int, draw: int, part: str) -> tuple[list[Example], list[Example]]:
    """(The training examples of a bot, the sentences of its intents to evaluate on)."""
    count, each = SHAPES[size]
    by_intent: dict[str, dict[str, Example]] = {}
    for example in examples(data, name, "train"):
        by_intent.setdefault(str(example.intent), {})[example.text] = example
    test = examples(data, name, "test")
    tested = {example.intent for example in test}
    names = sorted(i for i, candidates in by_intent.items() if len(candidates) >= each + 3 and i in tested)
    rng = random.Random(f"{name} {size} {draw}")
    chosen = rng.sample(names, count)
    train, remaining = list[Example](), list[Example]()
    for intent in chosen:
        candidates = list(by_intent[intent].values())
        rng.shuffle(candidates)
        train, remaining = train + candidates[:each], remaining + candidates[each : each + MOST]
    return train, remaining if part == "dev" else [example for example in test if example.intent in chosen]


def examples(data: Path, name: str, part: str) -> list[Example]:
    """The examples of a set's train, dev or test part, without intents that overlap with another domain."""
    path = CHECKOUT / "corpora" / "railway" / part if name == "railway" else data / name / f"{part}.jsonl"
    loaded = load_data([path]).examples
    excluded = (ModelConfig().out_of_scope, *(TRAVEL if name != "railway" else ()))
    return [example for example in loaded if example.intent and not example.intent.startswith(excluded)]


def others(data: Path, name: str, part: str) -> dict[str, list[str]]:
    """Source: sentences of other domains, none of which is in the train part of a set."""
    everyday = (data / "faq_general" / f"{part}.jsonl").read_text("utf-8").splitlines()
    texts_of = {"faq_general": [str(json.loads(line)["text"]) for line in everyday]}
    if name == "railway":
        texts_of["smp2019_ecdt"] = [example.text for example in examples(data, "smp2019_ecdt", part)]
        file = CHECKOUT / "corpora" / "railway" / "out-of-scope" / f"{part}.txt"
        texts_of["out-of-scope"] = file.read_text("utf-8").splitlines()
    else:
        texts_of["railway"] = [e.text for e in examples(data, "railway", "train" if part == "dev" else "test")]
    return {
        source: random.Random(source).sample(texts, min(len(texts), 12 * MOST)) for source, texts in texts_of.items()
    }


def markdown(runs: Sequence[Run]) -> str:
    """A row for each set and size: the mean of the draws, with the worst draw of the first two figures in brackets."""
    rows = []
    for name, size in sorted({(one["set"], one["size"]) for one in runs}):
        those = [one for one in runs if (one["set"], one["size"]) == (name, size)]
        shown = (_shown(figure, [one[figure] for one in those]) for figure in FIGURES)
        rows.append([name, str(size), str(len(those)), *shown, *calibration(those)])
    return table(["set", "examples", "runs", *FIGURES, "ECE", "by chance"], rows)


def calibration(runs: Sequence[Run]) -> tuple[str, str]:
    """(Calibration error of the answers of all runs, the expected error if their confidences were exact)."""
    answers = np.array([answer for one in runs for answer in one["answers"]], np.float64)
    rng = np.random.default_rng(1)
    confidences = answers[:, 0]
    chances = [
        expected_calibration_error(confidences, rng.random(len(confidences)) < confidences) for _ in range(CHANCES)
    ]
    return f"{expected_calibration_error(answers[:, 0], answers[:, 1]):.3f}", f"{np.mean(chances):.3f}"


def _shown(figure: str, values: list[float]) -> str:
    if figure == "temperature":
        return f"{min(values):.1f}-{max(values):.1f}"
    if figure == "cpu_s":
        return f"{statistics.fmean(values):.0f}"
    worst = {"in scope > .5": max, "others > .5": min}.get(figure)
    shown = f"{statistics.fmean(values):.2f}"
    return f"{shown} ({worst(values):.2f})" if worst else shown


def _finished(file: Path) -> list[Run]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


if __name__ == "__main__":
    main()
