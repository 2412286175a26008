"""Parts of speech from jieba's dictionary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cnlu.text.oov_words import import_jieba

_CLASSES = {"vn": "v", "vd": "v", "vi": "v", "vg": "v", "an": "a", "ad": "a", "ng": "n", "g": "n"}
_NAMES = ("nr", "ns", "nt")
"""People, places, organizations: the subclasses of nouns that do not replace each other."""
_FUNCTION = "updcry"
"""Auxiliaries, prepositions, adverbs, conjunctions, pronouns and final particles."""


def parts_of_speech(words: list[str]) -> NDArray[np.int64]:
    """[W] a number for the part of speech of each word; -1 where the dictionary does not have the word.

    Single characters that are not function words are one class.
    """
    vocabulary = set(words)
    tags: dict[str, str] = {}
    with import_jieba().dt.get_dict_file() as file:
        for line in file:
            word, *columns = line.decode("utf-8").split()
            if word in vocabulary and len(columns) == 2:
                tags[word] = columns[1]
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(_class_of(tags[word], word), len(numbers)) if word in tags else -1 for word in words]
    )


def _class_of(tag: str, word: str) -> str:
    if tag[:2] in _NAMES and len(word) > 1:
        return tag[:2]
    if len(word) == 1 and tag[0] not in _FUNCTION:
        return "content"
    return _CLASSES.get(tag, tag[0])
