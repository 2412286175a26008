"""Tables of synonyms and fillers: the shipped ones are valid, broken ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnlu.errors import DataError
from cnlu.training.data.augment.word_tables import FILLERS, PLACES, SYNONYMS, fillers, read_synonyms


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_synonyms_replace_each_other_except_those_after_the_separator(tmp_path: Path):
    table = read_synonyms(written(tmp_path, "\ufeff# mine\n\n订票 买票 > 购票 # formal\nwifi 无线网\n"))
    assert table == {"订票": ("买票", "购票"), "买票": ("订票", "购票"), "wifi": ("无线网",), "无线网": ("wifi",)}


def test_a_users_table_adds_to_the_other(tmp_path: Path):
    table = read_synonyms(SYNONYMS, written(tmp_path, "帮我 麻烦帮我\n"))
    assert {"替我", "麻烦帮我"} <= set(table["帮我"])
    assert table["麻烦帮我"] == ("帮我",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("订票 买票\n退票\n", ":2: “退票” has no synonyms"),
        ("订票，买票\n", ":1: “，” in “订票，买票” is not part of a word; separate words by spaces"),
        ("# x\n订票 买票 订票\n", ":2: “订票” occurs twice"),
        ("> 订票 买票\n", ":1: > does not separate .*; write words before and after a single >"),
        ("订票 > 买票 > 购票\n", ":1: > does not separate .*; write words before and after a single >"),
        ("订票 买票 >\n", ":1: > does not separate .*; write words before and after a single >"),
        ("订票>买票\n", ":1: “>” in “订票>买票” is not part of a word"),
        ("订票 买\u200b票\n", r":1: “\\u200b” in “买\\u200b票” is not part of a word"),
        ("", "holds no words; write a group of synonyms"),
        ("# nothing\n", "holds no words; write a group of synonyms"),
    ],
)
def test_a_line_that_is_not_a_group_is_named(tmp_path: Path, text: str, message: str):
    path = written(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        read_synonyms(path)
    assert str(caught.value).startswith(str(path)) and len(str(caught.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    (tmp_path / "gbk.txt").write_bytes("订票 买票\n".encode("gbk"))
    for name in ("none.txt", "gbk.txt", "."):
        with pytest.raises(DataError, match=r"no such file|not valid UTF-8|cannot be read"):
            read_synonyms(tmp_path / name)


def test_the_tables_that_come_with_cnlu_are_sound():
    assert len(read_synonyms(SYNONYMS)) > 200
    assert {place for places in fillers().values() for place in places} == set(PLACES)
    for path in (SYNONYMS, FILLERS):
        lines = [line.strip() for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]
        assert len(set(lines)) == len(lines)
