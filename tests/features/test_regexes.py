"""The user's regexes: no pattern and no text blocks the process, and common patterns match as in Python's re."""

from __future__ import annotations

import re
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.features.lexicon import Lexicon
from cnlu.features.regex_risk import has_nested_repeat
from cnlu.features.regexes import BadRegexError, TimeBudget, compile_regex
from cnlu.text.normalize import Normalizer

NORMALIZER = Normalizer()
SLOW = [
    (r"(a+)+$", "a" * 36 + "!"),
    (r"(a|aa)+$", "a" * 60 + "!"),
    (r"(.*?,){11}P", ",".join(map(str, range(40)))),
    (r"^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 60),
    (r"\s*(\w+\s?)+号$", "一二 " * 40 + "!"),
]
COMMON = [
    r"(?<!\d)1[3-9]\d{9}(?!\d)",
    r"[GDCZTK]\d{1,4}",
    r"(?i)vip",
    r"\w+路\d+号",
    r"[一二三]+[张个]",
    r"(?P<a>.)(?P=a)",
    r"^你好$",
    r"\d{4}[-/年]\d{1,2}(?:[-/月]\d{1,2})?",
    r"[^，。]+(?=，)",
    r"\bOK\b",
    r"(?:订单|单号)[:：]?\s*\w+",
]


def matches(text, *patterns):
    lexicon = Lexicon({}, {"r": list(patterns)}, NORMALIZER)
    return [(m.start, m.end, m.entry) for m in lexicon.matches(NORMALIZER.normalize(text))]


@pytest.mark.parametrize(("pattern", "text"), SLOW)
def test_a_pattern_with_catastrophic_backtracking_is_stopped(pattern, text):
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matches(text, pattern)
    assert time.process_time() - start < 2


def test_one_warning_names_a_stopped_pattern_and_the_others_still_match():
    with pytest.warns(UserWarning, match=r"Regex `r`: `\(a\|aa\)\+\$` took too long on a text of 62 characters"):
        assert matches("a" * 60 + "!7", r"(a|aa)+$", r"\d", r"(a|aa)+!$") == [(61, 62, r"\d")]


@given(st.sampled_from(COMMON), st.text("一二三张个路号订单你好，。:： GDvVipPOK0139-/年月a_", max_size=40))
def test_common_patterns_match_as_in_re(pattern, text):
    expected = [match.span() for match in re.finditer(pattern, text) if match[0]]
    assert TimeBudget(len(text)).find_all(compile_regex(pattern), text) == expected


@pytest.mark.parametrize(
    "pattern", ["(?:(?:a{1000}){1000}){1000}", "(" * 5000 + ")" * 5000, "[", r"\p{Han}+", "a{99999999999}"]
)
def test_an_invalid_or_too_large_pattern_is_refused(pattern):
    with pytest.raises(BadRegexError):
        compile_regex(pattern)


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(?:\d+(?:\.\d+)?|[一二])+", r"([a-z]+.)+", r"(?:\w+\s*)*:", r"((x{1,20})*)y"]
)
def test_a_nested_repeat_is_detected(pattern):
    assert has_nested_repeat(pattern)


@pytest.mark.parametrize(
    "pattern", [*COMMON, r"(\d+,)+", r"((?:[^,]*),)+", r"(?:北京|上海)+", r"(\d{1,3}号?)?楼", r"(?:a{3}){100}"]
)
def test_a_repeat_with_a_separator_is_not_a_nested_repeat(pattern):
    assert not has_nested_repeat(pattern)


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.|号)*!"])
def test_a_note_names_a_pattern_that_can_take_long(pattern):
    (note,) = [note for note in Lexicon({}, {"r": [pattern]}, NORMALIZER).notes if "very long" in note]
    assert note.startswith(f"Regex `r`: `{pattern}`")


def test_busy_threads_do_not_make_a_pattern_time_out():
    lexicon, text = Lexicon({}, {"r": [r"[GDC]\d{1,4}"]}, NORMALIZER), NORMALIZER.normalize("坐G12和D34去")
    with ThreadPoolExecutor(8) as pool, warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = list(pool.map(lambda _: len(lexicon.matches(text)), range(20_000)))
    assert set(counts) == {2}
