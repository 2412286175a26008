"""Does continued pretraining pay? Held-out accuracy and few-shot NLU before and after, for each recipe.

    python benchmarks/pretraining_pays.py DATA_DIR... --encoder DIR --text TEXT... [--recipes word ngram ...]
                                          [--steps 600] [--shots 10 20] [--draws 5] [--tuning frozen|full]
                                          [--lexicon F...] [--similar F.npz] [--general F.txt.xz]
                                          [--general-lines 20000] [--set run.learning_rate=X ...] [--keep DIR]
                                          [--out FIGURES.json]

The text is TEXT, the sentences of the *train* parts of the DATA_DIRs without annotations, and a uniform sample of the
lines of --general. A recipe is a masking strategy; `similar`: n-grams with similar words; `shuffled`: the same with the
neighbours of all words exchanged, which shows whether similarity matters; or `head`, for an encoder without a head for
masked language: n-grams, but only the new head is trained and the encoder's weights stay the same. Every recipe uses
the same text, steps and seed; `before` is the original encoder.

NLU: for each DATA_DIR and each draw of few_shot.py (min(k, available) examples per intent), a model is trained on the
encoder, frozen under one small network or tuned with default settings, and evaluated on the whole test part. Gains are
paired by draw, with 95 % intervals from a bootstrap over all draws. Finished parts are kept and not repeated.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from accuracy import part
from few_shot import write_draw
from measure import machine, run, table

from cnlu.cli import main as main_of_cnlu
from cnlu.data.load import load_data
from cnlu.data.unlabelled import read_texts
from cnlu.evaluation.bootstrap import mean_interval
from cnlu_pretrain.evaluation.nlu_probe import SETTINGS
from cnlu_pretrain.similar.table import load_table

BEFORE, HEAD = "before", "head"
SIMILAR, SHUFFLED = "similar", "shuffled"
RECIPES = ("token", "word", "ngram", "span", "entity", SIMILAR, SHUFFLED, HEAD)


def main() -> None:
    arguments = _arguments()
    corpus = prepare_corpus(arguments)
    results: dict[str, dict[str, Any]] = {}
    encoders = {recipe: pretrain(arguments, corpus, recipe) for recipe in arguments.recipes}
    for recipe, encoder in {BEFORE: arguments.encoder, **encoders}.items():
        accuracy = held_out(encoders[arguments.recipes[0]], 0) if recipe == BEFORE else held_out(encoder, -1)
        results[recipe] = {"held_out": accuracy, "frames": nlu(arguments, recipe, encoder)}
        print(markdown(results, arguments), flush=True)
    report = {"machine": machine(), "settings": {k: str(v) for k, v in vars(arguments).items()}, "results": results}
    if arguments.out:
        arguments.out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What continued pretraining changes for NLU.")
    parser.add_argument("data", nargs="+", type=Path, metavar="DATA_DIR", help="holds train and test")
    parser.add_argument("--encoder", required=True, type=Path, metavar="DIR")
    parser.add_argument("--text", nargs="+", required=True, metavar="TEXT")
    parser.add_argument("--recipes", nargs="+", choices=RECIPES, default=["word", "ngram"])
    parser.add_argument("--steps", type=int, default=600, metavar="N")
    parser.add_argument("--shots", nargs="+", type=int, default=[10, 20], metavar="K")
    parser.add_argument("--draws", type=int, default=5, metavar="N")
    parser.add_argument("--tuning", choices=("frozen", "full"), default="frozen")
    parser.add_argument("--lexicon", nargs="+", default=[], metavar="F")
    parser.add_argument("--similar", type=Path, metavar="F.npz")
    parser.add_argument("--general", type=Path, metavar="F.txt.xz")
    parser.add_argument("--general-lines", type=int, default=20_000, metavar="N")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    parser.add_argument("--keep", type=Path, default=Path("out/pretraining-pays"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    arguments = parser.parse_args()
    if {SIMILAR, SHUFFLED} & set(arguments.recipes) and not arguments.similar:
        parser.error("the recipes similar and shuffled need --similar F.npz")
    return arguments


def cnlu(*words: object, log: Path) -> None:
    run([sys.executable, "-m", "cnlu", *map(str, words)], log)


def cnlu_in_process(*words: object, log: Path) -> None:
    """Run a cnlu command in this process, which saves the start of hundreds of processes."""
    with open(log, "w", encoding="utf-8") as stream, redirect_stdout(stream), redirect_stderr(stream):
        code = main_of_cnlu(list(map(str, words)))
    if code:
        sys.exit(f"cnlu {words[0]} failed; see {log}")


def prepare_corpus(arguments: argparse.Namespace) -> Path:
    """The corpus of all text, prepared once."""
    corpus: Path = arguments.keep / "corpus"
    if corpus.exists():
        return corpus
    build_dataset = arguments.keep / "text"
    build_dataset.mkdir(parents=True, exist_ok=True)
    for folder in arguments.data:
        texts = [example.text for example in load_data(str(part(folder, "train"))).examples]
        (build_dataset / f"{folder.resolve().name}.txt").write_text("\n\n".join(texts) + "\n", "utf-8")
    if arguments.general:
        drawn = read_texts([arguments.general], arguments.general_lines, 1, [])
        (build_dataset / "general.txt").write_text("\n\n".join(drawn) + "\n", "utf-8")
    lexicon = ["--lexicon", *arguments.lexicon] if arguments.lexicon else []
    cnlu(
        "pretrain",
        "prepare",
        build_dataset,
        *arguments.text,
        "--encoder",
        arguments.encoder,
        "--out",
        corpus,
        *lexicon,
        log=arguments.keep / "prepare.log",
    )
    return corpus


def pretrain(arguments: argparse.Namespace, corpus: Path, recipe: str) -> Path:
    encoder: Path = arguments.keep / "encoders" / recipe
    if not encoder.exists():
        masking = ["--set", f"masking.strategy={recipe}"]
        if recipe in (SIMILAR, SHUFFLED):
            words = arguments.similar if recipe == SIMILAR else shuffled(arguments)
            masking = ["--set", "masking.strategy=ngram", "--set", "masking.replacement=similar", "--similar", words]
        if recipe == HEAD:
            masking = ["--set", f"run.head_warmup={arguments.steps}"]
        overrides = [word for one in arguments.overrides for word in ("--set", one)]
        encoder.parent.mkdir(parents=True, exist_ok=True)
        cnlu(
            "pretrain",
            "run",
            corpus,
            "--encoder",
            arguments.encoder,
            "--out",
            encoder,
            "--max-steps",
            arguments.steps,
            *masking,
            *overrides,
            log=arguments.keep / f"{recipe}.log",
        )
    return encoder


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


def held_out(encoder: Path, which: int) -> dict[str, float]:
    """The first (0) or last (-1) held-out accuracy: with the reference masking and with that of the run."""
    history = json.loads((encoder / "pretraining.json").read_text("utf-8"))["history"]
    evaluations = [entry["held_out"] for entry in history if "held_out" in entry]
    return {masking: found["masked"]["accuracy"] for masking, found in evaluations[which].items() if "masked" in found}


def nlu(arguments: argparse.Namespace, recipe: str, encoder: Path) -> dict[str, list[float]]:
    """Frame accuracy of each draw, by "set, k"."""
    found: dict[str, list[float]] = {}
    settings = [word for one in SETTINGS for word in ("--set", one)] if arguments.tuning == "frozen" else []
    for folder in arguments.data:
        for shots in arguments.shots:
            for draw in range(1, arguments.draws + 1):
                place = arguments.keep / folder.resolve().name / f"k-{shots}" / f"draw-{draw}"
                examples = place / "draw.jsonl"
                if not examples.exists():
                    write_draw(folder, shots, draw, examples)
                report = place / arguments.tuning / recipe
                if not (report / "metrics.json").exists():
                    model = place / "model"
                    shutil.rmtree(model, ignore_errors=True)
                    cnlu_in_process(
                        "train",
                        examples,
                        "--encoder",
                        encoder,
                        "--out",
                        model,
                        "--seed",
                        draw,
                        "--device",
                        "cpu",
                        *settings,
                        log=place / "train.log",
                    )
                    cnlu_in_process(
                        "evaluate", model, part(folder, "test"), "--out", report, log=place / "evaluate.log"
                    )
                    shutil.rmtree(model)
                frames = json.loads((report / "metrics.json").read_text("utf-8"))["frame_accuracy"]
                found.setdefault(f"{folder.resolve().name}, k={shots}", []).append(frames)
    return found


def markdown(results: dict[str, dict[str, Any]], arguments: argparse.Namespace) -> str:
    columns = list(results[BEFORE]["frames"])
    head = ["encoder", "held out, whole words", "as in the run", *columns, "gain over all draws (95 %)"]
    rows = []
    for recipe, found in results.items():
        accuracy = found["held_out"]
        shown = [f"{accuracy[name]:.1%}" if name in accuracy else "" for name in ("reference", "own")]
        means = [f"{statistics.fmean(found['frames'][c]):.3f} ± {_deviation(found['frames'][c]):.3f}" for c in columns]
        gain = ""
        if recipe != BEFORE:
            before = results[BEFORE]["frames"]
            interval = mean_interval(np.concatenate([np.subtract(found["frames"][c], before[c]) for c in columns]))
            gain = f"{interval.value:+.3f} ({interval.low:+.3f} to {interval.high:+.3f})"
        rows.append([recipe, *shown, *means, gain])
    return f"\nframe accuracy, mean ± deviation of {arguments.draws} draws\n\n{table(head, rows)}\n"


def _deviation(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else 0.0


if __name__ == "__main__":
    main()
