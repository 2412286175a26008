"""The terminal table and the report's files."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cnlu.data.schema import Entity, Example
from cnlu.errors import CnluError, UsageError
from cnlu.evaluation.metrics import evaluate
from cnlu.evaluation.report import check_report_out, find_errors, format_report, write_report
from cnlu.io.terminal_table import display_width

GOLD = [
    Example("去北京", "出行", (Entity(1, 3, "city", "北京", role="to"),), source="a.yml:3"),
    Example("听晴天", "play.music", (Entity(1, 3, "song", "晴天"),), source="a.yml:7"),
    Example("好", "yes", source="a.yml:9"),
]


def _result(intent: str | None, *spans: dict[str, Any]) -> dict[str, Any]:
    return {"intent": {"name": intent, "confidence": 0.75}, "entities": list(spans)}


PREDICTED = [
    _result("出行", {"start": 1, "end": 3, "entity": "city", "role": "from"}),
    _result("yes", {"start": 0, "end": 1, "entity": "song"}),
    _result("yes"),
]


def test_every_wrong_frame_is_listed_with_what_is_wrong() -> None:
    first, second = find_errors(GOLD, PREDICTED)
    assert (first["text"], first["source"]) == ("去北京", "a.yml:3")
    assert first["wrong"] == ["entity: [北京](city role=from) at 1-3 instead of [北京](city role=to) at 1-3"]
    assert second["wrong"] == [
        "intent: yes instead of play.music",
        "entity: missed [晴天](song) at 1-3",
        "entity: invented [听](song) at 0-1",
    ]
    assert second["gold"] == {
        "intent": "play.music",
        "entities": [{"start": 1, "end": 3, "entity": "song", "text": "晴天"}],
    }
    assert second["predicted"]["intent"] == "yes"
    assert second["predicted"]["confidence"] == 0.75


def test_the_table_shows_headline_and_worst_first() -> None:
    table = format_report(evaluate(GOLD, PREDICTED))
    assert "frames right" in table
    assert "33.3%" in table
    assert table.index("play.music") < table.index("yes ") < table.index("出行")
    assert "entity with role F1" in table


def test_columns_line_up_under_chinese_names() -> None:
    table = format_report(evaluate(GOLD, PREDICTED))
    rows = table.split("\n\n")[1].splitlines()
    assert len({display_width(row) for row in rows}) == 1


def test_long_tables_are_cut_with_a_note() -> None:
    gold = [Example("好", f"intent{index}") for index in range(30)]
    table = format_report(evaluate(gold, [_result("intent0")] * 30), limit=10)
    assert "... and 20 more" in table
    assert len(table.split("\n\n")[1].splitlines()) == 12


def test_odd_label_names_do_not_break_the_terminal() -> None:
    gold = [Example("好", "a\x1b[31m\ud800" + "很" * 100)]
    table = format_report(evaluate(gold, [_result("x")]))
    assert "\x1b" not in table
    assert max(map(display_width, table.splitlines())) < 100
    table.encode()


def test_sections_without_figures_are_left_out() -> None:
    table = format_report(evaluate([Example("好", "yes")], [_result("yes")]))
    assert "entity" not in table
    assert format_report(evaluate([], [])).startswith("sentences")


def test_width_counts_columns_not_characters() -> None:
    assert [display_width(text) for text in ("abc", "北京", "e\u0301", "Ａ")] == [3, 4, 1, 2]


def test_the_files_hold_metrics_and_one_error_a_line(tmp_path: Path) -> None:
    metrics, errors = evaluate(GOLD, PREDICTED), find_errors(GOLD, PREDICTED)
    write_report(tmp_path / "report", metrics, errors)
    assert sorted(os.listdir(tmp_path / "report")) == ["errors.jsonl", "metrics.json"]
    assert json.loads((tmp_path / "report" / "metrics.json").read_bytes()) == metrics
    lines = (tmp_path / "report" / "errors.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == errors
    assert "北京" in lines[0]


def test_text_that_utf8_cannot_hold_is_written_escaped(tmp_path: Path) -> None:
    errors = find_errors([Example("坏\ud800", "yes")], [_result("no")])
    write_report(tmp_path / "report", {}, errors)
    assert json.loads((tmp_path / "report" / "errors.jsonl").read_text())["text"] == "坏\ud800"


def test_an_existing_report_is_replaced_only_with_force(tmp_path: Path) -> None:
    write_report(tmp_path / "report", {"n": 1}, [])
    with pytest.raises(UsageError, match="exists already.*--force"):
        write_report(tmp_path / "report", {"n": 2}, [])
    write_report(tmp_path / "report", {"n": 2}, [], force=True)
    assert json.loads((tmp_path / "report" / "metrics.json").read_text()) == {"n": 2}
    assert os.listdir(tmp_path) == ["report"]


def test_force_never_replaces_anything_but_a_report(tmp_path: Path) -> None:
    for name in ("metrics.json", "my_experiment.py"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match="is not a report"):
        check_report_out(tmp_path, force=True)


def test_a_full_disk_leaves_no_half_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CnluError, match="could not be written.*No space left"):
        write_report(tmp_path / "report", {}, [])
    assert os.listdir(tmp_path) == []
