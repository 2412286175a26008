"""Value substitution: copies keep the sentence, and their spans match the new values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.schema import Entity, Example
from cnlu.features.synonyms import Synonyms
from cnlu.text.normalize import Normalizer
from cnlu.training.data.augment.value_substitution import substitute_values


def example(*parts: str | tuple[str, str] | tuple[str, str, str]) -> Example:
    """An example from pieces: plain text, (text, type) or (text, type, role)."""
    text, entities = "", []
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        surface, kind, *role = part
        entities.append(Entity(len(text), len(text) + len(surface), kind, surface, role=role[0] if role else None))
        text += surface
    return Example(text, "ask", tuple(entities))


FROM = [("北京", "place", "from"), ("乌鲁木齐", "place", "from")]
TO = [("上海", "place", "to"), ("呼和浩特", "place", "to"), ("厦门", "place", "to")]
DATES = [("明天", "date"), ("下周三", "date")]
PIECES = st.one_of(st.sampled_from([*FROM, *TO, *DATES]), st.text("从到去的票吗，", min_size=1, max_size=4))


@given(st.lists(st.lists(PIECES, min_size=1, max_size=6), min_size=1, max_size=5), st.integers(0, 9))
def test_types_and_surrounding_text_stay_unchanged(sentences, seed):
    examples = [example(*parts) for parts in sentences]
    known = {(e.entity, e.role, one.text[e.start : e.end]) for one in examples for e in one.entities}
    frames = {(_around(one), tuple((e.entity, e.role) for e in one.entities)) for one in examples}
    for copy in substitute_values(examples, 0.7, seed):
        assert (_around(copy), tuple((e.entity, e.role) for e in copy.entities)) in frames
        assert all((e.entity, e.role, copy.text[e.start : e.end]) in known for e in copy.entities)
        assert all(e.value == copy.text[e.start : e.end] for e in copy.entities)
        assert copy.intent == "ask"


def _around(one: Example) -> tuple[str, ...]:
    bounds = [0, *(place for e in one.entities for place in (e.start, e.end)), len(one.text)]
    return tuple(one.text[a:b] for a, b in zip(bounds[::2], bounds[1::2], strict=True))


def test_a_value_brings_its_canonical_form_along():
    first = Example("去帝都", "ask", (Entity(1, 3, "place", "北京"),))
    second = Example("到上海了", "ask", (Entity(1, 3, "place", "上海"),))
    for copy in substitute_values([first, second] * 10, 1.0, 1):
        (entity,) = copy.entities
        assert (copy.text[entity.start : entity.end], entity.value) in {("帝都", "北京"), ("上海", "上海")}


def test_without_other_values_there_are_no_copies():
    assert substitute_values([Example("你好", "greet", ()), example("去", ("北京", "place"))], 1.0, 1) == []


def test_overlapping_entities_are_left_alone():
    both = Example("上海东站", "ask", (Entity(0, 2, "city", "上海"), Entity(0, 4, "station", "上海东站")))
    alone = Example("北京", "ask", (Entity(0, 2, "city", "北京"),))
    assert {copy.text for copy in substitute_values([both, alone] * 10, 1.0, 1)} == {"上海"}


def test_the_same_seed_gives_the_same_copies():
    examples = [example("从", FROM[0], "到", TO[i % 3], DATES[i % 2]) for i in range(9)]
    assert (
        substitute_values(examples, 0.5, 3)
        == substitute_values(examples, 0.5, 3)
        != substitute_values(examples, 0.5, 4)
    )


def test_half_of_the_values_come_from_a_lookup_table_however_long():
    examples = [example("去", FROM[i % 2], "的票") for i in range(400)]
    listed = [f"某地{i}" for i in range(5000)]
    copies = substitute_values(examples, 1.0, 1, {"place": listed, "else": ["别处"]})
    drawn = [copy.text[e.start : e.end] for copy in copies for e in copy.entities]
    assert 0.4 < sum(value in set(listed) for value in drawn) / len(examples) < 0.6
    assert set(drawn) <= {"北京", "乌鲁木齐", *listed}


SYNONYMS = Synonyms({}, {"place": {"sh": "上海"}}, Normalizer())


def test_a_listed_value_has_the_canonical_form_that_parsing_gives_it():
    one = example("去", ("北京", "place"))
    (copy,) = {
        (c.text, c.entities[0].value) for c in substitute_values([one] * 20, 1.0, 1, {"place": ["SH"]}, SYNONYMS)
    }
    assert copy == ("去SH", "上海")


def test_entries_that_cannot_be_values_are_left_out():
    one = example("去", ("北京", "place"))
    odd = ["", " ", "上\n海", "上\u200b海", "\ud800", "长" * 51, "北京", " 北京 "]
    assert substitute_values([one] * 20, 1.0, 1, {"place": odd}) == []
    assert {copy.text for copy in substitute_values([one] * 20, 1.0, 1, {"place": [*odd, " 上海 "]})} == {"去上海"}
