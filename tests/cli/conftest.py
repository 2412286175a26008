"""The command line as a user meets it: in this process for what is refused, in its own for signals and pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cnlu.cli import main
from tests.places import PYTHONPATH


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line on standard error that says what went wrong."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("cnlu: ")]
        return line


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command; a traceback would fail the test."""

    def go(*arguments: object) -> Done:
        if arguments[:1] == ("train",):
            pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
        capsys.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse's own refusals
            code = int(end.code or 0)
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return Done(code, told.out, told.err)

    return go


@pytest.fixture
def process(tmp_path: Path, checkout: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start a command in a process of its own, in the test's folder."""

    def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "cnlu", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "PYTHONIOENCODING": "utf-8"}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _listen_to_ctrl_c, **options}
        return subprocess.Popen(command, cwd=tmp_path, env=environment, **options)  # type: ignore[call-overload]

    return start


def _listen_to_ctrl_c() -> None:
    """As in a terminal: where the tests themselves run in the background, Ctrl-C is ignored and children inherit it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
