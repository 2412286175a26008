"""Values that are annotated in some examples and not in others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cnlu.check.check import check
from cnlu.check.corpus import build_corpus
from cnlu.config import Config
from cnlu.data.load import load_data
from tests.check.examples import Found, line_of

CITIES = ["北京", "上海", "南京", "武汉", "杭州", "广州"]
ROUTES = [f"从[{one}](city)去[{two}](city)" for one in CITIES for two in CITIES if one != two]


def bot(*more: str) -> list[str]:
    """Thirty annotated sentences, and what is added to them."""
    return ["|".join(["intent: go", *ROUTES, *more])]


def test_a_value_without_an_annotation_is_reported_with_evidence(found: Found) -> None:
    (one,) = found(bot("北京那边还有票吗"), "missing-annotation")
    assert line_of(one) == 5 + len(ROUTES)
    assert "“北京” at 0-2 without an annotation; in 10 of 11 places it is city" in one.problem
    assert one.fix == "annotate [北京](city)"
    assert one.related


def test_a_rare_value_is_judged_by_its_type(found: Found) -> None:
    (one,) = found(bot("去[张掖](city)", "张掖那边还有票吗"), "missing-annotation")
    assert "1 of 2 places" in one.problem


@pytest.mark.parametrize(
    "bare",
    [
        "去[北京西站](station)",  # inside a longer value
        "北京大学怎么走",  # inside a longer word
        "去[南](city)",
    ],
)
def test_characters_that_are_not_the_value_are_no_finding(found: Found, bare: str) -> None:
    assert found(bot(bare, *["去[北京西站](station)看"] * 3), "missing-annotation") == []


def test_the_longer_of_two_matching_values_is_reported(found: Found) -> None:
    seen = found(bot(*[f"到[北京西站](city){end}" for end in "啊呀哦哈"], "北京西站怎么走"), "missing-annotation")
    assert [("“北京西站”" in one.problem, "annotate [北京西站]" in one.fix) for one in seen] == [(True, True)]


def test_a_common_word_is_judged_by_its_own_places(found: Found) -> None:
    students = [f"买[学生](ticket)票{end}" for end in "啊呀哦哈"]
    assert found(bot(*students, "学生放假行李多"), "missing-annotation") == []


@pytest.mark.parametrize("text", ["晚上好", "晚上好啊，在吗", "大晚上的还不睡", "等了一晚上"])
def test_greetings_and_durations_contain_no_time(found: Found, text: str) -> None:
    times = [f"[晚上](time)去[{city}](city){end}" for city in CITIES for end in ("", "吧", "的")]
    assert found(bot(*times, text), "missing-annotation") == []
    assert found(bot(*times, "晚上还有票吗"), "missing-annotation")


def test_values_of_one_character_are_no_evidence(found: Found) -> None:
    assert found(bot(*[f"去[沪](city){end}" for end in "啊呀哦哈"], "沪上有票吗"), "missing-annotation") == []


def test_a_word_that_mostly_has_no_annotation_is_not_reported(found: Found) -> None:
    assert found(bot("放[你好](song)", *[f"你好，第{n}次" for n in range(9)]), "missing-annotation") == []


def test_an_intent_that_never_has_a_type_is_one_info(found: Found) -> None:
    chat = "intent: chat|北京好玩吗|我在上海住|武汉热不热|杭州下雨了"
    seen = found([*bot(), chat])
    assert [one.code for one in seen] == ["missing-annotation-intent"]
    assert seen[0].severity == "info" and len(seen[0].related) == 4


def test_a_lookup_table_of_the_type_says_what_is_a_value(found: Found) -> None:
    (one,) = found([*bot("张掖那边还有票吗"), "lookup: city|张掖|北京"], "missing-annotation")
    assert "“张掖”" in one.problem


def test_values_that_differ_in_width_or_case_are_the_same(found: Found) -> None:
    trains = [f"坐[G12](train)去[{city}](city)" for city in CITIES]
    (one,) = found(bot(*trains, "坐ｇ１２去"), "missing-annotation")
    assert "“ｇ１２” at 1-4" in one.problem


def test_missing_annotations_of_the_test_data_are_found_with_evidence_from_training(found: Found) -> None:
    (one,) = found(bot(), "missing-annotation", test=["intent: go|北京那边还有票吗"])
    assert "test.yml:5" in one.source


def test_the_share_asked_for_is_a_setting(found: Found) -> None:
    assert found(bot("北京那边还有票吗"), "missing-annotation", "check.missing_annotation_share=0.99") == []


def test_the_worked_domain_has_no_finding_above_info(checkout: Path) -> None:
    domain = checkout / "corpora" / "railway"
    corpus = build_corpus(load_data(domain / "train"), load_data(domain / "test"), Config())
    assert [one for one in check(corpus) if one.severity != "info"] == []


def test_dropping_one_annotation_of_the_worked_domain_is_noticed(checkout: Path, tmp_path: Path) -> None:
    train: Callable[[str], Path] = (checkout / "corpora" / "railway" / "train").__truediv__
    text = train("query.yml").read_text("utf-8")
    marked = '[北京]{"entity": "place", "role": "from"}'
    assert marked in text
    (tmp_path / "query.yml").write_text(text.replace(marked, "北京", 1), encoding="utf-8")
    for name in ("booking.yml", "service.yml"):
        (tmp_path / name).write_bytes(train(name).read_bytes())
    (one,) = [
        one for one in check(build_corpus(load_data(tmp_path), None, Config())) if one.code == "missing-annotation"
    ]
    assert "北京" in one.fix and one.source.startswith(str(tmp_path / "query.yml"))
