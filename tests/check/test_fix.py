"""`cnlu check --fix` corrects annotations in wrong brackets and changes nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cnlu.cli import main
from cnlu.data.load import load_data
from cnlu.data.schema import Entity

FEW = ["--set", "check.min_intent_examples=1", "--set", "check.min_entity_examples=1"]
FILE = (
    '\ufeffversion: "3.1"   # mine\r\nnlu:\r\n- intent: order   \r\n  examples: |\r\n    - 来[大杯](cup)美式  \r\n'
    "    # - 【旧杯】(cup)\r\n    - 来[小杯]（cup）美式\r\n    - 要【中杯】(cup)和［大杯］（cup）  \r\n"
    "    - 给我[小杯] (cup)\r\n    - 这个价格（元）贵\r\n\r\nstories:\n- story: 【中杯】(cup)\n"
)
FIXED = (
    FILE.replace("[小杯]（cup）", "[小杯](cup)")
    .replace("要【中杯】(cup)", "要[中杯](cup)")
    .replace("［大杯］（cup）", "[大杯](cup)")
    .replace("[小杯] (cup)", "[小杯](cup)")
)


def put(folder: Path, content: str, name: str = "nlu.yml") -> Path:
    (folder / name).write_bytes(content.encode())
    return folder / name


def test_lines_are_fixed_in_place_and_all_else_is_kept_byte_for_byte(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, FILE)
    path.chmod(0o640)
    assert main(["check", str(path), "--fix", *FEW]) == 0
    assert path.read_bytes() == FIXED.encode()
    assert path.stat().st_mode & 0o777 == 0o640 and os.listdir(tmp_path) == ["nlu.yml"]
    out = capsys.readouterr().out
    assert f"fixed {path}:7: “[小杯]（cup）” is now “[小杯](cup)”" in out and out.count("fixed ") == 4
    assert "mistyped-markup" not in out
    assert [e.text[x.start : x.end] for e in load_data(path).examples for x in e.entities] == [
        "大杯",
        "小杯",
        "中杯",
        "大杯",
        "小杯",
    ]


def test_without_the_option_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(tmp_path, FILE)
    assert main(["check", str(path), *FEW]) == 1
    assert path.read_bytes() == FILE.encode() and "mistyped-markup (4)" in capsys.readouterr().out


def test_all_files_of_a_folder_and_of_the_test_are_fixed_by_what_all_know(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    put(tmp_path / "data", "nlu:\n- intent: go\n  examples: |\n    - 去[北京](城市)\n", "a.yml")
    put(tmp_path / "data", "nlu:\n- intent: go\n  examples: |\n    - 到[上海]（城市）\n", "b.yml")
    test = put(tmp_path, "nlu:\n- intent: go\n  examples: |\n    - 往[天津]（city）\n", "test.yml")
    main(["check", str(tmp_path / "data"), "--test", str(test), "--fix", *FEW])
    assert load_data(tmp_path / "data").examples[1].entities == (Entity(1, 3, "城市", "上海"),)
    assert load_data(test).examples[0].entities == (Entity(1, 3, "city", "天津"),)


def test_jsonl_is_not_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (
        '{"text": "来[小杯](cup)", "intent": "a"}\n{"text": "大杯", "entities": '
        '[{"start": 0, "end": 2, "entity": "cup"}]}\n'
    )
    path = put(tmp_path, content, "nlu.jsonl")
    assert main(["check", str(path), "--fix", *FEW]) == 1
    assert path.read_bytes() == content.encode()
    assert "nothing to fix" in capsys.readouterr().out


@pytest.mark.parametrize(
    "written",
    [
        "  examples:\n  - text: 【中杯】(cup)来一个\n",  # would begin a YAML list
        '  examples: "- 要\\u3010中杯\\u3011(cup)"\n',  # is not written so in the file
    ],
)
def test_markup_that_cannot_be_fixed_safely_is_left_and_reported(
    tmp_path: Path, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content = f"nlu:\n- intent: order\n{written}- intent: 其他\n  examples: |\n    - 好\n"
    path = put(tmp_path, content)
    assert main(["check", str(path), "--fix", *FEW]) == 1
    assert path.read_bytes() == content.encode()
    out = capsys.readouterr().out
    assert f"not fixed {path}" in out and "by hand" in out and "mistyped-markup (1)" in out


def test_a_list_item_and_a_line_that_cannot_be_read_beside_it(tmp_path: Path) -> None:
    content = (
        "nlu:\n- intent: order\n  examples:\n  - text: 要【中杯】(cup)\n    metadata: {a: 1}\n"
        '- intent: b\n  examples: |\n    - 坏[了]{"entity"}【中杯】(cup)\n'
    )
    path = put(tmp_path, content)
    assert main(["check", str(path), "--fix", *FEW]) == 2
    assert path.read_text("utf-8") == content.replace("要【中杯】(cup)", "要[中杯](cup)")


@pytest.mark.parametrize(
    ("line", "fixed"),
    [
        ("[小杯](cup）来一杯(谢谢)", "[小杯](cup)来一杯(谢谢)"),
        ('【京】{"entity": "city", "value": "北京，中国"}', '[京]{"entity": "city", "value": "北京，中国"}'),
        ("【小杯】(cup)和【小杯】(cup)", "[小杯](cup)和[小杯](cup)"),
    ],
)
def test_lines_with_several_problems_are_fixed_completely(tmp_path: Path, line: str, fixed: str) -> None:
    path = put(tmp_path, f"nlu:\n- intent: order\n  examples: |\n    - {line}\n")
    main(["check", str(path), "--fix"])
    assert path.read_text("utf-8").split("    - ")[1] == fixed + "\n"


def test_a_file_that_cannot_be_read_is_refused_and_none_is_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(tmp_path, FILE)
    put(tmp_path, "nlu: [", "broken.yml")
    assert main(["check", str(tmp_path), "--fix"]) == 2
    assert path.read_bytes() == FILE.encode() and "broken.yml" in capsys.readouterr().err


def test_json_on_standard_output_stays_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    main(["check", str(put(tmp_path, FILE)), "--fix", "--format", "json", *FEW])
    done = capsys.readouterr()
    assert json.loads(done.out)["findings"] == [] and done.err.count("fixed ") == 4
