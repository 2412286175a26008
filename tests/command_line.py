"""The fixture `cli`: a command run in this process, for the tests of every room with a command."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from cnlu.cli import main


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
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Done(code, captured.out, captured.err)

    return go
