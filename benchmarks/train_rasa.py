"""Train Rasa's DIET on jieba words, on the same examples, and evaluate it with cnlu's metrics.

    python benchmarks/train_rasa.py DATA/train.jsonl --rasa-python RASA_ENV/bin/python --out peer.tar.gz \\
        [--epochs 100] [--limit N] [--test DATA/test.jsonl --report REPORT_DIR]

cnlu's YAML writer converts the examples; those that Rasa's YAML cannot express are left out and counted.
With --test the trained model parses the test examples through Rasa's own agent, and cnlu's evaluation (strict
character spans) writes metrics.json and errors.jsonl. Rasa 3.6.21 needs Python 3.8 to 3.10 and an environment
of its own: pip install rasa==3.6.21 jieba "setuptools<81".
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import Cost, machine, megabytes, rasa_environment, run

WORKER = Path(__file__).with_name("parse_worker.py")

PIPELINE = """\
recipe: default.v1
language: zh
assistant_id: cnlu-benchmark-peer
pipeline:
- name: JiebaTokenizer
- name: RegexFeaturizer
- name: LexicalSyntacticFeaturizer
- name: CountVectorsFeaturizer
- {{name: CountVectorsFeaturizer, analyzer: char_wb, min_ngram: 1, max_ngram: 4}}
- {{name: DIETClassifier, epochs: {epochs}, constrain_similarities: true, random_seed: {seed}}}
policies:
- name: RulePolicy
"""


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory() as away:
        kept, left_out = convert(arguments.data, Path(away) / "nlu.yml", arguments.limit)
        print(f"{kept} examples for Rasa, {left_out} that its YAML cannot express left out", flush=True)
        cost = train(arguments, Path(away))
    figures: dict[str, Any] = {
        "examples": kept,
        "left_out": left_out,
        "epochs": arguments.epochs,
        "training": cost.to_dict(),
        "model_mb": round(megabytes(arguments.out), 1),
        "machine": machine(),
    }
    if arguments.test:
        figures["metrics"] = evaluate(arguments)
    print(json.dumps(figures, ensure_ascii=False, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train Rasa's DIET on the same examples.")
    parser.add_argument("data", nargs="+", help="training examples, YAML or JSONL")
    parser.add_argument("--rasa-python", type=Path, required=True, help="the Python that has Rasa 3.6.21")
    parser.add_argument("--out", type=Path, required=True, help="the model to write, NAME.tar.gz")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--limit", type=int, help="take only the first N examples")
    parser.add_argument("--test", nargs="+", help="examples to evaluate the trained model on")
    parser.add_argument("--report", type=Path, help="where to write metrics.json and errors.jsonl")
    return parser.parse_args()


def convert(paths: Sequence[str], target: Path, limit: int | None) -> tuple[int, int]:
    """Write the examples as Rasa YAML. Returns (number written, number that YAML cannot express)."""
    from cnlu.data.load import load_data
    from cnlu.data.schema import NluData
    from cnlu.data.yaml_writer import to_yaml, write_yaml
    from cnlu.errors import DataError

    data = load_data(list(paths))
    kept, left_out = [], 0
    for example in data.examples[:limit]:
        try:
            to_yaml(NluData([example]))
        except DataError:
            left_out += 1
        else:
            kept.append(example)
    write_yaml(NluData(kept, data.synonyms, data.regexes, data.lookups), target)
    return len(kept), left_out


def train(arguments: argparse.Namespace, away: Path) -> Cost:
    """`rasa train nlu` in its own process, on the converted examples in `away`."""
    (away / "config.yml").write_text(PIPELINE.format(epochs=arguments.epochs, seed=arguments.seed), encoding="utf-8")
    out = arguments.out.resolve()
    name = out.name.removesuffix(".tar.gz")
    command = [
        arguments.rasa_python,
        "-m",
        "rasa",
        "train",
        "nlu",
        "--nlu",
        away / "nlu.yml",
        "--config",
        away / "config.yml",
        "--out",
        out.parent,
        "--fixed-model-name",
        name,
    ]
    return run(command, out.parent / f"{name}.train.log", rasa_environment())


def evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    """Score Rasa's parse results of the test examples. Returns the main figures of metrics.json."""
    from cnlu.data.load import load_data
    from cnlu.evaluation.metrics import evaluate as score
    from cnlu.evaluation.report import find_errors, write_report

    examples = load_data(arguments.test).examples
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as texts:
        json.dump([example.text for example in examples], texts)
        texts.flush()
        command = [arguments.rasa_python, WORKER, "rasa", arguments.out, texts.name]
        done = subprocess.run(
            [str(part) for part in command],
            input="parse\n",
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env=rasa_environment(),
            check=True,
        )
    found = json.loads(done.stdout.splitlines()[-1])
    metrics = score(examples, found)
    if arguments.report:
        write_report(arguments.report, metrics, find_errors(examples, found), force=True)
    return summary(metrics)


def summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The main figures of metrics.json."""
    intent, entity = metrics["intent"] or {}, metrics["entity"] or {}
    return {
        "n": metrics["n"],
        "frame_accuracy": metrics["frame_accuracy"],
        "entity_f1": entity.get("f1"),
        "intent_accuracy": intent.get("accuracy"),
        "intent_macro_f1": intent.get("macro_f1"),
        "ece": intent.get("ece"),
    }


if __name__ == "__main__":
    main()
