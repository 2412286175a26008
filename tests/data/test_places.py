"""What is recorded besides the examples: dictionary entries, issues and invalid examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.data.load import load_data
from cnlu.errors import DataError

YAML = """nlu:
- intent: go
  examples: |
    - 去[北京](city)
    -
    没有短横
- lookup: city
  examples: |
    - 北京

    - 上海
- synonym: 北京
  examples: |
    - 帝都
- regex: train
  examples: "- G1\\n- G2"
"""


def written(folder: Path, content: str, name: str = "nlu.yml") -> Path:
    (folder / name).write_text(content, encoding="utf-8")
    return folder / name


def test_every_dictionary_entry_has_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, YAML)
    entries = [(*entry[:3], entry.source.removeprefix(f"{path}:")) for entry in load_data(path).entries]
    assert entries == [
        ("intent", "go", "", "2"),
        ("lookup", "city", "北京", "9"),
        ("lookup", "city", "上海", "11"),
        ("synonym", "北京", "帝都", "14"),
        ("regex", "train", "G1", "16"),
        ("regex", "train", "G2", "16"),
    ]


def test_the_place_of_an_entry_in_a_table_is_the_file_of_the_table(tmp_path: Path) -> None:
    table = written(tmp_path, "北京\n上海\n", "cities.txt")
    path = written(tmp_path, YAML + "- lookup: big\n  examples: cities.txt\n")
    assert [entry.source for entry in load_data(path).entries if entry.name == "big"] == [f"{table}:1", f"{table}:2"]


def test_every_skipped_line_is_a_note_and_an_issue(tmp_path: Path) -> None:
    data = load_data(written(tmp_path, "stories: []\n" + YAML))
    assert [issue.source.rpartition(":")[2] for issue in data.issues] == ["7", "6"]
    assert len(data.notes) == 3


def test_invalid_examples_are_collected_with_keep_invalid_and_an_error_otherwise(tmp_path: Path) -> None:
    yaml = written(tmp_path, 'nlu:\n- intent: a\n  examples: |\n    - 去[北京]{"entity"}\n    - 好\n')
    content = '{"text": "好"\n{"text": "好", "intent": 1}\n{"text": "好", "intent": "a"}\n'
    lines = written(tmp_path, content, "nlu.jsonl")
    data = load_data(tmp_path, keep_invalid=True)
    assert data.invalid is not None
    assert [example.source for example in data.invalid] == [f"{lines}:1", f"{lines}:2", f"{yaml}:4"]
    assert data.invalid[2].line == '去[北京]{"entity"}' and not data.invalid[2].problem.startswith(str(yaml))
    assert len(data.examples) == 2
    with pytest.raises(DataError, match=r"nlu.jsonl:1: this line is not valid JSON"):
        load_data(tmp_path)


def test_an_unreadable_file_is_an_error_even_with_keep_invalid(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not valid YAML"):
        load_data(written(tmp_path, "nlu:\n- intent: a\n  b: [\n"), keep_invalid=True)


def test_one_note_counts_the_issues_of_each_code(tmp_path: Path) -> None:
    lines = ["[大](cup)", "[小]（cup）", "【中】(cup)", "[大] (cup)", '[大]{"entity": "cup", "rule": "x"}', "茶 # 常用"]
    content = "nlu:\n- intent: a\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
    markup, key, comment = sorted(load_data(written(tmp_path, content)).notes)
    assert "nlu.yml:5: " in markup and "(3 lines are like it)" in markup and "learned as text" in markup
    assert "cnlu check --fix" in markup and markup.endswith("; cnlu check names every line.")
    assert "nlu.yml:8: " in key and "“rule”" in key and "like it" not in key
    assert "nlu.yml:9: " in comment
    assert load_data(written(tmp_path, content), keep_invalid=True).notes == []
