"""The user's regexes: no pattern and no text holds up the process, and usual patterns match as in Python's re."""

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
USUAL = [
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


def hits(text, *patterns):
    lexicon = Lexicon({}, {"r": list(patterns)}, NORMALIZER)
    return [(m.start, m.end, m.entry) for m in lexicon.matches(NORMALIZER.normalize(text))]


@pytest.mark.parametrize(("pattern", "text"), SLOW)
def test_a_pattern_that_backtracks_without_end_is_stopped(pattern, text):
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hits(text, pattern)
    assert time.process_time() - start < 2


def test_a_pattern_that_is_stopped_is_named_once_and_takes_nothing_from_the_others():
    with pytest.warns(UserWarning, match=r"Regex `r`: `\(a\|aa\)\+\$` took too long on a text of 62 characters"):
        assert hits("a" * 60 + "!7", r"(a|aa)+$", r"\d", r"(a|aa)+!$") == [(61, 62, r"\d")]


@given(st.sampled_from(USUAL), st.text("一二三张个路号订单你好，。:： GDvVipPOK0139-/年月a_", max_size=40))
def test_a_usual_pattern_matches_as_in_python_s_re(pattern, text):
    wanted = [match.span() for match in re.finditer(pattern, text) if match[0]]
    assert TimeBudget(len(text)).find_all(compile_regex(pattern), text) == wanted


@pytest.mark.parametrize(
    "pattern", ["(?:(?:a{1000}){1000}){1000}", "(" * 5000 + ")" * 5000, "[", r"\p{Han}+", "a{99999999999}"]
)
def test_a_pattern_that_cannot_be_used_is_refused_without_using_up_memory(pattern):
    with pytest.raises(BadRegexError):
        compile_regex(pattern)


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(?:\d+(?:\.\d+)?|[一二])+", r"([a-z]+.)+", r"(?:\w+\s*)*:", r"((x{1,20})*)y"]
)
def test_a_repeat_in_a_repeat_is_seen(pattern):
    assert has_nested_repeat(pattern)


@pytest.mark.parametrize(
    "pattern", [*USUAL, r"(\d+,)+", r"((?:[^,]*),)+", r"(?:北京|上海)+", r"(\d{1,3}号?)?楼", r"(?:a{3}){100}"]
)
def test_a_repeat_whose_rounds_are_told_apart_is_no_nested_repeat(pattern):
    assert not has_nested_repeat(pattern)


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.|号)*!"])
def test_a_pattern_that_can_take_long_gets_a_note_that_names_it(pattern):
    (note,) = [note for note in Lexicon({}, {"r": [pattern]}, NORMALIZER).notes if "very long" in note]
    assert note.startswith(f"Regex `r`: `{pattern}`")


def test_other_threads_at_work_cost_a_pattern_no_hit():
    lexicon, text = Lexicon({}, {"r": [r"[GDC]\d{1,4}"]}, NORMALIZER), NORMALIZER.normalize("坐G12和D34去")
    with ThreadPoolExecutor(8) as pool, warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(pool.map(lambda _: len(lexicon.matches(text)), range(20_000)))
    assert set(found) == {2}
