"""Multi-intent accuracy: on synthesized pairs of sentences, on hand-written ones, and on sentences of one intent.

    python benchmarks/multi_intent.py DATA_DIR [--seeds 1 2 3] [--encoder DIR] [--pairs 400] [--keep DIR]
                                         [--out FIGURES.json]

DATA_DIR holds train and test, and optionally multi-intent/test.yml: hand-written sentences with several intents
(`corpora/railway` has all three). Models are trained by `cnlu train --set model.multi_label=true` on train alone, so
they have seen no combination of intents, and are evaluated on

    single     the unchanged test part, whose sentences have one intent each
    joined     --pairs sentences, each synthesized from two test sentences with different intents, as in training
    written    multi-intent/test.yml

The baseline is the usual model, which returns one intent. The intents are right if the set is the same; a frame is
right if its entities are right too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from accuracy import part
from measure import machine, run, table

from cnlu.data.jsonl import write_jsonl
from cnlu.data.load import load_data
from cnlu.training.data.multi_intent import synthesize_multi_intent

KINDS = {"multi-intent": ["--set", "model.multi_label=true"], "usual": []}
FIGURES = ("intents right", "intent F1", "frames right")


def main() -> None:
    arguments = _arguments()
    tests = _tests(arguments)
    runs: dict[str, dict[str, list[dict[str, float]]]] = {kind: {name: [] for name in tests} for kind in KINDS}
    for seed in arguments.seeds:
        for kind, settings in KINDS.items():
            model = arguments.keep / f"{kind}-{seed}"
            if not model.exists():
                options = ["--encoder", arguments.encoder or "none"]
                run(
                    [
                        sys.executable,
                        "-m",
                        "cnlu",
                        "train",
                        part(arguments.data, "train"),
                        "--out",
                        model,
                        "--seed",
                        str(seed),
                        *options,
                        *settings,
                    ],
                    model.with_suffix(".log"),
                )
            for name, test in tests.items():
                runs[kind][name].append(_measured(model, test, arguments.keep / f"{kind}-{seed}-{name}"))
    print(markdown(runs))
    if arguments.out:
        report = {"machine": machine(), "seeds": arguments.seeds, "runs": runs}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Accuracy on sentences with several intents.")
    parser.add_argument("data", type=Path, metavar="DATA_DIR")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--encoder", type=Path, metavar="DIR")
    parser.add_argument("--pairs", type=int, default=400, metavar="N")
    parser.add_argument("--keep", type=Path, default=Path("out/multi-intent"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FIGURES.json")
    return parser.parse_args()


def _tests(arguments: argparse.Namespace) -> dict[str, Path]:
    """The test sets by name."""
    test = part(arguments.data, "test")
    if test is None or part(arguments.data, "train") is None:
        sys.exit(f"{arguments.data}: needs train and test, as .jsonl, .yml or folders.")
    examples = load_data([test]).examples
    pairs = arguments.keep / "joined.jsonl"
    pairs.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(synthesize_multi_intent(examples, 2 * arguments.pairs / len(examples), 1)[: arguments.pairs], pairs)
    tests = {"single": test, "joined": pairs}
    written = arguments.data / "multi-intent" / "test.yml"
    return tests | ({"written": written} if written.exists() else {})


def _measured(model: Path, test: Path, report: Path) -> dict[str, float]:
    run([sys.executable, "-m", "cnlu", "evaluate", model, test, "--out", report, "--force"], report.with_suffix(".log"))
    metrics: dict[str, Any] = json.loads((report / "metrics.json").read_text("utf-8"))
    intent = metrics["intent"]
    return dict(zip(FIGURES, (intent["accuracy"], intent["weighted_f1"], metrics["frame_accuracy"]), strict=True))


def markdown(runs: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    rows = [
        [name, kind, *(_shown([one[figure] for one in found]) for figure in FIGURES)]
        for name in runs["multi-intent"]
        for kind, by_name in runs.items()
        for found in [by_name[name]]
    ]
    return table(["sentences", "model", *FIGURES], rows)


def _shown(values: list[float]) -> str:
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


if __name__ == "__main__":
    main()
