"""Lookup tables, regexes and synonyms."""

from __future__ import annotations

from pathlib import Path

from cnlu.check.check import check
from cnlu.check.corpus import build_corpus
from cnlu.check.report import as_json
from cnlu.config import Config
from cnlu.data.load import load_data
from tests.check.examples import Found, line_of, write

GO = "intent: go|去[北京](city)吧|坐[G12](train)"


def test_rejected_entries_have_their_line_and_are_counted(corpus) -> None:
    checked = corpus([GO, r"regex: train|G\d+|[GD", "lookup: city|北京| "])
    seen = [one for one in check(checked) if one.code == "rejected-entry"]
    assert [line_of(one) for one in seen] == [14, 10]
    assert as_json(seen, checked, 1)["dictionaries"] == {"loaded": 2, "rejected": 2}


def test_a_suspicious_regex_is_reported(found: Found) -> None:
    (one,) = found([GO, r"regex: train|\bG\d+"], "suspicious-regex")
    assert line_of(one) == 9 and "leave it out" in one.fix


def test_regexes_that_match_no_example_are_reported(found: Found) -> None:
    (one,) = found([GO, r"regex: train|G\d+|K\d+"], "unused-regex")
    assert one.text == r"K\d+" and line_of(one) == 10


def test_unused_entries_of_a_table_are_one_info(found: Found) -> None:
    (one,) = found([GO, "lookup: city|北京|上海|南京"], "unused-entry")
    assert [one.text, *(place.text for place in one.related)] == ["上海", "南京"]
    assert one.severity == "info"


def test_a_table_without_any_entry_in_the_examples_is_a_warning(found: Found) -> None:
    assert [one.code for one in found([GO, "lookup: city|上海|南京"])] == ["unused-table"]


def test_an_entry_inside_a_longer_one_is_used(found: Found) -> None:
    assert found([GO, "intent: b|去北京西站啊", "lookup: station|北京西站|北京西"], "unused-entry") == []


def test_entries_of_a_lookup_file_have_their_line_in_it(tmp_path: Path) -> None:
    (tmp_path / "cities.txt").write_text("北京\n\n上海\n", encoding="utf-8")
    data = load_data(write(tmp_path, [GO, "lookup: city|cities.txt"]))
    (one,) = [one for one in check(build_corpus(data, None, Config())) if one.code == "unused-entry"]
    assert one.source == f"{tmp_path / 'cities.txt'}:3"


def test_synonyms_that_occur_in_no_example_are_reported(found: Found) -> None:
    (one,) = found([GO, "synonym: 北京|帝都|京城", "synonym: 上海|魔都"], "unused-synonym")
    assert [place.text for place in one.related] == ["京城", "魔都"]
