"""A parse result as the shell shows it."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cnlu.shell.render import View, colours_of, show

ANSI = re.compile(r"\x1b\[[\d;]+m")


def entity(start: int, end: int, kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {
        "entity": kind,
        "start": start,
        "end": end,
        "value": value,
        "confidence_entity": 0.998,
        "extractor": "CnluClassifier",
        **more,
    }


def result(
    text: str, *entities: dict[str, Any], ranking: tuple[tuple[str, float], ...] = (("点单", 0.75), ("b", 0.1))
) -> dict[str, Any]:
    names = [{"name": name, "confidence": share} for name, share in ranking]
    return {
        "text": text,
        "intent": names[0] if names else {"name": None, "confidence": 0.0},
        "intent_ranking": names,
        "entities": list(entities),
        "out_of_scope": 0.25,
    }


COFFEE = result(
    "那铁换热",
    entity(0, 2, "drink", "拿铁", role="old", group="1"),
    entity(3, 4, "temperature", "热", extractor="lookup"),
)


def test_without_colour_brackets_mark_the_entities() -> None:
    assert show(COFFEE, View()).splitlines() == [
        "  [那铁]换[热]",
        "  点单   75.0 %  ██████████████████",
        "  b      10.0 %  ██▍",
        "  那铁  drink        role old  group 1  = 拿铁   99.8 %",
        "  热    temperature                              99.8 %  by lookup",
        "  out_of_scope score 0.250",
    ]


def test_in_colour_a_type_has_the_same_colour_in_the_sentence_and_below() -> None:
    shown = show(COFFEE, View(colours=colours_of(["drink", "temperature"])))
    assert re.findall(r"(\x1b\[1;\d+m)那铁\x1b\[0m", shown) == ["\x1b[1;36m"] * 2
    assert re.findall(r"(\x1b\[1;\d+m)热\x1b\[0m", shown) == ["\x1b[1;33m"] * 2
    assert ANSI.sub("", shown).replace("那铁换热", "[那铁]换[热]") == show(COFFEE, View())


def test_top_sets_the_number_of_intents() -> None:
    assert "b " not in show(COFFEE, View(top=1))


def test_a_model_without_intents_or_a_text_without_entities_says_so() -> None:
    shown = show(result("喂", ranking=()), View())
    assert "no intent" in shown and "no entities" in shown


def test_bars_can_be_drawn_without_block_characters() -> None:
    assert show(COFFEE, View(blocks=False)).isascii() is False
    assert "#" * 18 in show(COFFEE, View(blocks=False)) and "█" not in show(COFFEE, View(blocks=False))


@given(st.text(st.characters(), min_size=1))
def test_the_raw_result_reads_back_whatever_the_text(text: str) -> None:
    shown = show(result(text), View(raw=True))
    assert json.loads(shown)["text"] == json.loads(json.dumps(text))
    assert all(ch.isprintable() or ch in "\n\u200d\u3000\xa0" for ch in shown)


@given(st.text(st.characters(), min_size=1), st.data())
def test_no_text_and_no_label_steers_the_terminal(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    one = entity(start, data.draw(st.integers(start + 1, len(text))), text, text[::-1], role=text, group=text)
    for colours in ({}, {"x": "1;31"}):
        shown = ANSI.sub("", show(result(text, one, ranking=((text, 0.5),)), View(colours=colours)))
        if "\x1b[" not in text:
            assert all(ch.isprintable() or ch in "\n\u200d\u3000\xa0" for ch in shown)
