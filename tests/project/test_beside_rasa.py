"""cnlu in Rasa's own Python: this code beside its old pins (`.ci/rasa` shows the installed wheel there)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.places import PYTHONPATH

TOGETHER = """
import json, sys
import rasa, cnlu
result = cnlu.load(sys.argv[1]).parse(sys.argv[2])
print(json.dumps([rasa.__version__, result, sorted({"torch", "transformers"} & set(sys.modules))]))
"""


@pytest.mark.rasa
def test_rasa_and_cnlu_live_in_one_process(rasa_python: str, tiny_model: Path, tmp_path: Path, checkout: Path) -> None:
    import cnlu

    text = "明天去北京"
    done = subprocess.run(
        [rasa_python, "-W", "ignore", "-c", TOGETHER, str(tiny_model), text],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": PYTHONPATH, "PYTHONIOENCODING": "utf-8", "RASA_TELEMETRY_ENABLED": "false"},
    )
    assert done.returncode == 0, done.stderr
    version, beside, heavy = json.loads(done.stdout.splitlines()[-1])
    assert version == "3.6.21"
    assert not heavy
    here = cnlu.load(tiny_model).parse(text)
    assert beside["intent"]["name"] == here["intent"]["name"]
    assert [(e["start"], e["end"], e["entity"]) for e in beside["entities"]] == [
        (e["start"], e["end"], e["entity"]) for e in here["entities"]
    ]
