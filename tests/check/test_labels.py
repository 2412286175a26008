"""Names of intents, types, roles and groups."""

from __future__ import annotations

import pytest

from cnlu.check.check import check
from tests.check.examples import Found, jsonl, line_of


@pytest.mark.parametrize("other", ["Book_Ticket", "book-ticket", "ｂｏｏｋ_ticket", "bookTicket", "book ticket"])
def test_intents_that_differ_in_case_width_or_separators_are_reported(found: Found, other: str) -> None:
    (one,) = found(["intent: book_ticket|订票|买票", f"intent: {other}|来张票"], "similar-names")
    assert line_of(one) == 7 and one.text == other
    assert one.related[-1].source.endswith(":3")


def test_types_and_roles_with_similar_names_are_reported(found: Found) -> None:
    seen = found(
        [
            'intent: go|去[北京](city)|到[上海](City)|[早]{"entity": "time", "role": "To"}走|'
            '[晚]{"entity": "time", "role": "to"}走'
        ],
        "similar-names",
    )
    assert sorted(one.text for one in seen) == ["City", "to"]


def test_a_label_spelled_differently_in_the_test_data_is_reported(found: Found) -> None:
    seen = found(["intent: go|走吧"], test=["intent: Go|走了"])
    assert {"similar-names", "unknown-label"} == {one.code for one in seen}


def test_a_dictionary_with_nearly_the_name_of_a_type_is_reported(found: Found) -> None:
    (one,) = found(["intent: go|去[北京](city)", "lookup: City|北京"], "similar-names")
    assert "entity type “city”" in one.problem
    assert found(["intent: go|去[北京](city)", "lookup: station|北京"], "similar-names") == []


@pytest.mark.parametrize("name", ["null", "a b", "faq/行李", "🚄", "yes", "a:b", "O"])
def test_the_folder_may_have_any_name(found: Found, name: str) -> None:
    assert found(jsonl({"text": "走吧", "intent": name}, {"text": "来了", "intent": "other"})) == []


def test_few_examples_and_few_annotations_are_reported(corpus) -> None:
    few = ["intent: a|" + "|".join("一二三四五"), "intent: b|[六](x)|七"]
    codes = [(one.code, one.text) for one in check(corpus(few)) if one.code.startswith("few")]
    assert codes == [("few-examples", "b"), ("few-entities", "x")]


def test_imbalance_is_one_finding_for_all_small_intents(found: Found) -> None:
    large = "intent: a|" + "|".join(f"句子{n}号" for n in range(41))
    (one,) = found([large, "intent: b|走|来", "intent: c|好", "intent: d|" + "|".join("甲乙丙丁")], "imbalance")
    assert "“c” (1), “b” (2)" in one.problem and "“d”" not in one.problem
    assert len(one.related) == 2 and found([large, "intent: b|走"], "imbalance", "check.imbalance=50") == []
