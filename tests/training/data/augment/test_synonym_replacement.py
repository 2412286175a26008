"""Synonym replacement and dropped fillers: copies keep the intent and the entities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.schema import Entity, Example
from cnlu.text.segment import Segmenter
from cnlu.training.data.augment.homophones import substitute_homophones
from cnlu.training.data.augment.synonym_replacement import drop_fillers, replace_synonyms
from cnlu.training.data.augment.word_tables import SYNONYMS, fillers, read_synonyms

SEGMENTER = Segmenter()
TABLE = read_synonyms(SYNONYMS)


def example(*parts: str | tuple[str, str]) -> Example:
    """An example from pieces: plain text or (text, type)."""
    text, entities = "", []
    for part in parts:
        plain = isinstance(part, str)
        surface = part if plain else part[0]
        if not plain:
            span = len(text), len(text) + len(surface)
            entities.append(Entity(*span, part[1], f"<{surface}>", role="role", group="1"))
        text += surface
    return Example(text, "ask", tuple(entities), metadata={"kept": True})


def in_other_words(one: Example, seed: int = 1, chance: float = 1.0) -> str | None:
    return next((copy.text for copy in replace_synonyms([one], chance, seed, SEGMENTER, TABLE)), None)


def plainly(one: Example, chance: float = 1.0) -> str | None:
    return next((copy.text for copy in drop_fillers([one], chance, 1, SEGMENTER)), None)


SAID = st.sampled_from([*sorted(TABLE)[::3], *fillers(), "，", " ", "😊", "票", "北京", "Ａ\u0301", "\ud800"])
PIECES = st.one_of(SAID, SAID.map(lambda text: (text, "thing")), st.text(max_size=3))
WAYS = {
    "synonyms": lambda examples, chance, seed: replace_synonyms(examples, chance, seed, SEGMENTER, TABLE),
    "fillers": lambda examples, chance, seed: drop_fillers(examples, chance, seed, SEGMENTER),
    "homophones": lambda examples, chance, seed: substitute_homophones(examples, chance, seed, SEGMENTER),
}


def annotations_of(one: Example) -> list[tuple[object, ...]]:
    return [(one.text[e.start : e.end], e.entity, e.value, e.role, e.group) for e in one.entities]


@pytest.mark.parametrize("way", WAYS)
@given(st.lists(PIECES, min_size=1, max_size=9), st.integers(0, 5))
def test_entities_and_intent_stay_and_no_copy_is_its_example(way: str, parts: list[str | tuple[str, str]], seed: int):
    if way == "homophones":
        pytest.importorskip("pypinyin")
    one = example(*parts)
    copies = WAYS[way]([one], 0.8, seed)
    assert copies == WAYS[way]([one], 0.8, seed)
    for copy in copies:
        assert copy.text.strip() and copy.text != one.text
        assert annotations_of(copy) == annotations_of(one)
        assert (copy.intent, copy.metadata) == ("ask", {"kept": True})
        if way == "homophones":
            assert len(copy.text) == len(one.text)


def test_overlapping_entities_move_along():
    text = "请问上海东站怎么走"
    both = Example(text, "ask", (Entity(2, 4, "city", "上海"), Entity(2, 6, "station", "上海东站")))
    (copy,) = drop_fillers([both], 1.0, 1, SEGMENTER)
    assert [copy.text[e.start : e.end] for e in copy.entities] == ["上海", "上海东站"]


def test_a_phrase_is_replaced_by_a_synonym():
    found = {in_other_words(example("帮我查一下", ("明天", "date"), "的票"), seed) for seed in range(40)}
    assert {"替我查查明天的票", "给我查询一下明天的票"} <= found
    assert all(text is not None and text.endswith("明天的票") for text in found)


def test_the_longest_phrase_is_replaced():
    assert in_other_words(example("怎么还没到")) == "为什么还没到"
    assert in_other_words(example("怎么退票")) in {"如何退票", "怎样退票"}


def test_parts_of_longer_words_and_entities_stay():
    assert in_other_words(example("查一下子弹")) != "查查子弹"  # 一下子 is a word
    assert in_other_words(example("播放", ("怎么办", "song"))) is None
    assert in_other_words(Example("为什么", "ask", (Entity(1, 2, "thing", "什"),))) is None


def test_a_probability_of_0_gives_no_copies():
    one = example("嗯，请问帮我查一下", ("明天", "date"), "的票吧")
    assert all(way([one], 0.0, 1) == [] for way in WAYS.values())


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("你好，请问明天有票吗", "明天有票吗"),
        ("嗯那个麻烦您帮我订票吧", "订票"),
        ("帮我查一下天气啊。", "查天气。"),
        ("订张票，麻烦了！", "订张票！"),
        ("哈喽😊😊退票怎么弄呢", "退票怎么弄"),
        ("订票 呃 明天的", "订票 明天的"),
        ("太麻烦了", None),
        ("那个人是谁", "人是谁"),
        ("我要那个", None),
        ("请假怎么请", None),
        ("下午一下子就到了", None),
        ("你好吗", None),
        ("你好呀，在吗", None),
        ("嗯嗯", None),
        ("呃，对", None),
    ],
)
def test_fillers_are_dropped(text: str, plain: str | None):
    assert plainly(Example(text, "ask")) == plain


def test_single_values_keep_their_neighbours():
    assert plainly(example(("北京", "city"), "呢")) is None
    assert plainly(example("去", ("北京", "city"), "呢")) == "去北京"


def test_fillers_inside_entities_stay():
    assert plainly(example("播放", ("你好", "song"))) is None
    assert plainly(example("播放", ("一下", "song"), "吧")) == "播放一下"


def test_each_filler_is_dropped_independently():
    one = [example("嗯，请问明天有票吗")] * 60
    assert {copy.text for copy in drop_fillers(one, 0.5, 1, SEGMENTER)} == {
        "请问明天有票吗",
        "嗯，明天有票吗",
        "明天有票吗",
    }
