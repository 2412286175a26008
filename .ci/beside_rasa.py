"""Parses sentences with Rasa and cnlu imported in one process: `beside_rasa.py MODEL SENTENCES FRAMES.json`.

Rasa's own Python runs it, outside the checkout. It prints the versions and the peak memory of the process.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import rasa
import rasa.nlu.classifiers.diet_classifier  # TensorFlow and the rest of what a running bot loads
from light_check import frame

import cnlu
from cnlu_dialogue.rasa import CnluClassifier


def main(path: str, sentences: str, frames: str) -> None:
    model = cnlu.load(path)
    lines = Path(sentences).read_text(encoding="utf-8").splitlines()
    predicted = [frame(model.parse(line)) for line in lines]
    expected = json.loads(Path(frames).read_text(encoding="utf-8"))
    if predicted != expected:
        sys.exit(f"the frames beside Rasa differ from those of the training environment:\n{predicted}\n{expected}")
    if CnluClassifier.get_default_config()["trainer"] is not None:
        sys.exit("the component's defaults differ from those in the checkout")
    heavy = sorted({"torch", "transformers"} & set(sys.modules))
    if heavy:
        sys.exit(f"parsing imported {', '.join(heavy)}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    python = sys.version.split()[0]
    print(f"  rasa {rasa.__version__} and cnlu {cnlu.__version__} in one process, Python {python}")
    print(f"  {len(predicted)} sentences: the same frames as in training's Python; {memory} MiB at most")


if __name__ == "__main__":
    main(*sys.argv[1:])
