from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.config import Config, FeatureConfig
from cnlu.errors import UsageError
from cnlu.features.build_extractor import build_extractor
from cnlu.features.extract import Extractor, Features
from cnlu.text.view import view

ANY_TEXT = st.text(st.characters() | st.sampled_from("票½ﬁ　\x00\t\n\r\x85\u2028\ud800\u202e␂ "), max_size=30)
LOOKUPS = {"city": ["哈尔滨西", "ＮＹ"], "odd\nname\t\ud800": ["北京"]}
REGEXES = {"train": ["[GD][0-9]+"]}


def extractor(**features: object) -> Extractor:
    return build_extractor(Config(features=FeatureConfig(**features)), LOOKUPS, REGEXES)  # type: ignore[arg-type]


PLAIN = extractor()


@given(ANY_TEXT)
def test_every_character_that_is_read_has_one_row(text: str) -> None:
    assert len(PLAIN.extract(view(text)).characters) == len(view(text))


@given(ANY_TEXT)
def test_features_are_single_printable_lines_that_utf8_can_hold(text: str) -> None:
    found = PLAIN.extract(view(text))
    for feature in [*found.sentence, *(feature for row in found.characters for feature in row)]:
        assert feature.isprintable() and " " not in feature
        feature.encode()


def test_a_dictionarys_odd_name_stays_one_line() -> None:
    (row, _) = PLAIN.extract(view("北京")).characters
    (hit,) = [feature for feature in row if feature.startswith("lookup.")]
    assert hit == "lookup.B=odd␀name␀␀"


@given(ANY_TEXT)
def test_a_sentences_features_do_not_repeat(text: str) -> None:
    found = PLAIN.extract(view(text)).sentence
    assert len(set(found)) == len(found)


def test_width_and_case_do_not_matter() -> None:
    assert PLAIN.extract(view("坐Ｇ12去ny")) == PLAIN.extract(view("坐g１２去NY"))


def everything(found: Features) -> list[str]:
    return [*found.sentence, *(feature for row in found.characters for feature in row)]


@pytest.mark.parametrize(
    ("setting", "mark"),
    [({"words": False}, "w."), ({"lexicon": "off"}, "lookup."), ({"sentence_ngram": 4}, "5gram=")],
)
def test_a_setting_takes_its_features_away(setting: dict[str, object], mark: str) -> None:
    text = "从哈尔滨西坐G12去上海"
    assert any(feature.startswith(mark) for feature in everything(PLAIN.extract(view(text))))
    assert not any(feature.startswith(mark) for feature in everything(extractor(**setting).extract(view(text))))


def test_hits_are_entities_of_their_own_only_where_dictionaries_are_extractors() -> None:
    text = "坐G12去哈尔滨西"
    assert PLAIN.hits(view(text)) == []
    found = extractor(lexicon="extractor").hits(view(text))
    assert [(text[hit.start : hit.end], hit.name, hit.kind) for hit in found] == [
        ("G12", "train", "regex"),
        ("哈尔滨西", "city", "lookup"),
    ]


def hits(text: str, lookups: dict[str, list[str]], regexes: dict[str, list[str]]) -> list[tuple[str, str]]:
    seen = view(text)
    found = build_extractor(Config(features=FeatureConfig(lexicon="extractor")), lookups, regexes).hits(seen)
    return [(seen.text[hit.start : hit.end], hit.name) for hit in found]


@pytest.mark.parametrize("text", ["去北京", "去 北 京", "去北\u200b京", "去 New \n York吧", "宁波。"])
def test_a_lookup_entry_is_found_whatever_stands_between_its_characters(text: str) -> None:
    (hit,) = hits(text, {"city": ["北 京", "New  York", "\ufeff宁波"]}, {})
    assert hit[1] == "city"


def test_a_regex_reads_what_is_read() -> None:
    assert hits("嗯X\u200bY1 号", {}, {"code": [r"[A-Z]{2}\d号"]}) == [("XY1号", "code")]


def test_a_regex_that_names_what_is_left_out_finds_it_in_the_raw_text() -> None:
    regexes = {"order": [r"编号\s\d+"], "loud": ["嘛！$"], "asked": [r"吗[?]"]}
    assert hits("编号 77", {}, regexes) == [("编号77", "order")] and hits("编号77", {}, regexes) == []
    assert hits("好嘛！", {}, regexes) == [("嘛", "loud")] and hits("好嘛", {}, regexes) == []
    assert hits("好吗?", {}, regexes) == [("吗", "asked")]


def test_fuzzy_pinyin_joins_what_plain_pinyin_tells_apart() -> None:
    pytest.importorskip("pypinyin", reason="pypinyin, of the extra cnlu[zh], is not installed")

    def sounds(mode: str, text: str) -> list[list[str]]:
        rows = extractor(pinyin=mode).extract(view(text)).characters
        return [[feature for feature in row if feature.startswith("py")] for row in rows]

    assert sounds("off", "张") == [[]]
    assert sounds("plain", "张三") == sounds("plain", "章叁") != sounds("plain", "脏三")
    assert sounds("fuzzy", "张三") == sounds("fuzzy", "脏山")


def test_simplifying_joins_traditional_and_simplified() -> None:
    pytest.importorskip("opencc", reason="OpenCC, of the extra cnlu[zh], is not installed")
    from cnlu.config import TextConfig

    reading = build_extractor(Config(text=TextConfig(simplify=True)), {}, {})
    assert reading.extract(view("車票")) == reading.extract(view("车票")) == PLAIN.extract(view("车票"))


def test_an_unknown_choice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"features.pinyin: is 'loud'; choose one of: off, plain, fuzzy"):
        FeatureConfig(pinyin="loud")
