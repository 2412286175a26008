"""Invisible characters, white space and punctuation without meaning do not change results."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cnlu.runtime.interpreter import Interpreter
from cnlu.text.chars import is_han

SENTENCES = ["帮我买一张明天去上海的票", "从帝都到杭州的G12还有票吗", "我在New York坐G1234", "退出", "票", "后天 两张"]
INVISIBLE = "\u200b\u200d\ufeff\u00ad\u2060\x00"
SPACES = " \u3000\t\n\u00a0"
SENTENCE = st.sampled_from(SENTENCES)


def same(one: dict[str, Any], other: dict[str, Any], places: list[int]) -> None:
    """The other answer is the one, its spans where the characters have gone."""
    assert {**other, "text": "", "entities": []} == {**one, "text": "", "entities": []}
    moved = [{**e, "start": places[e["start"]], "end": places[e["end"] - 1] + 1} for e in one["entities"]]
    assert other["entities"] == moved


def put(text: str, added: dict[int, str]) -> tuple[str, list[int]]:
    """The text with something before some characters, and where its own are then."""
    parts, places, size = list[str](), list[int](), 0
    for i, ch in enumerate(text):
        places.append(size + len(added.get(i, "")))
        parts += [added.get(i, ""), ch]
        size = places[-1] + 1
    return "".join(parts) + added.get(len(text), ""), places


@given(SENTENCE, st.data())
def test_invisible_characters_change_no_answer(tiny: Interpreter, text: str, data: st.DataObject) -> None:
    at = st.integers(0, len(text))
    changed, places = put(text, data.draw(st.dictionaries(at, st.text(INVISIBLE, min_size=1, max_size=2), min_size=1)))
    same(tiny.parse(text), tiny.parse(changed), places)


@given(SENTENCE, st.data())
def test_white_space_beside_chinese_and_at_the_edges_changes_no_answer(
    tiny: Interpreter, text: str, data: st.DataObject
) -> None:
    free = [i for i in range(len(text) + 1) if i in (0, len(text)) or is_han(text[i - 1]) or is_han(text[i])]
    at = st.sampled_from(free)
    changed, places = put(text, data.draw(st.dictionaries(at, st.text(SPACES, min_size=1, max_size=2), min_size=1)))
    same(tiny.parse(text), tiny.parse(changed), places)


@given(SENTENCE, st.text("。．！!？?…~ ", min_size=1, max_size=3))
@example("退出", " ")
def test_marks_at_the_end_change_no_answer(tiny: Interpreter, text: str, special_tokens: str) -> None:
    same(tiny.parse(text), tiny.parse(text + special_tokens), list(range(len(text))))


@pytest.mark.parametrize("text", ["？", "。。。", "!\u200b?", "…… 。"])
def test_a_text_of_punctuation_alone_gets_a_result(tiny: Interpreter, text: str) -> None:
    assert tiny.parse(text)["intent"]["name"] in tiny.labels.intents


def test_a_value_has_no_invisible_characters(tiny: Interpreter) -> None:
    (entity,) = [e for e in tiny.parse("明天到 杭\u200b 州\ufeff的票")["entities"] if e["entity"] == "place"]
    assert (entity["value"], entity["start"], entity["end"]) == ("杭州", 4, 8)


def test_a_synonym_matches_whatever_spaces_are_between_its_characters(tiny: Interpreter) -> None:
    for text in ("从 魔 都 到北京", "从魔\u200b都到北京"):
        assert "上海" in {entity["value"] for entity in tiny.parse(text)["entities"]}


def test_long_texts_are_cut_where_they_are_read(tiny: Interpreter) -> None:
    """Windows count what is read, so that more white space makes no more of them."""
    text = "我想问问" * 60 + "明天从上海到北京的高铁多少钱"
    changed, places = put(text, dict.fromkeys(range(len(text)), " \u200b"))
    same(tiny.parse(text), tiny.parse(changed), places)
