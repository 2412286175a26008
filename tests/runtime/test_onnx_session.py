"""ONNX Runtime sends no telemetry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WORDS = "telemetry"
LOOK = "import os, {first}; print(os.environ.get('ORT_DISABLE_TELEMETRY'))"


def said(first: str, **environment: str) -> tuple[str, str]:
    """(what the variable is after the imports, standard error), in a process that is no test run's."""
    quiet = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "GITHUB_ACTIONS"}
    given = {name: value for name, value in os.environ.items() if name not in quiet}
    # with no place for its identifier onnxruntime complains aloud as soon as it begins to collect
    given |= {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere", **environment}
    done = subprocess.run([sys.executable, "-c", LOOK.format(first=first)], env=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), done.stderr


def test_onnxruntime_sends_nothing() -> None:
    variable, complaints = said("cnlu.runtime.interpreter")
    assert variable == "1" and WORDS not in complaints


def test_a_telemetry_request_would_be_detected() -> None:
    if WORDS not in said("onnxruntime")[1]:
        pytest.skip("this onnxruntime collects nothing by itself")
    assert WORDS in said("cnlu.runtime.interpreter", ORT_DISABLE_TELEMETRY="0")[1]


def test_telemetry_can_be_allowed() -> None:
    assert said("cnlu.runtime.interpreter", ORT_DISABLE_TELEMETRY="0")[0] == "0"


def test_no_other_module_opens_a_graph() -> None:
    package = Path(__file__).parents[2] / "cnlu"
    users = [
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if "import onnxruntime" in file.read_text(encoding="utf-8")
    ]
    assert users == ["runtime/onnx_session.py"]
