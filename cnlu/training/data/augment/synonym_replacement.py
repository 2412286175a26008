"""The same requests in other words: a word gives way to one of the same meaning, a filler is left out.

Synonym replacement and random deletion (Wei and Zou 2019, arXiv 1901.11196, section 2), but by tables of what people
say to bots: whichever word is exchanged or dropped, the sentence still asks for the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from cnlu.data.schema import Example
from cnlu.text.chars import char_type
from cnlu.text.segment import Segmenter
from cnlu.training.data.augment.edits import Edit, Word, phrases, rewritten, words_of
from cnlu.training.data.augment.word_tables import fillers

_BETWEEN = ("punct", "space", "symbol", "control", "other")
"""Kinds of characters that divide a text into clauses"""
_LEAST = 2
"""Characters of a text that has something to say beside fillers: less may have been said by the fillers (你好吗)"""


def replace_synonyms(
    examples: Sequence[Example], chance: float, seed: int, segmenter: Segmenter, table: Mapping[str, Sequence[str]]
) -> list[Example]:
    """A copy of each example, each word or phrase of the `table` exchanged at `chance` for one that can stand for it.

    Only whole words of the text outside the entities are: 查一下 within a longer word stays. Of phrases that begin at
    one word the longest is meant. Copies that would be the same as their example are not made.
    """
    rng = random.Random(f"synonyms {seed}")
    longest = max(map(len, table), default=0)
    found = []
    for example in examples:
        words = words_of(example, segmenter)
        edits = []
        for first, behind in phrases(words, table, longest):
            start, end = words[first].start, words[behind - 1].end
            if rng.random() < chance:
                edits.append(Edit(start, end, rng.choice(table[example.text[start:end]])))
        found.append(rewritten(example, edits))
    return [copy for copy in found if copy is not None]


def drop_fillers(examples: Sequence[Example], chance: float, seed: int, segmenter: Segmenter) -> list[Example]:
    """A copy of each example, each filler left out at `chance`, and with a clause of fillers its punctuation.

    A filler is one outside the entities, made of whole words, at the place in its clause that fillers.txt says. An
    example that says little else (a single character, or nothing but values: 北京呢) is left as it is. Copies that
    would be the same as their example are not made.
    """
    rng = random.Random(f"fillers {seed}")
    copies = (_without_fillers(example, chance, rng, segmenter) for example in examples)
    return [copy for copy in copies if copy is not None]


def _without_fillers(example: Example, chance: float, rng: random.Random, segmenter: Segmenter) -> Example | None:
    words = words_of(example, segmenter)
    clauses = _clauses(words)
    found = [span for start, end in clauses for span in _fillers(words, start, end)]
    idle = {i for first, behind in found for i in range(first, behind)}
    rest = [words[i] for start, end in clauses for i in range(start, end) if i not in idle]
    if sum(len(word.text) for word in rest) < _LEAST or not any(word.free for word in rest):
        return None
    gone: set[int] = set()
    for first, behind in found:
        if rng.random() < chance:
            gone.update(range(first, behind))
    for number, (start, end) in enumerate(clauses):
        if gone.issuperset(range(start, end)):
            last = number + 1 == len(clauses)
            gone.update(range(clauses[number - 1][1], start) if last else range(end, clauses[number + 1][0]))
    return rewritten(example, [Edit(words[i].start, words[i].end, "") for i in sorted(gone)])


def _clauses(words: Sequence[Word]) -> list[tuple[int, int]]:
    """(first word, one past the last) of each part of the text between punctuation, spaces and emoji."""
    found, start = list[tuple[int, int]](), 0
    for i, word in enumerate([*words, None]):
        if word is None or (word.free and char_type(word.text[0]) in _BETWEEN):
            if start < i:
                found.append((start, i))
            start = i + 1
    return found


def _fillers(words: Sequence[Word], start: int, end: int) -> Iterator[tuple[int, int]]:
    """(first word, one past the last) of each filler of a clause, from the left."""
    table = fillers()
    spans = [(start + a, start + b) for a, b in phrases(words[start:end], table, max(map(len, table)))]
    places = {(a, b): table["".join(word.text for word in words[a:b])] for a, b in spans}
    left, right = start, end
    for a, b in spans:
        if a == left and "begins" in places[a, b]:
            left = b
    for a, b in reversed(spans):
        if b == right and a >= left and "ends" in places[a, b]:
            right = a
    for a, b in spans:
        inside = "inside" in places[a, b] and a > start
        alone = "alone" in places[a, b] and (a, b) == (start, end)
        if b <= left or a >= right or inside or alone:
            yield a, b
