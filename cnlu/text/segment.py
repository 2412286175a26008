"""Splits a text into words as jieba does; each segmenter has its own dictionary.

The text is first cut into runs of Chinese characters, of Latin letters and of digits; any other character
is a word by itself. Only runs of Chinese characters are cut further, so jieba and rjieba, which treat strings
such as `7.x` differently, agree everywhere. They find the words of the dictionary; `cnlu.text.oov_words`
finds the others for both.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cnlu.errors import CnluError, UsageError
from cnlu.i18n import _
from cnlu.text.chars import LATIN
from cnlu.text.oov_words import import_jieba, load_unknown_cut

RULE_VERSION = 1
"""Part of `Segmenter.digest`: increase it when the code below cuts differently."""

BACKENDS = ("auto", "jieba", "rjieba")

HAN = "\u4e00-\u9fd5"
"""For use in [...] of a regular expression: the characters that jieba knows. A rarer one is a word by itself."""
_RUN = re.compile(rf"([{HAN}]+)|[{LATIN}]+|\d+|.", re.DOTALL)
_USER_WORD = re.compile(f"[{HAN}]{{2,}}")

Cut = Callable[[str], list[str]]


@dataclass(frozen=True)
class Dictionary:
    """A backend that has loaded its words, including the user's."""

    cut: Cut
    """Cuts a text by the dictionary alone; the rest of the text becomes single characters."""
    has_word: Callable[[str], bool]
    """Whether a word is in the dictionary."""


class Segmenter:
    """Cuts texts into words; thread-safe. The dictionary loads at first use (or by `load()`).

    `words`: the user's own, normalized as the texts are. Words of two or more common Chinese characters are added to
    the dictionary; the others cannot change a cut and are listed in `rejected`.
    `backend`: "jieba", "rjieba" (faster, same words), or "auto": rjieba if it is installed.
    """

    def __init__(self, words: Iterable[str] = (), backend: str = "auto") -> None:
        if backend not in BACKENDS:
            problem = _("is {value}", value=repr(backend))
            raise UsageError("text.segmenter", problem, _("choose one of: {choices}", choices=", ".join(BACKENDS)))
        if backend == "rjieba" and importlib.util.find_spec("rjieba") is None:
            fix = _("run `{command}`, or set it to auto", command="pip install rjieba")
            raise UsageError("text.segmenter", _("rjieba is not installed"), fix)
        unique_words = sorted(set(words))
        self.words = [word for word in unique_words if _USER_WORD.fullmatch(word)]
        """User words in the dictionary, in the order in which they are added (it affects frequencies)."""
        self.rejected = [word for word in unique_words if not _USER_WORD.fullmatch(word)]
        """User words without effect: a single character, or not purely Chinese characters."""
        self.loaded = len(self.words)
        self.backend = backend
        self._cut: Cut | None = None
        self._lock = threading.Lock()

    def load(self) -> Cut:
        """Load the dictionary now instead of at first use; returns the function that cuts runs of Chinese."""
        with self._lock:
            if self._cut is None:
                self._cut = _with_unknown_words(self.dictionary())
            return self._cut

    def dictionary(self) -> Dictionary:
        """Load a dictionary with the user's words."""
        return _load_backend(self.backend, self.words)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """The words of `text` as (start, end), in order, without gaps or overlaps."""
        cut = self._cut
        spans: list[tuple[int, int]] = []
        for run in _RUN.finditer(text):
            start, end = run.span()
            if run.lastindex is None or end - start == 1:
                spans.append((start, end))
                continue
            if cut is None:
                cut = self.load()
            for word in cut(run.group()):
                spans.append((start, start + len(word)))
                start += len(word)
        return spans

    @property
    def digest(self) -> str:
        """SHA-256 of what decides a cut: dictionary, cutting rules, user words. It is the same for both backends."""
        parts = [str(RULE_VERSION), _dictionary_digest(), *self.words]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _load_backend(backend: str, words: list[str]) -> Dictionary:
    if backend != "jieba":
        try:
            return _load_rjieba(words)
        except ImportError:
            if backend == "rjieba":
                raise
    return _load_jieba(words)


def _load_rjieba(words: list[str]) -> Dictionary:
    from rjieba import Jieba

    tokenizer = Jieba()

    def route(run: str) -> list[str]:
        return tokenizer.cut(run, False)

    for word in words:
        if route(word) != [word]:
            tokenizer.add_word(word, None, None)
    return Dictionary(route, tokenizer.has_word)


def _load_jieba(words: list[str]) -> Dictionary:
    jieba = import_jieba()

    tokenizer = jieba.Tokenizer()
    path = _dictionary_path()
    try:
        freq, total = _read_dictionary(path)
    except (OSError, ValueError) as error:
        problem = _("jieba's dictionary cannot be read ({reason})", reason=error)
        raise CnluError(path, problem, _("reinstall jieba")) from error
    # jieba's own loading would write a cache into the shared temporary folder.
    tokenizer.FREQ, tokenizer.total, tokenizer.initialized = freq, total, True
    for word in words:
        _add_word(tokenizer, word)

    def route(run: str) -> list[str]:
        return tokenizer.lcut(run, HMM=False)

    return Dictionary(route, lambda word: bool(freq.get(word)))


def _with_unknown_words(dictionary: Dictionary) -> Cut:
    """A function that cuts by the dictionary, and then looks for unknown words in each run of single characters."""
    route, known, unknown = dictionary.cut, dictionary.has_word, load_unknown_cut()

    def cut(run: str) -> list[str]:
        words: list[str] = []
        singles = ""
        for word in route(run):
            if len(word) == 1:
                singles += word
                continue
            if singles:
                words += cut_singles(singles)
                singles = ""
            words.append(word)
        if singles:
            words += cut_singles(singles)
        return words

    def cut_singles(singles: str) -> Sequence[str]:
        return singles if len(singles) == 1 or known(singles) else unknown(singles)

    return cut


def _add_word(tokenizer: Any, word: str) -> None:
    """Add `word` with the frequency that makes it as likely as its parts, exactly as rjieba does.

    jieba's own `add_word` adds the frequency of a known word to the total twice.
    """
    parts = tokenizer.lcut(word, HMM=False)
    if parts == [word]:
        return
    freq, log_total = tokenizer.FREQ, math.log(tokenizer.total)
    log_probability = sum(math.log(freq.get(part) or 1) - log_total for part in parts)
    old = freq.get(word, 0)
    freq[word] = max(int(math.exp(log_probability + log_total)) + 1, old)
    tokenizer.total += freq[word] - old
    for end in range(1, len(word)):
        freq.setdefault(word[:end], 0)


def _read_dictionary(path: Path) -> tuple[dict[str, int], int]:
    """jieba's table of word frequencies, including every prefix of a word (with 0), and their sum.

    A word that the file has twice counts once, as in rjieba (jieba's own sum is larger by 3 in 60 million). Reading the
    text in this way is faster than reading jieba's binary cache, so there is no cache that could be damaged, shared or
    tampered with.
    """
    freq: dict[str, int] = {}
    with path.open(encoding="utf-8") as lines:
        while block := lines.readlines(1 << 18):
            columns = "".join(block).split()  # word, frequency, part of speech
            freq.update(zip(columns[::3], map(int, columns[1::3]), strict=True))
    total = sum(freq.values())
    for word in list(freq):
        for end in range(len(word) - 1, 0, -1):
            freq.setdefault(word[:end], 0)
    return freq, total


@cache
def parts_of_speech() -> dict[str, str]:
    """Word -> part of speech in jieba's dictionary: 北京 ns (a place), 学生 n."""
    columns = _dictionary_path().read_text(encoding="utf-8").split()
    return dict(zip(columns[::3], columns[2::3], strict=True))


@cache
def word_frequencies() -> dict[str, int]:
    """Word -> frequency in jieba's dictionary, out of 60 million words."""
    columns = _dictionary_path().read_text(encoding="utf-8").split()
    return dict(zip(columns[::3], map(int, columns[1::3]), strict=True))


@cache
def _dictionary_path() -> Path:
    spec = importlib.util.find_spec("jieba")  # finds the package without importing it
    if spec is None or spec.origin is None:
        raise UsageError("", _("jieba is not installed"), _("run `{command}`", command="pip install jieba"))
    return Path(spec.origin).with_name("dict.txt")


@cache
def _dictionary_digest() -> str:
    return hashlib.sha256(_dictionary_path().read_bytes()).hexdigest()
