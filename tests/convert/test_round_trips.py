"""Every format is converted to the same data, as JSONL and as YAML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu.convert.formats import ConvertOptions, convert
from cnlu.data.jsonl import to_jsonl
from cnlu.data.load import load_data
from tests.convert.files import DICTIONARIES, EXPECTED, FILES

Cli = Callable[..., Any]


def written(folder: Path, name: str) -> Path:
    path = folder / "exported"  # no suffix: the format is detected from the content
    content = FILES[name][1]
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_converted_to_jsonl(cli: Cli, tmp_path: Path, name: str) -> None:
    kind, _, meant = FILES[name]
    out = tmp_path / "nlu.jsonl"
    done = cli("convert", written(tmp_path, name), "--to", "jsonl", "--out", out)
    assert done.code == 0 and f": {kind}; {len(meant)} examples" in done.err and done.out == ""
    dictionaries = tmp_path / "nlu-dictionaries.yml"
    assert dictionaries.exists() == (name in DICTIONARIES)
    data = load_data([out, *([dictionaries] if name in DICTIONARIES else [])])
    assert data.examples == meant
    if name in DICTIONARIES:
        assert {"魔都": "上海", "沪": "上海"}.items() <= data.synonyms.items()
        assert data.regexes == {"train_no": ["[GD]\\d+"]} and "上海" in data.lookups["city"]


@pytest.mark.parametrize("name", [name for name, (_, _, meant) in FILES.items() if all(x.intent for x in meant)])
def test_every_format_is_converted_to_yaml(cli: Cli, tmp_path: Path, name: str) -> None:
    out = tmp_path / "nlu.yml"
    assert cli("convert", written(tmp_path, name), "--to", "yaml", "--out", out).code == 0
    data, straight = load_data(out), convert(ConvertOptions(written(tmp_path, name)))[1].data
    assert sorted(to_jsonl([x]) for x in data.examples) == sorted(to_jsonl([x]) for x in straight.examples)
    assert (data.synonyms, data.regexes, data.lookups) == (straight.synonyms, straight.regexes, straight.lookups)


def test_folders_in_the_format_of_jointbert_are_read(cli: Cli, tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "atis" / part).mkdir(parents=True)
        (tmp_path / "atis" / part / "seq.in").write_text("list flights to new york\n帮 我 订 明 天 的 票\n")
        (tmp_path / "atis" / part / "seq.out").write_text("O O O B-city I-city\nO O O B-date I-date O O\n")
        (tmp_path / "atis" / part / "label").write_text("flight#price\nbook\n")
    done = cli("convert", tmp_path / "atis", "--to", "jsonl", "--out", tmp_path / "nlu.jsonl")
    first, second = load_data(tmp_path / "nlu.jsonl").examples[:2]
    assert done.code == 0 and "4 examples" in done.err
    assert (first.text, first.intent) == ("list flights to new york", "flight+price")
    assert first.text[first.entities[0].start : first.entities[0].end] == "new york"
    assert (second.text, second.entities[0].start, second.entities[0].end) == ("帮我订明天的票", 3, 5)


def test_the_usual_encodings_of_excel_are_read(cli: Cli, tmp_path: Path) -> None:
    table = "text,intent\n" + "".join(f"{x.text},{x.intent}\n" for x in EXPECTED[:2])
    (tmp_path / "utf16.csv").write_bytes(table.replace(",", "\t").encode("utf-16"))
    (tmp_path / "gb.csv").write_bytes(table.encode("gb18030"))
    assert "2 examples" in cli("convert", tmp_path / "utf16.csv", "--to", "jsonl").err
    refused = cli("convert", tmp_path / "gb.csv", "--to", "jsonl")
    assert refused.code == 2 and "gb.csv:2" in refused.sentence and "--encoding gb18030" in refused.sentence
    done = cli("convert", tmp_path / "gb.csv", "--to", "jsonl", "--encoding", "gb18030")
    assert done.code == 0 and EXPECTED[0].text in done.out
