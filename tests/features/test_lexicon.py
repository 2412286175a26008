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


def found(text, lookups=None, regexes=None):
    return [(text[m.start : m.end], m.name) for m in matches(text, lookups, regexes)]


@given(ENTRIES, st.text(ALPHABET + "\ud800ß…", max_size=30))
def test_a_lookup_hit_s_raw_slice_normalises_to_its_entry(entries, text):
    for hit in matches(text, {"t": entries}):
        entry = NORMALIZER.normalize(hit.entry).text.strip()
        assert NORMALIZER.normalize(text[hit.start : hit.end]).text == entry
        assert hit.entry in entries


@given(ENTRIES, st.text("北京西站南号", max_size=12))
def test_every_occurrence_in_chinese_text_is_found_unless_a_longer_one_covers_it(entries, text):
    hits = {(m.start, m.end) for m in matches(text, {"t": entries})}
    for entry in {NORMALIZER.normalize(e).text.strip() for e in entries} - {""}:
        for start in range(len(text) - len(entry) + 1):
            if text.startswith(entry, start):
                assert any(a <= start and start + len(entry) <= b for a, b in hits)


@given(ENTRIES, st.text(ALPHABET, max_size=30))
def test_the_order_of_the_hits_does_not_depend_on_the_order_of_the_tables(entries, text):
    forwards = matches(text, {"a": entries, "b": entries[:3]}, {"r": [r"\d", "[北南]."]})
    backwards = matches(text, {"b": entries[:3], "a": entries}, {"r": [r"\d", "[北南]."]})
    assert forwards == backwards


def test_an_entry_is_found_between_chinese_characters():
    hits = matches("我去上海虹桥吧", {"station": ["上海虹桥"]})
    assert hits == [Match(2, 6, "station", "lookup", "上海虹桥")]


def test_width_and_case_of_the_entry_and_of_the_text_do_not_matter():
    assert matches("买ＩＰＨＯＮＥ", {"product": ["iPhone"]}) == [Match(1, 7, "product", "lookup", "iPhone")]


def test_only_whole_raw_characters_count():
    assert found("重3㎏", {"unit": ["kg"], "letter": ["k"]}) == [("㎏", "unit")]


def test_runs_of_letters_and_digits_are_never_cut_into():
    tables = {"line": ["3号线"], "train": ["G1"], "brand": ["mi"]}
    assert found("坐13号线G1024发email", tables) == []
    assert found("坐3号线G1去mi店", tables) == [("3号线", "line"), ("G1", "train"), ("mi", "brand")]


def test_within_a_table_the_longer_entry_hides_the_one_inside_it():
    assert found("到北京西站", {"place": ["北京", "北京西站", "西站"]}) == [("北京西站", "place")]


def test_overlapping_entries_are_all_kept():
    hits = found("南京市长江大桥", {"t": ["南京市长", "长江大桥"]})
    assert hits == [("南京市长", "t"), ("长江大桥", "t")]


def test_tables_do_not_hide_each_other_s_entries():
    tables = {"city": ["北京"], "station": ["北京西站", "北京"]}
    assert found("到北京西站", tables) == [("北京", "city"), ("北京西站", "station")]


def test_one_entry_may_stand_in_several_tables():
    assert found("苹果", {"fruit": ["苹果"], "brand": ["苹果"]}) == [("苹果", "brand"), ("苹果", "fruit")]


def test_regexes_see_the_raw_text():
    assert found("Ｇ12和G34", {}, {"train": [r"G\d+"]}) == [("G34", "train")]


def test_empty_matches_of_a_regex_are_ignored():
    assert found("明天3点", {}, {"number": [r"\d*"]}) == [("3", "number")]


def test_bad_entries_and_patterns_are_rejected_with_a_sentence_and_the_rest_works():
    lexicon = Lexicon({"city": ["", " \u3000", "北京"]}, {"n": ["[", r"\d{2}", "a{99999999999}"]}, NORMALIZER)
    assert lexicon.loaded == 2
    assert len(lexicon.rejected) == 4
    assert "`city`" in lexicon.rejected[0]
    assert "`n`" in lexicon.rejected[2] and "`[`" in lexicon.rejected[2]
    assert [m.entry for m in lexicon.matches(NORMALIZER.normalize("北京10"))] == ["北京", r"\d{2}"]


@pytest.mark.parametrize(
    ("pattern", "word"), [(r"\b北京\b", r"\b"), (r"\d*", "empty string"), (r"\\b", None), (r"\d{4}", None)]
)
def test_a_pattern_that_hardly_works_as_meant_gets_a_note(pattern, word):
    notes = Lexicon({}, {"r": [pattern]}, NORMALIZER).notes
    assert (word is None and notes == []) or (word is not None and word in notes[0])


def test_without_anything_to_find_nothing_is_found():
    assert matches("我去上海") == []
    assert matches("", {"city": ["上海"]}, {"n": ["."]}) == []


def test_of_overlapping_hits_the_leftmost_and_longest_stands():
    hits = matches("南京市长江大桥", {"a": ["南京市长", "南京"], "b": ["长江大桥", "大桥", "南京市"]})
    kept = without_overlaps(hits)
    assert [(m.start, m.end) for m in kept] == [(0, 4)]
    assert without_overlaps([m for m in hits if m.name == "b"]) == [m for m in hits if m.name == "b"]
