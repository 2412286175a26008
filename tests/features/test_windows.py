from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cnlu.features.windows import windows


@given(st.integers(0, 3000), st.integers(16, 300))
def test_the_kept_parts_cover_the_text_without_overlaps(length: int, size: int) -> None:
    kept = [i for window in windows(length, size) for i in range(window.keep_start, window.keep_end)]
    assert kept == list(range(length))


@given(st.integers(1, 3000), st.integers(16, 300))
def test_windows_are_inside_the_text_and_within_the_size(length: int, size: int) -> None:
    for window in windows(length, size):
        assert 0 <= window.start <= window.keep_start < window.keep_end <= window.end <= length
        assert window.end - window.start <= size


@given(st.integers(1, 3000), st.integers(16, 300))
def test_kept_characters_have_context_on_both_sides_unless_the_text_ends(length: int, size: int) -> None:
    for window in windows(length, size):
        assert window.start == 0 or window.keep_start - window.start >= size // 4 // 2
        assert window.end == length or window.end - window.keep_end >= size // 4 // 2
