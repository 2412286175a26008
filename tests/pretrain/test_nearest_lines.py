"""The benchmark's choice of general text that resembles a domain."""

from __future__ import annotations

import importlib
import sys

from tests.places import CHECKOUT


def test_the_lines_nearest_to_the_sentences_are_written(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.syspath_prepend(CHECKOUT / "benchmarks")
    script = importlib.import_module("nearest_lines")
    like, general, out = tmp_path / "like.txt", tmp_path / "general.txt", tmp_path / "near.txt"
    like.write_text("我要买火车票\n买两张火车票\n", "utf-8")
    general.write_text("怎么买火车票\n今天的雨下得很大\n火车票在哪里买\n票\n", "utf-8")
    monkeypatch.setattr(sys, "argv", ["nearest_lines.py", str(general), "--like", str(like), "--out", str(out)])
    script.main()
    assert set(filter(None, out.read_text("utf-8").splitlines())) == {"怎么买火车票", "火车票在哪里买"}
    assert "2 of 3 lines, near 2 sentences" in capsys.readouterr().out
