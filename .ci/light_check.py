"""Checks an installed wheel without PyTorch: `light_check.py MODEL SENTENCES FRAMES.json`.

The Python of the wheel's environment runs it, outside the checkout. The base install must parse and evaluate, contain
the settings and corpora, and give the same frames as the training environment (FRAMES.json, which `--expect` writes).
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

HEAVY = ("torch", "transformers", "torchcrf", "accelerate", "onnx", "onnxscript", "safetensors")


def frame(result: dict) -> list:
    """The part of a result that is the same in all environments: intent and spans, but not confidences."""
    spans = sorted((e["start"], e["end"], e["entity"], e.get("role") or "") for e in result["entities"])
    return [result["text"], result["intent"]["name"], [list(span) for span in spans]]


def run(*arguments: str) -> str:
    command = [str(Path(sysconfig.get_path("scripts")) / "cnlu"), *arguments]
    process = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    if process.returncode:
        sys.exit(f"cnlu {' '.join(arguments)} ended with {process.returncode}:\n{process.stdout}{process.stderr}")
    return process.stdout


def frames_of(model: str, sentences: str) -> list:
    return [frame(json.loads(line)) for line in run("parse", model, "--input", sentences).splitlines()]


def main(model: str, sentences: str, frames: str) -> None:
    present = [name for name in HEAVY if importlib.util.find_spec(name)]
    if present:
        sys.exit(f"not a base install, it has: {', '.join(present)}")

    import cnlu
    from cnlu.resources import config_path, corpus_path

    home = Path(cnlu.__file__).resolve()
    if Path(sys.prefix).resolve() not in home.parents:
        sys.exit(f"this is not the wheel's cnlu but {home}")
    if "parse" not in run("--help"):
        sys.exit("cnlu --help does not name parse")
    print(f"  cnlu {cnlu.__version__}, Python {sys.version.split()[0]}, without {', '.join(HEAVY)}")

    shutil.copytree(corpus_path("railway"), "railway", dirs_exist_ok=True)
    shutil.copytree(config_path("default").parent, "configs", dirs_exist_ok=True)
    start = time.perf_counter()
    predicted = frames_of(model, sentences)
    seconds = time.perf_counter() - start
    expected = json.loads(Path(frames).read_text(encoding="utf-8"))
    if predicted != expected:
        sys.exit(f"the frames differ from those of the training environment:\n{predicted}\n{expected}")
    print(f"  {len(predicted)} sentences, {seconds:.2f} s from a cold start: the same frames as in training's Python")

    run("evaluate", model, "railway/test", "--out", "report", "--force")
    metrics = json.loads(Path("report/metrics.json").read_text(encoding="utf-8"))
    print(f"  the shipped test split: n {metrics['n']}, frame accuracy {metrics['frame_accuracy']:.3f}")

    run("init", "my bot", "--force")
    run("split", "my bot/data", "--out", "parts", "--force")
    command = [str(Path(sysconfig.get_path("scripts")) / "cnlu"), "shell", model]
    shell = subprocess.run(command, input="退票\n", text=True, capture_output=True, encoding="utf-8")
    if shell.returncode or "out_of_scope score" not in shell.stdout:
        sys.exit(f"cnlu shell ended with {shell.returncode}:\n{shell.stdout}{shell.stderr}")
    print("  init, split and shell work")


if __name__ == "__main__":
    if sys.argv[1] == "--expect":
        predicted = frames_of(sys.argv[2], sys.argv[3])
        Path(sys.argv[4]).write_text(json.dumps(predicted, ensure_ascii=False), encoding="utf-8")
    else:
        main(*sys.argv[1:])
