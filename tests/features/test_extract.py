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
def test_every_character_of_the_view_has_one_row(text: str) -> None:
    assert len(PLAIN.extract(view(text)).characters) == len(view(text))


@given(ANY_TEXT)
def test_features_are_single_printable_lines_in_utf8(text: str) -> None:
    features = PLAIN.extract(view(text))
    for feature in [*features.sentence, *(feature for row in features.characters for feature in row)]:
        assert feature.isprintable() and " " not in feature
        feature.encode()


def test_the_feature_of_a_dictionary_with_an_odd_name_is_one_line() -> None:
    (row, _) = PLAIN.extract(view("北京")).characters
    (hit,) = [feature for feature in row if feature.startswith("lookup.")]
    assert hit == "lookup.B=odd␀name␀␀"


@given(ANY_TEXT)
def test_the_features_of_a_sentence_are_unique(text: str) -> None:
    features = PLAIN.extract(view(text)).sentence
    assert len(set(features)) == len(features)


def test_width_and_case_do_not_matter() -> None:
    assert PLAIN.extract(view("坐Ｇ12去ny")) == PLAIN.extract(view("坐g１２去NY"))


def all_features(features: Features) -> list[str]:
    return [*features.sentence, *(feature for row in features.characters for feature in row)]


@pytest.mark.parametrize(
    ("setting", "prefix"),
    [({"words": False}, "w."), ({"lexicon": "off"}, "lookup."), ({"sentence_ngram": 4}, "5gram=")],
)
def test_a_setting_turns_its_features_off(setting: dict[str, object], prefix: str) -> None:
    text = "从哈尔滨西坐G12去上海"
    assert any(feature.startswith(prefix) for feature in all_features(PLAIN.extract(view(text))))
    assert not any(feature.startswith(prefix) for feature in all_features(extractor(**setting).extract(view(text))))


def test_matches_are_entities_only_if_dictionaries_are_extractors() -> None:
    text = "坐G12去哈尔滨西"
    assert PLAIN.hits(view(text)) == []
    matches = extractor(lexicon="extractor").hits(view(text))
    assert [(text[match.start : match.end], match.name, match.kind) for match in matches] == [
        ("G12", "train", "regex"),
        ("哈尔滨西", "city", "lookup"),
    ]


def hits(text: str, lookups: dict[str, list[str]], regexes: dict[str, list[str]]) -> list[tuple[str, str]]:
    text_view = view(text)
    matches = build_extractor(Config(features=FeatureConfig(lexicon="extractor")), lookups, regexes).hits(text_view)
    return [(text_view.text[match.start : match.end], match.name) for match in matches]


@pytest.mark.parametrize("text", ["去北京", "去 北 京", "去北\u200b京", "去 New \n York吧", "宁波。"])
def test_spaces_and_invisible_characters_do_not_hide_a_lookup_entry(text: str) -> None:
    (match,) = hits(text, {"city": ["北 京", "New  York", "\ufeff宁波"]}, {})
    assert match[1] == "city"


def test_a_regex_is_matched_on_the_view() -> None:
    assert hits("嗯X\u200bY1 号", {}, {"code": [r"[A-Z]{2}\d号"]}) == [("XY1号", "code")]


def test_a_regex_that_mentions_what_the_view_leaves_out_is_matched_on_the_raw_text() -> None:
    regexes = {"order": [r"编号\s\d+"], "loud": ["嘛！$"], "asked": [r"吗[?]"]}
    assert hits("编号 77", {}, regexes) == [("编号77", "order")] and hits("编号77", {}, regexes) == []
    assert hits("好嘛！", {}, regexes) == [("嘛", "loud")] and hits("好嘛", {}, regexes) == []
    assert hits("好吗?", {}, regexes) == [("吗", "asked")]


def test_fuzzy_pinyin_merges_sounds_that_plain_pinyin_distinguishes() -> None:
    pytest.importorskip("pypinyin", reason="pypinyin, of the extra cnlu[zh], is not installed")

    def sounds(mode: str, text: str) -> list[list[str]]:
        rows = extractor(pinyin=mode).extract(view(text)).characters
        return [[feature for feature in row if feature.startswith("py")] for row in rows]

    assert sounds("off", "张") == [[]]
    assert sounds("plain", "张三") == sounds("plain", "章叁") != sounds("plain", "脏三")
    assert sounds("fuzzy", "张三") == sounds("fuzzy", "脏山")


def test_with_simplify_traditional_and_simplified_characters_have_the_same_features() -> None:
    pytest.importorskip("opencc", reason="OpenCC, of the extra cnlu[zh], is not installed")
    from cnlu.config import TextConfig

    simplifying = build_extractor(Config(text=TextConfig(simplify=True)), {}, {})
    assert simplifying.extract(view("車票")) == simplifying.extract(view("车票")) == PLAIN.extract(view("车票"))


def test_an_unknown_value_of_a_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"features.pinyin: is 'loud'; choose one of: off, plain, fuzzy"):
        FeatureConfig(pinyin="loud")
