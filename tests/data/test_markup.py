"""Reading and writing an annotated line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.markup import emit_markup, parse_markup
from cnlu.data.schema import Entity
from cnlu.errors import DataError


@pytest.mark.parametrize(
    ("line", "text", "entities"),
    [
        ("去北京", "去北京", []),
        ("去[北京](city)", "去北京", [Entity(1, 3, "city", "北京")]),
        ("去[魔都](city:上海)吧", "去魔都吧", [Entity(1, 3, "city", "上海")]),
        (
            '从[A]{"entity": "c", "role": "from", "group": "1", "value": "b"}',
            "从A",
            [Entity(1, 2, "c", "b", role="from", group="1")],
        ),
        (
            '[果][{"entity": "x"}, {"entity": "y", "value": 2}]',
            "果",
            [Entity(0, 1, "x", "果"), Entity(0, 1, "y", "2")],
        ),
        ("😀[𠀀](a)[b](c)", "😀𠀀b", [Entity(1, 2, "a", "𠀀"), Entity(2, 3, "c", "b")]),
        ("一个 [括号] 和 (圆的)", "一个 [括号] 和 (圆的)", []),
        ("[](a) [x](:b) [x](a:) [x]{} [x]", "[](a) [x](:b) [x](a:) [x]{} [x]", []),
        ("看[这[里](place)", "看这[里", [Entity(1, 4, "place", "这[里")]),
        ("见[1][2]", "见1", []),
        ("[a](b c: d)", "a", [Entity(0, 1, "b c", " d")]),
    ],
)
def test_every_form_is_read_as_rasa_reads_it(line: str, text: str, entities: list[Entity]) -> None:
    assert parse_markup(line, "") == (text, entities)


@pytest.mark.parametrize(
    "line",
    [
        "[x]{entity: city}",
        '[x]{"role": "r"}',
        '[x]{"entity": 3}',
        '[x]{"entity": "a", "role": 1}',
        '[x]{"entity": "a", "value": null}',
        '[x]{"entity": "a", "value": true}',
        '[x][{"entity": ""}]',
        "用[它]{名}",
    ],
)
def test_the_error_about_an_invalid_annotation_names_its_place(line: str) -> None:
    with pytest.raises(DataError, match=r"^nlu\.yml:7: "):
        parse_markup(line, "nlu.yml:7")


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("见[1](2)", []),
        ("一]二", [Entity(0, 3, "x", "一]二")]),
        ("[一 二", [Entity(3, 4, "x", "二")]),
        ("一二三", [Entity(0, 2, "x", "一二"), Entity(1, 3, "y", "二三")]),
        ("一", [Entity(0, 2, "x", "一")]),
        ("一", [Entity(0, 0, "x", "")]),
        ("一[", [Entity(0, 1, "x", "一", role="")]),
    ],
)
def test_text_that_would_be_read_differently_is_refused_with_the_advice_to_use_jsonl(
    text: str, entities: list[Entity]
) -> None:
    with pytest.raises(DataError, match="nlu.yml:3: .*JSONL"):
        emit_markup(text, entities, "nlu.yml:3")


@pytest.mark.parametrize(
    ("entity", "line"),
    [
        (Entity(1, 3, "city", "北京"), "去[北京](city)"),
        (Entity(1, 3, "city", "Beijing"), "去[北京](city:Beijing)"),
        (Entity(1, 3, "city", "北京(市)"), '去[北京]{"entity": "city", "value": "北京(市)"}'),
        (Entity(1, 3, "a:b", "北京", role="to"), '去[北京]{"entity": "a:b", "role": "to"}'),
        (Entity(1, 3, "a}]", "北京"), "去[北京](a}])"),
        (Entity(1, 3, "a)", "}]"), '去[北京]{"entity": "a)", "value": "\\u007d\\u005d"}'),
    ],
)
def test_the_shortest_form_that_holds_the_entity_is_written(entity: Entity, line: str) -> None:
    assert emit_markup("去北京", [entity], "") == line


_TEXT = st.text(alphabet=st.one_of(st.sampled_from('[](){}:",\\ \0\n北京😀，'), st.characters()), max_size=12)


@given(st.data())
def test_a_written_line_is_read_back_unchanged(data: st.DataObject) -> None:
    text = data.draw(_TEXT)
    entities = []
    for _ in range(data.draw(st.integers(0, 3)) if text else 0):
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        value = data.draw(st.one_of(st.just(text[start:end]), _TEXT))
        role, group = data.draw(st.tuples(*[st.one_of(st.none(), _TEXT)] * 2))
        entities.append(Entity(start, end, data.draw(_TEXT), value, role=role, group=group))
    entities.sort(key=lambda entity: entity.start)
    try:
        line = emit_markup(text, entities, "")
    except DataError as error:
        assert "JSONL" in str(error)
        return
    assert parse_markup(line, "") == (text, entities)


@pytest.mark.parametrize("piece", ["[", "[a](", "[a](b:", "[a]{", "[a][", "[]"])
def test_a_hundred_thousand_brackets_are_read_fast(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    assert parse_markup(text, "")[0].startswith(piece[0]) or piece == "[a]["
