"""Groups of entities in unseen phrasing and with unseen values, compared with DIET on the same examples.

    python benchmarks/groups.py [--seeds 1 2 3] [--rasa RASA_ENV/bin/python] [--epochs 100] [--examples 200]
                                [--set KEY=VALUE] [--keep DIR] [--out FIGURES.json]

Each seed draws its own sentences: --examples to train on (orders of one to three items, and small talk) and three tests
of 300 orders each: training phrasing with other values, other phrasing with training values, and other phrasing with
other values. The other values are in no training sentence but in the lookup tables, as in a bot with a menu; DIET uses
the tables too. An item has a drink and optionally a size, a count, a temperature and an extra. Entities that all items
share and those of an order of one item have no group. Training and other phrasing have separate lists of openers,
separators, closers and item templates.

    found          gold entities that were predicted with their type
    right of found the share of those with the right group (or rightly none), in orders of several items
    pairs right    orders of two items whose entities and groups are all right
    pairs, found   the share of right groups among the orders of two items with all entities right
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groups_examples import TESTS, write_data
from measure import environment, machine, rasa_environment, run, table
from speed import Worker
from train_rasa import PIPELINE, convert

from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.evaluation.frames import gold_frame, predicted_frame

WORKER = Path(__file__).with_name("parse_worker.py")
FIGURES = ("found", "right of found", "pairs right", "pairs, found")


def main() -> None:
    arguments = _arguments()
    arguments.keep.mkdir(parents=True, exist_ok=True)
    runs: dict[str, list[dict[str, float]]] = {}
    for seed in arguments.seeds:
        data = arguments.keep / f"data-{seed}"
        write_data(data, arguments.examples, seed)
        parsed = {"cnlu": by_cnlu(arguments, data, seed)}
        if arguments.rasa:
            parsed["DIET"] = by_diet(arguments, data, seed)
        for system, tests in parsed.items():
            for name, found in tests.items():
                gold = load_data([data / f"{name}.jsonl"]).examples
                runs.setdefault(f"{system}, {name}", []).append(measured(gold, found))
                print(f"seed {seed}: {system}, {name}: {runs[f'{system}, {name}'][-1]}", flush=True)
    print("\n" + markdown(runs))
    if arguments.out:
        report = {"machine": machine(), "seeds": arguments.seeds, "examples": arguments.examples, "runs": runs}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Groups of entities in unseen phrasing.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--rasa", metavar="PYTHON", help="the Python that has Rasa 3.6.21; measures DIET too")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of DIET; 100 in Rasa's default pipeline")
    parser.add_argument("--examples", type=int, default=200, help="number of training examples")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of cnlu")
    parser.add_argument("--keep", type=Path, default=Path("out/groups"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    return parser.parse_args()


def by_cnlu(arguments: argparse.Namespace, data: Path, seed: int) -> dict[str, list[dict[str, Any]]]:
    model = arguments.keep / f"cnlu-{seed}"
    options = [part for pair in arguments.set for part in ("--set", pair)]
    run(
        [
            sys.executable,
            "-m",
            "cnlu",
            "train",
            data / "train",
            "--out",
            model,
            "--force",
            "--device",
            "cpu",
            "--seed",
            str(seed),
            "--encoder",
            "none",
            *options,
        ],
        model.with_suffix(".log"),
    )
    return _parsed([sys.executable, str(WORKER), "cnlu", str(model)], data, environment())


def by_diet(arguments: argparse.Namespace, data: Path, seed: int) -> dict[str, list[dict[str, Any]]]:
    out = (arguments.keep / f"diet-{seed}").resolve()
    out.mkdir(exist_ok=True)
    kept, left_out = convert([str(data / "train")], out / "nlu.yml", None)
    assert not left_out, kept
    config = PIPELINE.format(epochs=arguments.epochs, seed=seed)
    config = config.replace("- name: RegexFeaturizer", "- {name: RegexFeaturizer, use_word_boundaries: false}")
    (out / "config.yml").write_text(config, encoding="utf-8")
    env = {**rasa_environment(), "RASA_CACHE_DIRECTORY": str(out / "cache")}
    run(
        [
            arguments.rasa,
            "-m",
            "rasa",
            "train",
            "nlu",
            "--nlu",
            out / "nlu.yml",
            "--config",
            out / "config.yml",
            "--out",
            out,
            "--fixed-model-name",
            "diet",
        ],
        out / "train.log",
        env,
    )
    return _parsed([arguments.rasa, str(WORKER), "rasa", str(out / "diet.tar.gz")], data, env)


def _parsed(command: list[str], data: Path, env: dict[str, str]) -> dict[str, list[dict[str, Any]]]:
    """The parse results of the tests."""
    results = {}
    for name in TESTS:
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as texts:
            json.dump([example.text for example in load_data([data / f"{name}.jsonl"]).examples], texts)
            texts.flush()
            worker = Worker([*command, texts.name], env)
            results[name] = worker.parse()
            worker.close()
    return results


def measured(gold: Sequence[Example], parsed: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The figures that the module's docstring describes."""
    frames = [(gold_frame(e).entities, predicted_frame(p).entities) for e, p in zip(gold, parsed, strict=True)]
    entities = sum(len(annotated) for annotated, _ in frames)
    found_entities = sum(
        len({e[:3] for e in annotated} & {e[:3] for e in predicted}) for annotated, predicted in frames
    )
    grouped = [(annotated, predicted) for annotated, predicted in frames if any(e[4] for e in annotated)]
    found = sum(len({e[:3] for e in annotated} & {e[:3] for e in predicted}) for annotated, predicted in grouped)
    pairs = [(annotated, predicted) for annotated, predicted in grouped if max(e[4] or "" for e in annotated) == "2"]
    whole = [
        (annotated, predicted)
        for annotated, predicted in pairs
        if {e[:3] for e in annotated} == {e[:3] for e in predicted}
    ]
    figures = (
        found_entities / entities,
        sum(len(annotated & predicted) for annotated, predicted in grouped) / max(1, found),
        sum(annotated == predicted for annotated, predicted in pairs) / len(pairs),
        sum(annotated == predicted for annotated, predicted in whole) / max(1, len(whole)),
    )
    return {name: round(figure, 4) for name, figure in zip(FIGURES, figures, strict=True)}


def markdown(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """A row per system and test: the mean over the seeds, with ± the sample standard deviation for two or more."""
    rows = []
    for name, figures in runs.items():
        values = [[one[key] for one in figures] for key in FIGURES]
        spread = [f" ± {statistics.stdev(v):.3f}" if len(v) > 1 else "" for v in values]
        rows.append([name, *(f"{statistics.mean(v):.3f}{s}" for v, s in zip(values, spread, strict=True))])
    return table(["", *FIGURES], rows)


if __name__ == "__main__":
    main()
