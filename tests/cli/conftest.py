"""Runs commands: in this process for most tests, in a process of their own for signals and pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.command_line import cli
from tests.places import PYTHONPATH

__all__ = ["cli"]


@pytest.fixture
def process(tmp_path: Path, checkout: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start a command in a process of its own, in the test's folder."""

    def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cnlu", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "PYTHONIOENCODING": "utf-8"}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _restore_ctrl_c, **options}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, **options)  # type: ignore[call-overload]

    return start


def _restore_ctrl_c() -> None:
    """Restore the handling of Ctrl-C: tests that run in the background ignore it, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
