from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.errors import UsageError
from cnlu.text import normalize
from cnlu.text.normalize import Normalizer

ODD_TEXT = st.text("Ａb①㎏…ﷺß´\ud83d 车\x00", max_size=20)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40) | ODD_TEXT
NORMALIZERS = st.builds(Normalizer, width=st.booleans(), case=st.booleans())


@pytest.fixture(autouse=True)
def fresh_tables():
    """Some tests pretend that OpenCC is another library, or none."""
    normalize._piece_table.cache_clear()
    yield
    normalize._piece_table.cache_clear()


@given(NORMALIZERS, ANY_TEXT)
def test_every_raw_character_has_one_piece_that_is_not_empty(normalizer, raw):
    done = normalizer.normalize(raw)
    assert len(done.pieces) == len(raw)
    assert all(done.pieces)
    assert done.text == "".join(done.pieces)
    assert len(done.raw_of) == len(done.text)


@given(NORMALIZERS, ANY_TEXT)
def test_raw_of_points_to_the_character_that_a_piece_came_from(normalizer, raw):
    done = normalizer.normalize(raw)
    for index, piece in enumerate(done.pieces):
        first = done.raw_of.index(index)
        assert done.text[first : first + len(piece)] == piece
        assert done.raw_of.count(index) == len(piece)


@given(ANY_TEXT, st.integers(-3, 60), st.integers(-3, 60))
def test_a_span_of_the_text_comes_back_as_whole_raw_characters_around_it(raw, start, end):
    done = Normalizer().normalize(raw)
    raw_start, raw_end = done.to_raw(start, end)
    assert 0 <= raw_start <= raw_end <= len(raw)
    covered = done.text[max(start, 0) : max(end, 0)]
    assert covered in "".join(done.pieces[raw_start:raw_end])
    assert bool(covered) == (raw_start < raw_end)


@given(NORMALIZERS, ANY_TEXT)
def test_normalising_twice_changes_nothing_more(normalizer, raw):
    once = normalizer.normalize(raw).text
    assert normalizer.normalize(once).text == once


@given(NORMALIZERS, ANY_TEXT)
def test_whatever_comes_out_can_be_encoded(normalizer, raw):
    normalizer.normalize(raw).text.encode("utf-8")


def test_width_and_case_are_folded():
    assert Normalizer().normalize("Ｇ１２，Ok　㎏").text == "g12,ok kg"


def test_each_folding_can_be_turned_off():
    assert Normalizer(width=False).normalize("ＡB，").text == "ａb，"
    assert Normalizer(case=False).normalize("ＡB，").text == "AB,"


def test_control_characters_and_lone_surrogates_keep_their_place():
    done = Normalizer().normalize("a\x00\ud800\u200b\tb")
    assert done.pieces == ["a", "\x00", "\ufffd", "\u200b", "\t", "b"]


def test_an_accent_standing_alone_does_not_become_a_space():
    assert Normalizer().normalize("a´b").text == "a´b"


def test_a_span_inside_a_widened_character_snaps_to_all_of_it():
    done = Normalizer().normalize("重㎏吗")
    assert done.text == "重kg吗"
    assert done.to_raw(2, 3) == (1, 2)
    assert done.to_raw(2, 4) == (1, 3)


def test_the_empty_text_is_fine():
    done = Normalizer().normalize("")
    assert (done.text, done.pieces, done.to_raw(0, 0)) == ("", [], (0, 0))


def test_the_memory_for_characters_seen_is_bounded(monkeypatch):
    monkeypatch.setattr(normalize, "_CACHE_SIZE", 100)
    table = normalize._PieceTable(True, True, None)
    characters = [chr(code) for code in range(0x4E00, 0x5200)]
    assert [table[ch] for ch in characters] == characters
    assert len(table) == 100


def test_traditional_characters_are_simplified_on_request():
    pytest.importorskip("opencc", reason="OpenCC, of the extra cnlu[zh], is not installed")
    assert Normalizer(simplify=True).normalize("請問臺北車站ＯＫ").text == "请问台北车站ok"


def test_simplifying_asks_the_library_for_one_character_at_a_time(monkeypatch):
    library = ModuleType("opencc")
    library.OpenCC = lambda name: SimpleNamespace(convert=lambda ch: {"車": "车"}.get(ch, ch))
    monkeypatch.setitem(sys.modules, "opencc", library)
    assert Normalizer(simplify=True).normalize("火車Ａ").pieces == ["火", "车", "a"]


def test_simplifying_without_the_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(UsageError, match=r"cnlu\[zh\]"):
        Normalizer(simplify=True)
