"""Substitute homophones, as speech recognition and input methods do.

Users' messages contain 在 for 再 and 一钱 for 以前; carefully written examples do not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from functools import cache

from cnlu.data.schema import Example
from cnlu.features.pinyin import pinyin_of, readings_of
from cnlu.text.segment import HAN, Segmenter, word_frequencies
from cnlu.training.data.augment.edits import Edit, rewritten, words_of

COMMON = 300
"""The frequency in jieba's dictionary (of 60 million) from which a word is a plausible substitute"""
_CHINESE = re.compile(f"[{HAN}]+")

Readings = tuple[str, ...]


def substitute_homophones(examples: Sequence[Example], chance: float, seed: int, segmenter: Segmenter) -> list[Example]:
    """A copy of each example, where each Chinese word outside the entities is replaced with `chance` by a homophone.

    A homophone has the same number of characters and the same pinyin apart from tones. It is drawn from the common
    words of jieba's dictionary in proportion to their frequency. In a longer word without a homophone, one character is
    replaced. Entities stay unchanged. Copies that equal their example are left out.

    Raises UsageError without pypinyin.
    """
    rng = random.Random(f"homophones {seed}")
    found = []
    for example in examples:
        edits = []
        for word in words_of(example, segmenter):
            if word.free and _CHINESE.fullmatch(word.text) and rng.random() < chance:
                edits.append(Edit(word.start, word.end, _homophone(word.text, rng)))
        found.append(rewritten(example, edits))
    return [copy for copy in found if copy is not None]


def _homophone(word: str, rng: random.Random) -> str:
    """A homophone of the word; the word itself if there is none."""
    readings = readings_of(word)
    if not readings:
        return word
    same = [other for other in _by_sound().get(_spelled(word), ()) if other != word and readings_of(other) == readings]
    if not same and len(word) > 1:
        at = rng.randrange(len(word))
        return word[:at] + _drawn(_by_sound().get((readings[at],), ()), word[at], rng) + word[at + 1 :]
    return _drawn(same, word, rng)


def _drawn(words: Sequence[str], but: str, rng: random.Random) -> str:
    others = [word for word in words if word != but]
    count = word_frequencies()
    return rng.choices(others, [count[word] for word in others])[0] if others else but


@cache
def _by_sound() -> dict[Readings, list[str]]:
    """The common words by the pinyin of their single characters, which is much faster than the pinyin of words."""
    found: dict[Readings, list[str]] = {}
    for word, count in word_frequencies().items():
        if count >= COMMON and _CHINESE.fullmatch(word):
            found.setdefault(_spelled(word), []).append(word)
    return found


def _spelled(word: str) -> Readings:
    return tuple(map(pinyin_of, word))
