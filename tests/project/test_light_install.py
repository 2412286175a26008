"""The base install: parsing works without the training packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.places import PYTHONPATH

# Runs before anything of cnlu in the new interpreter: the training packages are not there, installed or not.
ABSENT = """
import sys
class Absent:
    names = {"torch", "transformers", "torchcrf", "accelerate", "onnx", "onnxscript", "safetensors", "peft"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""

IMPORT_ALL = """
import importlib, json, pkgutil
import cnlu
HEAVY = ("cnlu.encoder", "cnlu.export", "cnlu.model", "cnlu.pytorch", "cnlu.training", "cnlu._")
names = ["cnlu"] + [m.name for m in pkgutil.walk_packages(cnlu.__path__, "cnlu.")
                    if not m.name.startswith(HEAVY)]
for name in names:
    importlib.import_module(name)
print(json.dumps(names))
"""

PARSE = """
import json
import cnlu
print(json.dumps(cnlu.load(sys.argv[1]).parse(sys.argv[2])))
"""


def run_light(code: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python that cannot import the training packages, away from the checkout."""
    return subprocess.run(
        [sys.executable, "-c", ABSENT + code, *arguments],
        cwd=cwd,
        text=True,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": PYTHONPATH, "PYTHONIOENCODING": "utf-8"},
    )


def test_the_blocked_packages_are_really_absent(tmp_path: Path) -> None:
    done = run_light("import torch", cwd=tmp_path)
    assert "No module named 'torch'" in done.stderr


def test_every_module_but_training_s_imports_without_the_training_packages(tmp_path: Path) -> None:
    done = run_light(IMPORT_ALL, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"cnlu.cli", "cnlu.config.sections", "cnlu.runtime.interpreter"} <= set(json.loads(done.stdout))


def test_a_model_loads_and_parses_without_the_training_packages(tiny_model: Path, tmp_path: Path) -> None:
    text = "明天去北京"
    done = run_light(PARSE, str(tiny_model), text, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["text"] == text
    assert result["intent"]["name"]


def test_a_model_with_an_encoder_parses_without_the_training_packages(tiny_bert_model: Path, tmp_path: Path) -> None:
    done = run_light(PARSE, str(tiny_bert_model), "明天去北京", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["intent"]["name"]


def test_training_without_the_training_packages_names_the_extra(tmp_path: Path) -> None:
    (tmp_path / "nlu.yml").write_text(
        'version: "3.1"\nnlu:\n- intent: a\n  examples: |\n    - 你好\n    - 您好\n'
        "- intent: b\n  examples: |\n    - 再见\n    - 拜拜\n",
        encoding="utf-8",
    )
    done = run_light("from cnlu.cli import main\nsys.exit(main(['train', 'nlu.yml', '--out', 'model']))", cwd=tmp_path)
    assert done.returncode != 0
    assert "cnlu[train]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "model").exists()


def test_encoders_are_listed_described_and_fetched_without_the_training_packages(
    tiny_bert: Path, tmp_path: Path
) -> None:
    code = (
        "Absent.names |= {'huggingface_hub', 'modelscope_hub'}\n"
        "from cnlu.cli import main\nsys.exit(main(['encoder', *sys.argv[1:]]))"
    )
    listed = run_light(code, "list", "--offline", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "hfl/chinese-macbert-base" in listed.stdout
    assert "its client is missing: pip install 'cnlu[modelscope]'" in listed.stdout
    described = run_light(code, "info", str(tiny_bert), cwd=tmp_path)
    assert described.returncode == 0, described.stderr
    assert "WordPiece" in described.stdout and "model.safetensors" in described.stdout
    fetched = run_light(code, "fetch", "someone/tiny-bert", cwd=tmp_path)
    assert fetched.returncode == 2
    assert fetched.stderr == (
        "cnlu: someone/tiny-bert needs huggingface_hub, which is not installed; run `pip install huggingface_hub`.\n"
    )
