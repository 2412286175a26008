"""Paired bootstrap: is one model's frame accuracy better than another's, or could the test set explain it?

    python benchmarks/compare.py REPORT_A[,REPORT_A...] REPORT_B[,REPORT_B...] DATA...

The reports (`cnlu evaluate MODEL DATA --out REPORT`, `train_rasa.py --report`, `jointbert.py --keep`) must come from
the same DATA. Several reports of one side, separated by commas, are seeds: correctness is averaged per sentence.
Prints B - A with a 95 % interval from a paired bootstrap over the sentences. If the interval excludes 0, the choice of
test sentences does not explain the difference. The interval does not cover the variance between training seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from cnlu.data.load import load_data
from cnlu.data.schema import Example
from cnlu.evaluation.bootstrap import mean_interval


def main() -> None:
    parser = argparse.ArgumentParser(description="Paired bootstrap of the frame accuracy of two reports.")
    parser.add_argument("first", metavar="REPORT_A")
    parser.add_argument("second", metavar="REPORT_B")
    parser.add_argument("data", nargs="+", metavar="DATA")
    arguments = parser.parse_args()
    examples = load_data(arguments.data).examples
    first, second = (
        np.mean([correct_frames(Path(report), examples) for report in side.split(",")], 0)
        for side in (arguments.first, arguments.second)
    )
    gain = mean_interval(second - first)
    print(
        f"frame accuracy {first.mean():.3f} and {second.mean():.3f}: "
        f"{gain.value:+.3f} (95 % {gain.low:+.3f} to {gain.high:+.3f}) over {len(examples)} sentences"
    )


def correct_frames(report: Path, examples: list[Example]) -> np.ndarray:
    """bool [N]: which frames are right, namely those that the report's errors.jsonl does not list."""
    count = json.loads((report / "metrics.json").read_text("utf-8"))["n"]
    lines = (report / "errors.jsonl").read_text("utf-8").split("\n")
    wrong = {error["source"] for error in map(json.loads, filter(None, lines))}
    correct = np.array([example.source not in wrong for example in examples])
    if count != len(examples) or len(examples) - correct.sum() != len(wrong):
        sys.exit(f"{report}: is not a report on these examples; name the same files as in `cnlu evaluate`.")
    return correct


if __name__ == "__main__":
    main()
