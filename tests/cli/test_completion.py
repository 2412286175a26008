"""Completion in a shell, through argcomplete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import PYTHONPATH

pytest.importorskip("argcomplete", reason="completion needs the extra cnlu[completion]")


def complete(line: str) -> tuple[list[str], list[str]]:
    """(the completions that the shell would offer, the heavy modules that were imported for them)."""
    code = (
        "import json, os, sys, atexit\n"
        "import argcomplete\n"
        "from cnlu.cli import _parser\n"
        "finder = argcomplete.CompletionFinder(_parser(), always_complete_options=False)\n"
        "offered = finder._get_completions(sys.argv[1].split(' ')[:-1], sys.argv[1].split(' ')[-1], '', None)\n"
        "heavy = {'numpy', 'onnxruntime', 'torch', 'jieba', 'starlette'} & set(sys.modules)\n"
        "print(json.dumps([offered, sorted(heavy)]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": " "}
    done = subprocess.run([sys.executable, "-c", code, line], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    offered, heavy = json.loads(done.stdout)
    return [one.strip() for one in offered], heavy


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("cnlu ev", ["evaluate"]),
        ("cnlu train --no-s", ["--no-store-examples"]),
        ("cnlu pretrain pr", ["prepare", "probe"]),
        ("cnlu check --lang ", ["en", "zh"]),
    ],
)
def test_a_shell_completes(line: str, offered: list[str]) -> None:
    found, heavy = complete(line)
    assert set(offered) <= set(found)
    assert not heavy


def test_the_command_answers_the_shell(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    environment = {
        **os.environ,
        "PYTHONPATH": PYTHONPATH,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": "cnlu eva",
        "COMP_POINT": "8",
    }
    done = subprocess.run([sys.executable, "-m", "cnlu"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert answer.read_text().strip() == "evaluate"
