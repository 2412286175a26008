"""Replace words by synonyms, and drop fillers.

Synonym replacement and random deletion (Wei and Zou 2019, arXiv 1901.11196, section 2), limited to tables of words
from dialogues with bots, so that the sentence keeps its meaning.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from cnlu.data.schema import Example
from cnlu.text.chars import char_type
from cnlu.text.segment import Segmenter
from cnlu.training.data.augment.edits import Edit, Word, phrases, rewritten, words_of
from cnlu.training.data.augment.word_tables import fillers

_SEPARATORS = ("punct", "space", "symbol", "control", "other")
"""Character types that separate clauses"""
_MIN_CHARACTERS = 2
"""Minimum number of characters besides fillers; in a shorter text the fillers may carry the meaning (你好吗)"""


def replace_synonyms(
    examples: Sequence[Example], probability: float, seed: int, segmenter: Segmenter, table: Mapping[str, Sequence[str]]
) -> list[Example]:
    """A copy of each example; a synonym replaces each word or phrase of the `table` with this probability.

    Only whole words outside the entities are replaced, and the longest phrase that begins at a word. Copies that equal
    their example are left out.
    """
    rng = random.Random(f"synonyms {seed}")
    longest = max(map(len, table), default=0)
    copies = []
    for example in examples:
        words = words_of(example, segmenter)
        edits = []
        for first, after in phrases(words, table, longest):
            start, end = words[first].start, words[after - 1].end
            if rng.random() < probability:
                edits.append(Edit(start, end, rng.choice(table[example.text[start:end]])))
        copies.append(rewritten(example, edits))
    return [copy for copy in copies if copy is not None]


def drop_fillers(examples: Sequence[Example], probability: float, seed: int, segmenter: Segmenter) -> list[Example]:
    """A copy of each example, where each filler is dropped with this probability, and the punctuation of empty clauses.

    A filler consists of whole words outside the entities, at a place in its clause that fillers.txt allows. An example
    with little else (a single character, or entities only: 北京呢) is left out, as are copies that equal their example.
    """
    rng = random.Random(f"fillers {seed}")
    copies = (_without_fillers(example, probability, rng, segmenter) for example in examples)
    return [copy for copy in copies if copy is not None]


def _without_fillers(example: Example, probability: float, rng: random.Random, segmenter: Segmenter) -> Example | None:
    words = words_of(example, segmenter)
    clauses = _clauses(words)
    filler_spans = [span for start, end in clauses for span in _fillers(words, start, end)]
    filler_words = {i for first, after in filler_spans for i in range(first, after)}
    rest = [words[i] for start, end in clauses for i in range(start, end) if i not in filler_words]
    if sum(len(word.text) for word in rest) < _MIN_CHARACTERS or not any(word.free for word in rest):
        return None
    dropped: set[int] = set()
    for first, after in filler_spans:
        if rng.random() < probability:
            dropped.update(range(first, after))
    for number, (start, end) in enumerate(clauses):
        if dropped.issuperset(range(start, end)):
            last = number + 1 == len(clauses)
            dropped.update(range(clauses[number - 1][1], start) if last else range(end, clauses[number + 1][0]))
    return rewritten(example, [Edit(words[i].start, words[i].end, "") for i in sorted(dropped)])


def _clauses(words: Sequence[Word]) -> list[tuple[int, int]]:
    """(first word, one past the last) of each clause: the text between punctuation, spaces and emoji."""
    clauses, start = list[tuple[int, int]](), 0
    for i, word in enumerate([*words, None]):
        if word is None or (word.free and char_type(word.text[0]) in _SEPARATORS):
            if start < i:
                clauses.append((start, i))
            start = i + 1
    return clauses


def _fillers(words: Sequence[Word], start: int, end: int) -> Iterator[tuple[int, int]]:
    """(first word, one past the last) of each filler of a clause, from the left."""
    table = fillers()
    spans = [(start + a, start + b) for a, b in phrases(words[start:end], table, max(map(len, table)))]
    allowed_places = {(a, b): table["".join(word.text for word in words[a:b])] for a, b in spans}
    core_start, core_end = start, end
    for a, b in spans:
        if a == core_start and "begins" in allowed_places[a, b]:
            core_start = b
    for a, b in reversed(spans):
        if b == core_end and a >= core_start and "ends" in allowed_places[a, b]:
            core_end = a
    for a, b in spans:
        is_inside = "inside" in allowed_places[a, b] and a > start
        is_alone = "alone" in allowed_places[a, b] and (a, b) == (start, end)
        if b <= core_start or a >= core_end or is_inside or is_alone:
            yield a, b
