from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.features.lexicon import Lexicon, Match, without_overlaps
from cnlu.text.normalize import Normalizer

NORMALIZER = Normalizer()
ALPHABET = "北京西站南aＢ1２㎏k号 "
ENTRIES = st.lists(st.text(ALPHABET, max_size=4), max_size=8)


def matches(text, lookups=None, regexes=None):
    return Lexicon(lookups or {}, regexes or {}, NORMALIZER).matches(NORMALIZER.normalize(text))


def surfaces(text, lookups=None, regexes=None):
    return [(text[m.start : m.end], m.name) for m in matches(text, lookups, regexes)]


@given(ENTRIES, st.text(ALPHABET + "\ud800ß…", max_size=30))
def test_the_text_of_a_lookup_match_normalizes_to_its_entry(entries, text):
    for match in matches(text, {"t": entries}):
        entry = NORMALIZER.normalize(match.entry).text.strip()
        assert NORMALIZER.normalize(text[match.start : match.end]).text == entry
        assert match.entry in entries


@given(ENTRIES, st.text("北京西站南号", max_size=12))
def test_every_occurrence_in_chinese_text_matches_unless_a_longer_match_covers_it(entries, text):
    hits = {(m.start, m.end) for m in matches(text, {"t": entries})}
    for entry in {NORMALIZER.normalize(e).text.strip() for e in entries} - {""}:
        for start in range(len(text) - len(entry) + 1):
            if text.startswith(entry, start):
                assert any(a <= start and start + len(entry) <= b for a, b in hits)


@given(ENTRIES, st.text(ALPHABET, max_size=30))
def test_the_order_of_matches_does_not_depend_on_the_order_of_the_tables(entries, text):
    forwards = matches(text, {"a": entries, "b": entries[:3]}, {"r": [r"\d", "[北南]."]})
    backwards = matches(text, {"b": entries[:3], "a": entries}, {"r": [r"\d", "[北南]."]})
    assert forwards == backwards


def test_an_entry_matches_between_chinese_characters():
    hits = matches("我去上海虹桥吧", {"station": ["上海虹桥"]})
    assert hits == [Match(2, 6, "station", "lookup", "上海虹桥")]


def test_width_and_case_of_the_entry_and_of_the_text_do_not_matter():
    assert matches("买ＩＰＨＯＮＥ", {"product": ["iPhone"]}) == [Match(1, 7, "product", "lookup", "iPhone")]


def test_a_match_never_splits_a_raw_character():
    assert surfaces("重3㎏", {"unit": ["kg"], "letter": ["k"]}) == [("㎏", "unit")]


def test_a_match_never_splits_a_run_of_letters_or_digits():
    tables = {"line": ["3号线"], "train": ["G1"], "brand": ["mi"]}
    assert surfaces("坐13号线G1024发email", tables) == []
    assert surfaces("坐3号线G1去mi店", tables) == [("3号线", "line"), ("G1", "train"), ("mi", "brand")]


def test_within_a_table_a_match_inside_a_longer_one_is_dropped():
    assert surfaces("到北京西站", {"place": ["北京", "北京西站", "西站"]}) == [("北京西站", "place")]


def test_overlapping_matches_are_all_kept():
    hits = surfaces("南京市长江大桥", {"t": ["南京市长", "长江大桥"]})
    assert hits == [("南京市长", "t"), ("长江大桥", "t")]


def test_matches_of_one_table_do_not_hide_those_of_another():
    tables = {"city": ["北京"], "station": ["北京西站", "北京"]}
    assert surfaces("到北京西站", tables) == [("北京", "city"), ("北京西站", "station")]


def test_an_entry_may_be_in_several_tables():
    assert surfaces("苹果", {"fruit": ["苹果"], "brand": ["苹果"]}) == [("苹果", "brand"), ("苹果", "fruit")]


def test_regexes_match_the_raw_text():
    assert surfaces("Ｇ12和G34", {}, {"train": [r"G\d+"]}) == [("G34", "train")]


def test_empty_matches_of_a_regex_are_ignored():
    assert surfaces("明天3点", {}, {"number": [r"\d*"]}) == [("3", "number")]


def test_invalid_entries_and_patterns_are_rejected_and_the_others_are_used():
    lexicon = Lexicon({"city": ["", " \u3000", "北京"]}, {"n": ["[", r"\d{2}", "a{99999999999}"]}, NORMALIZER)
    assert lexicon.loaded == 2
    assert len(lexicon.rejected) == 4
    assert "`city`" in lexicon.rejected[0]
    assert "`n`" in lexicon.rejected[2] and "`[`" in lexicon.rejected[2]
    assert [m.entry for m in lexicon.matches(NORMALIZER.normalize("北京10"))] == ["北京", r"\d{2}"]


@pytest.mark.parametrize(
    ("pattern", "word"), [(r"\b北京\b", r"\b"), (r"\d*", "empty string"), (r"\\b", None), (r"\d{4}", None)]
)
def test_a_pattern_that_probably_does_not_work_as_intended_gets_a_note(pattern, word):
    notes = Lexicon({}, {"r": [pattern]}, NORMALIZER).notes
    assert (word is None and notes == []) or (word is not None and word in notes[0])


def test_empty_dictionaries_or_texts_have_no_matches():
    assert matches("我去上海") == []
    assert matches("", {"city": ["上海"]}, {"n": ["."]}) == []


def test_without_overlaps_keeps_the_leftmost_and_longest_matches():
    hits = matches("南京市长江大桥", {"a": ["南京市长", "南京"], "b": ["长江大桥", "大桥", "南京市"]})
    kept = without_overlaps(hits)
    assert [(m.start, m.end) for m in kept] == [(0, 4)]
    assert without_overlaps([m for m in hits if m.name == "b"]) == [m for m in hits if m.name == "b"]
