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
    """Empties the caches: some tests replace or remove OpenCC."""
    normalize._piece_table.cache_clear()
    yield
    normalize._piece_table.cache_clear()


@given(NORMALIZERS, ANY_TEXT)
def test_every_raw_character_has_one_non_empty_piece(normalizer, raw):
    normalized = normalizer.normalize(raw)
    assert len(normalized.pieces) == len(raw)
    assert all(normalized.pieces)
    assert normalized.text == "".join(normalized.pieces)
    assert len(normalized.raw_of) == len(normalized.text)


@given(NORMALIZERS, ANY_TEXT)
def test_raw_of_is_the_index_of_the_raw_character_of_each_piece(normalizer, raw):
    normalized = normalizer.normalize(raw)
    for index, piece in enumerate(normalized.pieces):
        first = normalized.raw_of.index(index)
        assert normalized.text[first : first + len(piece)] == piece
        assert normalized.raw_of.count(index) == len(piece)


@given(ANY_TEXT, st.integers(-3, 60), st.integers(-3, 60))
def test_to_raw_gives_the_whole_raw_characters_around_a_span(raw, start, end):
    normalized = Normalizer().normalize(raw)
    raw_start, raw_end = normalized.to_raw(start, end)
    assert 0 <= raw_start <= raw_end <= len(raw)
    covered = normalized.text[max(start, 0) : max(end, 0)]
    assert covered in "".join(normalized.pieces[raw_start:raw_end])
    assert bool(covered) == (raw_start < raw_end)


@given(NORMALIZERS, ANY_TEXT)
def test_normalization_is_idempotent(normalizer, raw):
    once = normalizer.normalize(raw).text
    assert normalizer.normalize(once).text == once


@given(NORMALIZERS, ANY_TEXT)
def test_normalized_text_can_be_encoded(normalizer, raw):
    normalizer.normalize(raw).text.encode("utf-8")


def test_width_and_case_are_folded():
    assert Normalizer().normalize("Ｇ１２，Ok　㎏").text == "g12,ok kg"


def test_each_folding_can_be_turned_off():
    assert Normalizer(width=False).normalize("ＡB，").text == "ａb，"
    assert Normalizer(case=False).normalize("ＡB，").text == "AB,"


def test_control_characters_and_lone_surrogates_keep_their_place():
    normalized = Normalizer().normalize("a\x00\ud800\u200b\tb")
    assert normalized.pieces == ["a", "\x00", "\ufffd", "\u200b", "\t", "b"]


def test_a_spacing_accent_does_not_become_a_space():
    assert Normalizer().normalize("a´b").text == "a´b"


def test_a_span_inside_an_expanded_character_maps_to_the_whole_character():
    normalized = Normalizer().normalize("重㎏吗")
    assert normalized.text == "重kg吗"
    assert normalized.to_raw(2, 3) == (1, 2)
    assert normalized.to_raw(2, 4) == (1, 3)


def test_an_empty_text_is_normalized():
    normalized = Normalizer().normalize("")
    assert (normalized.text, normalized.pieces, normalized.to_raw(0, 0)) == ("", [], (0, 0))


def test_the_cache_of_characters_is_bounded(monkeypatch):
    monkeypatch.setattr(normalize, "_CACHE_SIZE", 100)
    table = normalize._PieceTable(True, True, None)
    characters = [chr(code) for code in range(0x4E00, 0x5200)]
    assert [table[ch] for ch in characters] == characters
    assert len(table) == 100


def test_traditional_characters_are_simplified_if_the_option_is_set():
    pytest.importorskip("opencc", reason="OpenCC, of the extra cnlu[zh], is not installed")
    assert Normalizer(simplify=True).normalize("請問臺北車站ＯＫ").text == "请问台北车站ok"


def test_opencc_converts_one_character_at_a_time(monkeypatch):
    library = ModuleType("opencc")
    library.OpenCC = lambda name: SimpleNamespace(convert=lambda ch: {"車": "车"}.get(ch, ch))
    monkeypatch.setitem(sys.modules, "opencc", library)
    assert Normalizer(simplify=True).normalize("火車Ａ").pieces == ["火", "车", "a"]


def test_simplifying_without_opencc_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "opencc", None)
    with pytest.raises(UsageError, match=r"cnlu\[zh\]"):
        Normalizer(simplify=True)
