"""Does continued pretraining pay? NLU before and after, for many recipes and several encoders, by successive halving.

    python benchmarks/pretraining_pays.py DATA_DIR... --encoders DIR... --text TEXT... [--recipes wise simcse ...]
                                          [--steps 300] [--shots 10 20] [--rungs 1 2 2] [--tuning full|frozen]
                                          [--similar F.npz] [--general F.txt.xz] [--general-lines 8000]
                                          [--set run.batch_tokens=2048 ...] [--train-set KEY=VALUE ...]
                                          [--cpu-minutes N] [--keep DIR] [--out FIGURES.json]

The text is TEXT, the training sentences of the DATA_DIRs without annotations, and a sample of the lines of --general,
without lines that share text with a dev or test part. `pretraining_recipes.py` lists the recipes; `before` is the
original encoder. NLU: `cnlu train` with its default settings, which tune the whole encoder, on min(k, available)
examples of each intent; --tuning frozen puts one small network on a frozen encoder instead.

All recipes take part in the first draws (--rungs: the number of draws of each rung). After each rung, the better half
by dev frames, averaged over all draws so far, goes on. Recipes are chosen by dev alone: the dev part of a DATA_DIR, or
a fifth of its train part. The table of the test part, at the end, has the recipes of the last rung. Gains are paired by
draw, with 95 % intervals from a bootstrap over all draws.

Every finished part is kept in --keep; the same command continues after an interruption. --cpu-minutes bounds the CPU
time of one call.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import part
from measure import machine, run, table
from pretraining_recipes import NO_TABLE, RECIPES, SHUFFLED

from cnlu.cli import main as main_of_cnlu
from cnlu.data.jsonl import write_jsonl
from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.data.split import stratified_split
from cnlu.data.unlabelled import read_texts
from cnlu.evaluation.bootstrap import mean_interval
from cnlu_pretrain.evaluation.nlu_probe import SETTINGS, Examples
from cnlu_pretrain.fine_tuning.fine_tuning import FineTuning, fine_tune
from cnlu_pretrain.similar.table import load_table

BEFORE = "before"
DEV, TEST = "dev", "test"


@dataclass(frozen=True)
class Cell:
    """One model: a recipe on one draw."""

    data: str
    shots: int
    draw: int
    recipe: str

    @property
    def name(self) -> str:
        return f"{self.data}-k{self.shots}-d{self.draw}-{self.recipe}"


class OutOfTime(Exception):
    """The CPU time of this call is used up."""


def main() -> None:
    arguments = _arguments()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    _check_kept(arguments)
    write_parts(arguments)
    figures = {}
    try:
        for encoder in arguments.encoders:
            figures[encoder.name] = halving(arguments, encoder)
    except OutOfTime:
        print(f"\n{arguments.cpu_minutes:g} CPU minutes are used up; run the same command to continue")
        return
    if arguments.out:
        report = {"machine": machine(), "settings": _options(arguments), "encoders": figures}
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What continued pretraining changes for NLU.")
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA_DIR", help="holds train and test, perhaps dev")
    parser.add_argument("--encoders", required=True, nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--text", nargs="+", required=True, metavar="TEXT")
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=["ngram", "wise", "simcse", "original"])
    parser.add_argument("--steps", type=int, default=300, metavar="N")
    parser.add_argument("--shots", nargs="+", type=int, default=[10, 20], metavar="K")
    parser.add_argument("--rungs", nargs="+", type=int, default=[1, 2, 2], metavar="N", help="draws of each rung")
    parser.add_argument("--tuning", choices=("full", "frozen"), default="full")
    parser.add_argument("--similar", type=Path, metavar="F.npz")
    parser.add_argument("--lexicon", nargs="+", default=[], metavar="F")
    parser.add_argument("--general", type=Path, metavar="F.txt.xz")
    parser.add_argument("--general-lines", type=int, default=8_000, metavar="N")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--train-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--cpu-minutes", type=float, default=float("inf"), metavar="N")
    parser.add_argument("--keep", type=Path, default=Path("out/pretraining-pays"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    arguments = parser.parse_args()
    if not arguments.similar and any(RECIPES[name].table != NO_TABLE for name in arguments.recipes):
        parser.error("the recipes with similar words need --similar F.npz")
    return arguments


def _options(arguments: argparse.Namespace) -> dict[str, str]:
    return {name: str(value) for name, value in vars(arguments).items()}


def _check_kept(arguments: argparse.Namespace) -> None:
    """Ends the script where --keep holds parts of other options; more recipes, rungs and minutes change no part."""
    free = ("recipes", "rungs", "cpu_minutes", "keep", "out", "encoders", "shots")
    options = {name: value for name, value in _options(arguments).items() if name not in free}
    path = arguments.keep / "options.json"
    if not path.exists():
        _write(path, options)
    elif json.loads(path.read_text("utf-8")) != options:
        sys.exit(f"{arguments.keep} holds results of other options; name another folder with --keep")


def write_parts(arguments: argparse.Namespace) -> None:
    """The examples of each DATA_DIR as files: the pool that draws come from, dev, and test."""
    for folder in arguments.data:
        place = arguments.keep / "data" / folder.resolve().name
        if (place / f"{TEST}.jsonl").exists():
            continue
        place.mkdir(parents=True, exist_ok=True)
        pool = load_data(str(part(folder, "train"))).examples
        if dev_file := part(folder, DEV):
            dev = load_data(str(dev_file)).examples
        else:
            pool, dev = stratified_split(pool, 0.2, 1)
        for name, examples in ((DEV, dev), ("pool", pool), (TEST, load_data(str(part(folder, TEST))).examples)):
            write_jsonl(list(examples), place / f"{name}.jsonl")


def halving(arguments: argparse.Namespace, encoder: Path) -> dict[str, Any]:
    """All rungs of one encoder; prints a table after each. Returns the figures."""
    recipes, draws, figures = list(arguments.recipes), 0, {}
    for number, more in enumerate(arguments.rungs, 1):
        draws += more
        for cell in _cells(arguments, draws, [BEFORE, *recipes]):
            measure(arguments, encoder, cell)
        gains = {name: _gains(arguments, encoder, name, draws, DEV) for name in recipes}
        figures[f"rung {number}"] = _report(arguments, encoder, recipes, draws, DEV)
        if number < len(arguments.rungs):
            recipes.sort(key=lambda name: -float(np.mean(gains[name])))
            recipes = recipes[: -(-len(recipes) // 2)]
    figures[TEST] = _report(arguments, encoder, recipes, draws, TEST)
    return figures


def _cells(arguments: argparse.Namespace, draws: int, recipes: Sequence[str]) -> Iterator[Cell]:
    for draw in range(1, draws + 1):
        for folder in arguments.data:
            for shots in arguments.shots:
                for recipe in recipes:
                    yield Cell(folder.resolve().name, shots, draw, recipe)


def measure(arguments: argparse.Namespace, encoder: Path, cell: Cell) -> dict[str, Any]:
    """The results of one model, trained now unless they are kept: for dev and test, whether each frame is right."""
    path: Path = arguments.keep / encoder.name / "cells" / f"{cell.name}.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return kept
    trained = encoder if cell.recipe == BEFORE else pretrain(arguments, encoder, cell.recipe)
    place = arguments.keep / "data" / cell.data
    examples = place / f"k{cell.shots}-d{cell.draw}.jsonl"
    if not examples.exists():
        write_jsonl(_drawn(load_data(str(place / "pool.jsonl")).examples, cell), examples)
    tests = [str(place / f"{name}.jsonl") for name in (DEV, TEST)]
    settings = [*(SETTINGS if arguments.tuning == "frozen" else ()), *arguments.train_set]
    options = FineTuning(
        examples=Examples([str(examples)], tests), rounds=1, overrides=settings, device="cpu", quiet=True
    )
    print(f"{encoder.name}: {cell.name}", flush=True)
    began = time.process_time()
    right = fine_tune(trained, options, cell.draw).right
    cost = time.process_time() - began
    dev = len(load_data(tests[0]).examples)
    result = {"cpu_s": cost, DEV: [int(r) for r in right[:dev]], TEST: [int(r) for r in right[dev:]]}
    _write(path, result)
    _spend(arguments, cost)
    return result


def _drawn(pool: Sequence[Example], cell: Cell) -> list[Example]:
    """min(k, available) examples of each intent."""
    by_intent: dict[str, list[Example]] = {}
    for example in pool:
        by_intent.setdefault(example.intent or "", []).append(example)
    rng = random.Random(f"draw {cell.draw} of {cell.shots} shots")
    return [
        example
        for intent in sorted(by_intent)
        for example in rng.sample(by_intent[intent], min(cell.shots, len(by_intent[intent])))
    ]


def prepare_corpus(arguments: argparse.Namespace, encoder: Path) -> Path:
    """The corpus of all text in the encoder's tokens, without text of the dev and test parts."""
    corpus: Path = arguments.keep / encoder.name / "corpus"
    if corpus.exists():
        return corpus
    texts, data = arguments.keep / "text", arguments.keep / "data"
    texts.mkdir(exist_ok=True)
    names = [folder.resolve().name for folder in arguments.data]
    for name in names:
        lines = [example.text for example in load_data(str(data / name / "pool.jsonl")).examples]
        (texts / f"{name}.txt").write_text("\n\n".join(lines) + "\n", "utf-8")
    if arguments.general:
        sample = read_texts([arguments.general], arguments.general_lines, 1, [])
        (texts / "general.txt").write_text("\n\n".join(sample) + "\n", "utf-8")
    excluded = [str(data / name / f"{split}.jsonl") for name in names for split in (DEV, TEST)]
    lexicon = ["--lexicon", *arguments.lexicon] if arguments.lexicon else []
    words = [texts, *arguments.text, "--encoder", encoder, "--out", corpus, "--exclude", *excluded, *lexicon]
    cnlu("pretrain", "prepare", *words, log=arguments.keep / encoder.name / "prepare.log")
    return corpus


def pretrain(arguments: argparse.Namespace, encoder: Path, name: str) -> Path:
    """The encoder after a recipe; an interrupted run continues."""
    place: Path = arguments.keep / encoder.name
    out, recipe = place / "encoders" / name, RECIPES[name]
    if out.exists():
        return out
    corpus = prepare_corpus(arguments, encoder)
    steps = max(1, round(arguments.steps * recipe.steps))
    layers = json.loads((encoder / "config.json").read_text("utf-8"))["num_hidden_layers"]
    filled = [setting.format(steps=steps, half=layers // 2) for setting in recipe.settings]
    settings = [*filled, *arguments.overrides]
    words = [corpus, "--encoder", encoder, "--out", out, "--max-steps", steps, "--device", "cpu"]
    words += ["--config", "pretrain"]  # recipes are written as differences to the defaults
    words += [word for setting in settings for word in ("--set", setting)]
    if recipe.table != NO_TABLE:
        words += ["--similar", shuffled(arguments) if recipe.table == SHUFFLED else arguments.similar]
    if any((place / "encoders" / f"{name}.training").glob("step-*/state.json")):
        words.append("--resume")
    out.parent.mkdir(parents=True, exist_ok=True)
    print(f"{encoder.name}: pretraining {name}, {steps} steps", flush=True)
    spent = cnlu("pretrain", "run", *words, log=place / f"{name}.log")
    _write(place / "costs" / f"{name}.json", {"cpu_s": _cost(place, name) + spent})
    _spend(arguments, spent)
    return out


def _cost(place: Path, recipe: str) -> float:
    """CPU seconds of the pretraining so far; those of a run that was killed are not known."""
    path = place / "costs" / f"{recipe}.json"
    return float(json.loads(path.read_text("utf-8"))["cpu_s"]) if path.exists() else 0.0


def shuffled(arguments: argparse.Namespace) -> Path:
    """The table of similar words, with the neighbours of all words of one length exchanged at random."""
    path: Path = arguments.keep / "shuffled.npz"
    words = load_table(arguments.similar)
    neighbours = words.neighbours.copy()
    lengths = np.array([len(words.words[i]) for i in neighbours])
    generator = np.random.default_rng(1)
    for length in np.unique(lengths):
        group = np.flatnonzero(lengths == length)
        neighbours[group] = neighbours[generator.permutation(group)]
    replace(words, neighbours=neighbours).save(path)
    return path


def _gains(arguments: argparse.Namespace, encoder: Path, recipe: str, draws: int, split: str) -> list[float]:
    """The difference of frame accuracy to `before`, for each set, k and draw."""
    pairs = [
        (measure(arguments, encoder, cell), measure(arguments, encoder, replace(cell, recipe=BEFORE)))
        for cell in _cells(arguments, draws, [recipe])
    ]
    return [statistics.fmean(after[split]) - statistics.fmean(before[split]) for after, before in pairs]


def _report(
    arguments: argparse.Namespace, encoder: Path, recipes: Sequence[str], draws: int, split: str
) -> dict[str, Any]:
    """Prints the table of these recipes and returns its figures."""
    columns = [(folder.resolve().name, shots) for folder in arguments.data for shots in arguments.shots]
    rows, figures = [], {}
    for recipe in [BEFORE, *recipes]:
        cells = [(cell, measure(arguments, encoder, cell)) for cell in _cells(arguments, draws, [recipe])]
        frames = [
            [statistics.fmean(kept[split]) for cell, kept in cells if (cell.data, cell.shots) == column]
            for column in columns
        ]
        gain = mean_interval(np.array(_gains(arguments, encoder, recipe, draws, split)))
        minutes = _cost(arguments.keep / encoder.name, recipe) / 60
        shown = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})" if recipe != BEFORE else ""
        rows.append([recipe, f"{minutes:.1f}", *(f"{statistics.fmean(of_column):.3f}" for of_column in frames), shown])
        figures[recipe] = {
            "cpu_minutes": minutes,
            "frames": {f"{name}, k={shots}": found for (name, shots), found in zip(columns, frames, strict=True)},
            "gain": {"mean": gain.value, "low": gain.low, "high": gain.high},
        }
    head = ["recipe", "CPU minutes", *(f"{name}, k={shots}" for name, shots in columns), "gain (95 %)"]
    title = f"{encoder.name}: frame accuracy on {split}, {draws} draws, {arguments.tuning} tuning"
    print(f"\n{title}\n\n{table(head, rows)}\n", flush=True)
    return figures


def _spend(arguments: argparse.Namespace, seconds: float) -> None:
    """Counts CPU time; raises OutOfTime where this call has used all of it."""
    arguments.cpu_minutes_used = getattr(arguments, "cpu_minutes_used", 0.0) + seconds / 60
    if arguments.cpu_minutes_used >= arguments.cpu_minutes:
        raise OutOfTime


def _write(path: Path, content: dict[str, Any]) -> None:
    """Write JSON atomically: a killed run leaves no half of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(json.dumps(content), "utf-8")
    os.replace(new, path)


def cnlu(*words: object, log: Path) -> float:
    """Run a cnlu command in a process of its own; returns its CPU seconds."""
    return run([sys.executable, "-m", "cnlu", *map(str, words)], log).cpu_s


def cnlu_in_process(*words: object, log: Path) -> None:
    """Run a cnlu command in this process, which saves the start of hundreds of processes."""
    with open(log, "w", encoding="utf-8") as stream, redirect_stdout(stream), redirect_stderr(stream):
        code = main_of_cnlu(list(map(str, words)))
    if code:
        sys.exit(f"cnlu {words[0]} failed; see {log}")


if __name__ == "__main__":
    main()
