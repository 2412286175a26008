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
"""Minimum frequency in jieba's dictionary (of 60 million) of a plausible substitute"""
_CHINESE = re.compile(f"[{HAN}]+")

Readings = tuple[str, ...]


def substitute_homophones(
    examples: Sequence[Example], probability: float, seed: int, segmenter: Segmenter
) -> list[Example]:
    """A copy of each example; a homophone replaces each Chinese word outside the entities with this probability.

    A homophone has the same number of characters and the same pinyin apart from tones. It is drawn from the common
    words of jieba's dictionary in proportion to their frequency. In a longer word without a homophone, one character is
    replaced. Entities stay unchanged. Copies that equal their example are left out.

    Raises UsageError without pypinyin.
    """
    rng = random.Random(f"homophones {seed}")
    copies = []
    for example in examples:
        edits = []
        for word in words_of(example, segmenter):
            if word.free and _CHINESE.fullmatch(word.text) and rng.random() < probability:
                edits.append(Edit(word.start, word.end, _homophone(word.text, rng)))
        copies.append(rewritten(example, edits))
    return [copy for copy in copies if copy is not None]


def _homophone(word: str, rng: random.Random) -> str:
    """A homophone of the word; the word itself if there is none."""
    readings = readings_of(word)
    if not readings:
        return word
    homophones = [
        other for other in _words_by_pinyin().get(_pinyin(word), ()) if other != word and readings_of(other) == readings
    ]
    if not homophones and len(word) > 1:
        i = rng.randrange(len(word))
        return word[:i] + _draw(_words_by_pinyin().get((readings[i],), ()), word[i], rng) + word[i + 1 :]
    return _draw(homophones, word, rng)


def _draw(words: Sequence[str], exclude: str, rng: random.Random) -> str:
    others = [word for word in words if word != exclude]
    count = word_frequencies()
    return rng.choices(others, [count[word] for word in others])[0] if others else exclude


@cache
def _words_by_pinyin() -> dict[Readings, list[str]]:
    """The common words by the pinyin of their single characters, which is much faster than the pinyin of words."""
    words: dict[Readings, list[str]] = {}
    for word, count in word_frequencies().items():
        if count >= COMMON and _CHINESE.fullmatch(word):
            words.setdefault(_pinyin(word), []).append(word)
    return words


def _pinyin(word: str) -> Readings:
    return tuple(map(pinyin_of, word))
