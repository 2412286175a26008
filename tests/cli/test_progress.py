"""Progress: occasional lines in a log, a bar in a terminal."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu import progress as module
from cnlu.progress import EPOCH_LINE_SECONDS, LINE_SECONDS, Bar, Lines, progress


def test_training_without_a_terminal_logs_a_few_whole_lines(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
    monkeypatch.setattr("cnlu.training.pipeline.export_onnx", lambda network: b"")  # it takes seconds
    examples = "".join(f"    - {word}{n}号\n" for word in ("退票", "改签") for n in range(10))
    content = f"nlu:\n- intent: a\n  examples: |\n{examples}- intent: b\n  examples: |\n    - 好"
    (tmp_path / "nlu.yml").write_text(content, "utf-8")
    settings = [
        "model.members=1",
        "model.layers=1",
        "model.sparse_width=8",
        "model.width=8",
        "model.feedforward=16",
        "training.max_epochs=30",
        "training.dev_fraction=0",
    ]
    overrides = (word for one in settings for word in ("--set", one))
    done = cli(
        "train", tmp_path / "nlu.yml", "--out", tmp_path / "model", "--device", "cpu", "--encoder", "none", *overrides
    )
    assert done.code == 0 and "\r" not in done.err
    lines = [line for line in done.err.splitlines() if line.startswith("training on")]
    assert 1 <= len(lines) <= 25
    assert re.fullmatch(r"training on cpu: \d+% \S+/630 \[\d\d:\d\d<\d\d:\d\d, .*examples/s.*\]", lines[0])


class Clock:
    """A clock that the test sets."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(module, "time", found)
    return found


def test_a_line_every_half_minute_and_one_at_each_pass(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("working", 1000, " rows") as bar:
        for second in range(1, 101):
            clock.now = float(second)
            bar.update(10)
            if second == 45:
                bar.epoch_done()
    lines = capsys.readouterr().err.splitlines()
    assert [re.search(r"(\S+)/1.00k", line)[1] for line in lines] == ["300", "450", "750", "1.00k"]  # type: ignore[index]
    assert lines[0] == "working: 30% 300/1.00k [00:30<01:10, 10.0 rows/s]"


def test_a_thousand_short_passes_log_few_lines(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("working", 1000, " rows") as bar:
        for number in range(1000):
            clock.now = number * EPOCH_LINE_SECONDS / 100
            bar.update()
            bar.epoch_done()
    assert len(capsys.readouterr().err.splitlines()) <= 11


@pytest.mark.parametrize("leave", [True, False])
def test_a_short_step_logs_at_most_one_line(leave: bool, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("working", 5, " rows", leave=leave) as bar:
        bar.update(5)
    assert len(capsys.readouterr().err.splitlines()) == leave


def test_progress_without_a_total_shows_the_amount_done(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", None, "B") as bar:
        clock.now = LINE_SECONDS
        bar.update(3_000_000)
    assert capsys.readouterr().err == "reading: 3.00M [00:30, 100kB/s]\n"


def test_a_terminal_shows_a_bar_and_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(progress("working", 1, " rows"), Lines)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(progress("working", 1, " rows"), Bar)
    assert progress("working", 1, " rows", quiet=True).disable


def test_no_other_module_makes_progress_bars(checkout: Path) -> None:
    users = {
        path.name
        for wing in ("cnlu", "pretrain", "dialogue")
        for path in (checkout / wing).rglob("*.py")
        if "tqdm" in path.read_text("utf-8")
    }
    of_a_run = checkout / "pretrain" / "cnlu_pretrain" / "run" / "progress.py"
    assert users == {"progress.py"} and "tqdm" not in of_a_run.read_text("utf-8")
