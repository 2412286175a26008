"""The pronunciation of Chinese characters, so that homophones, which speech recognition confuses, share a feature."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.text.chars import is_han


@lru_cache(maxsize=1 << 15)
def pinyin_of(ch: str, fuzzy: bool = False) -> str:
    """The most common reading of a character without its tone (上 -> "shang", 女 -> "nv"); "" if it has none.

    `fuzzy` merges the sounds that southern speakers, and thus speech recognition, confuse: zh/z, ch/c, sh/s, n/l at the
    start and ang/an, eng/en, ing/in at the end. Raises UsageError without pypinyin.
    """
    if not is_han(ch):
        return ""
    reading = "".join(_load_pypinyin()(ch))
    return _fold(reading) if fuzzy else reading


def readings_of(word: str) -> tuple[str, ...]:
    """The reading of each character in a word, without its tone: 银行 -> ("yin", "hang").

    () if a character has none. Raises UsageError without pypinyin.
    """
    readings = _load_pypinyin()(word)
    return tuple(readings) if len(readings) == len(word) else ()


def _fold(reading: str) -> str:
    if reading[:2] in ("zh", "ch", "sh"):
        reading = reading[0] + reading[2:]
    elif reading[0] == "n" and reading not in ("n", "ng"):  # 嗯 is a syllabic nasal, without an initial
        reading = "l" + reading[1:]
    return reading[:-1] if reading.endswith(("ang", "eng", "ing")) else reading


@cache
def _load_pypinyin() -> Callable[[str], list[str]]:
    try:
        from pypinyin import lazy_pinyin
    except ImportError as error:
        problem = _("pinyin features and training.homophones need pypinyin, which is not installed")
        fix = _("run `{command}`, or turn them off", command="pip install 'cnlu[zh]'")
        raise UsageError("", problem, fix) from error

    def read(word: str) -> list[str]:
        return lazy_pinyin(word, errors="ignore")

    return read
