"""The same requests as speech recognition or an input method may write them: words that sound the same.

What is typed or said to a bot holds 在 for 再 and 一钱 for 以前; examples that a person has written with care do not.
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
"""How often a word must stand in jieba's count of 60 million to be what a machine would write"""
_CHINESE = re.compile(f"[{HAN}]+")

Readings = tuple[str, ...]


def substitute_homophones(examples: Sequence[Example], chance: float, seed: int, segmenter: Segmenter) -> list[Example]:
    """A copy of each example, each Chinese word outside the entities exchanged at `chance` for one that sounds alike.

    The same but for its tones, that is, and of as many characters. It is drawn from the common words of jieba's
    dictionary in proportion to how common they are. A longer word of which there is no such neighbour gets another
    character in one place.
    Values stay values: within entities nothing changes. Copies that would be the same as their example are not made.

    Raises UsageError without pypinyin.
    """
    rng = random.Random(f"homophones {seed}")
    found = []
    for example in examples:
        edits = []
        for word in words_of(example, segmenter):
            if word.free and _CHINESE.fullmatch(word.text) and rng.random() < chance:
                edits.append(Edit(word.start, word.end, _other(word.text, rng)))
        found.append(rewritten(example, edits))
    return [copy for copy in found if copy is not None]


def _other(word: str, rng: random.Random) -> str:
    """A word that sounds the same; the word itself where there is none."""
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
    """The common words by the readings of their characters one by one, which takes far less time than word by word."""
    found: dict[Readings, list[str]] = {}
    for word, count in word_frequencies().items():
        if count >= COMMON and _CHINESE.fullmatch(word):
            found.setdefault(_spelled(word), []).append(word)
    return found


def _spelled(word: str) -> Readings:
    return tuple(map(pinyin_of, word))
