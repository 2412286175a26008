"""Lookup tables in separate files: where the files may be, and how they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.config import DataConfig
from cnlu.data.load import load_data
from cnlu.data.schema import NluData
from cnlu.errors import DataError

INTENT = "- intent: go\n  examples: |\n    - 去北京\n"


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def named(folder: Path, table: str) -> Path:
    return put(folder / "nlu.yml", f"nlu:\n{INTENT}- lookup: city\n  examples: {table}\n")


def read(folder: Path, table: str, **settings: str) -> NluData:
    return load_data(named(folder, table), settings=DataConfig(**settings))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cities.csv", "北京\n上海\n"),
        ("cities.csv", "\ufeff value \r\n 北京 \r\n\r\n上海\r\n"),
        ("cities.csv", "北京,帝都,京\n上海,,\n"),
        ("cities.csv", 'value,synonym 1,synonym_2\n"北京",帝都,"京"\n上海\n'),
        ("cities.tsv", "北京\t帝都\t京\n上海\n"),
        ("CITIES.CSV", "北京,帝都,京\n上海"),
        ("cities.txt", "北京\n上海\n"),
    ],
)
@pytest.mark.parametrize("form", ["{}", "|\n    - {}\n", "|\n    {}\n"])
def test_a_row_of_a_table_has_an_entry_and_its_synonyms(tmp_path: Path, name: str, content: str, form: str) -> None:
    put(tmp_path / name, content)
    data = read(tmp_path, form.format(name))
    synonyms = {"帝都": "北京", "京": "北京"} if "帝都" in content else {}
    assert data.lookups == {"city": ["北京", *synonyms, "上海"]}
    assert data.synonyms_of == ({"city": synonyms} if synonyms else {}) and not data.synonyms and not data.notes


def test_a_quoted_cell_may_hold_the_separator_and_every_entry_has_its_line(tmp_path: Path) -> None:
    table = put(tmp_path / "a.csv", '"北京, 中国",帝都\n"多\n行"\n上海\n')
    entries = [entry for entry in read(tmp_path, "a.csv").entries if entry.kind == "lookup"]
    places = [(entry.text, entry.source.removeprefix(f"{table}:")) for entry in entries]
    assert places == [("北京, 中国", "1"), ("帝都", "1"), ("多\n行", "2"), ("上海", "4")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [("x" * 200_000, r"a.csv:1: this row cannot be read"), ("x" * 1_100_000, r"a.csv:1: this line is longer")],
)
def test_the_error_about_an_unreadable_table_names_it(tmp_path: Path, content: str, expected: str) -> None:
    put(tmp_path / "a.csv", content)
    with pytest.raises(DataError, match=expected):
        read(tmp_path, "a.csv")


@pytest.mark.parametrize("name", ["cities.csv", "cities.tsv", "tables/cities.txt", "../other/cities.csv", "a\0.txt"])
def test_the_error_about_a_missing_file_says_how_to_give_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"nlu.yml:6: .*“city” names the file .*does not exist; .*beside the YAML file"):
        read(tmp_path, f'"- {name}"' if "\0" not in name else '"- a\\0.txt"')


@pytest.mark.parametrize("way", ["absolute", "above", "link", "linked folder", "working directory"])
def test_a_table_outside_of_the_data_is_read_if_the_setting_allows_it(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = put(tmp_path / "private" / "table.txt", "秘密\n")
    folder = tmp_path / "data"
    folder.mkdir()
    written = {
        "absolute": str(table),
        "above": "../private/table.txt",
        "link": "table.txt",
        "linked folder": "in/table.txt",
        "working directory": "private/table.txt",
    }[way]
    if way == "link":
        (folder / "table.txt").symlink_to(table)
    if way == "linked folder":
        (folder / "in").symlink_to(table.parent)
    if way == "working directory":
        monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"nlu.yml:6: .*outside the folder of the data; .*data.files=anywhere"):
        read(folder, written)
    assert read(folder, written, files="anywhere").lookups == {"city": ["秘密"]}


def test_a_table_may_be_in_any_folder_that_is_read(tmp_path: Path) -> None:
    put(tmp_path / "tables" / "cities.txt", "北京\n")
    named(tmp_path / "nlu", "../tables/cities.txt")
    assert load_data(tmp_path).lookups == {"city": ["北京"]}
    with pytest.raises(DataError, match="outside"):
        load_data(tmp_path / "nlu")


def test_paths_relative_to_the_working_directory_are_found_as_in_rasa(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "data" / "tables" / "cities.txt", "北京\n")
    monkeypatch.chdir(tmp_path)
    named(Path("data"), "data/tables/cities.txt")
    assert load_data("data/nlu.yml").lookups == load_data(["data"]).lookups == {"city": ["北京"]}


def test_with_synonyms_everywhere_those_of_a_table_apply_to_all_types(tmp_path: Path) -> None:
    put(tmp_path / "a.csv", "北京,帝都\n")
    data = read(tmp_path, "a.csv", synonyms="everywhere")
    assert data.synonyms == {"帝都": "北京"} and not data.synonyms_of
