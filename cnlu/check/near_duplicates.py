"""Examples that are nearly the same: they take work to write and add little to training.

Only examples of one intent are compared. Entities, numbers and negations must be the same, because they change the
meaning of a sentence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from cnlu.check.corpus import PARTICLES, Corpus, Line, without_punctuation
from cnlu.check.findings import Finding
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.text.chars import char_type
from cnlu.text.near_duplicates import near_duplicate_keys, one_edit_keys

_NEGATIONS = frozenset("不没無无别未非莫勿甭否")
_LONG = 20
"""Length in characters from which texts are also compared by their character bigrams"""
_SHORT = 4
"""Particles are kept if the text is shorter than this without them: a bot needs both 好 and 好啊"""
_MAX_COMPARED = 8
"""Number of preceding texts with the same hash that a text is compared with"""
_PLACEHOLDERS = range(0xF0000, 0x10FFFE)
"""Private-use characters that replace entities, one for each type and surface"""


def find_near_duplicates(corpus: Corpus) -> Iterator[Finding]:
    """`near-duplicate`: one finding per group. Identical texts are `duplicate` or `two-annotations` instead."""
    groups: dict[tuple[str | None, str], list[Line]] = defaultdict(list)
    placeholders: dict[tuple[str, str], str] = {}
    for line in corpus.train:
        groups[line.example.intent, _reduced_text(line, corpus, placeholders)].append(line)
    by_intent: dict[str | None, list[str]] = defaultdict(list)
    for intent, text in groups:
        by_intent[intent].append(text)
    for intent, texts in by_intent.items():
        for group in _groups(texts, corpus):
            lines = [line for at in group for line in groups[intent, texts[at]]]
            distinct = list({line.key: line for line in reversed(lines)}.values())[::-1]
            if len(distinct) > 1:
                yield _finding(distinct)


def _finding(lines: list[Line]) -> Finding:
    first, second = lines[0].example, lines[1].example
    names = {"text": shown(second.text), "place": second.source}
    if others := len(lines) - 2:
        problem = _("is nearly the same as {text} at {place} and {others} more", others=others, **names)
    else:
        problem = _("is nearly the same as {text} at {place}", **names)
    return Finding(
        code="near-duplicate",
        source=first.source,
        text=first.text,
        problem=problem,
        fix=_("keep one, or rephrase the others"),
        related=tuple(line.place for line in lines[1:]),
    )


def _reduced_text(line: Line, corpus: Corpus, placeholders: dict[tuple[str, str], str]) -> str:
    """The text without spaces, punctuation and particles at its ends, with each entity as one placeholder."""
    text, end, parts = line.example.text, 0, []
    for entity in line.example.entities:
        if entity.start < end:
            continue
        value = corpus.normalizer.normalize(text[entity.start : entity.end]).text
        placeholder = placeholders.setdefault(
            (entity.entity, value), chr(_PLACEHOLDERS[len(placeholders) % len(_PLACEHOLDERS)])
        )
        parts += [_plain(text[end : entity.start], corpus), placeholder]
        end = entity.end
    parts.append(_plain(text[end:], corpus))
    whole = "".join(parts)
    core = whole.strip(PARTICLES)
    return core if len(core) >= _SHORT else whole or line.key


def _plain(text: str, corpus: Corpus) -> str:
    return without_punctuation(corpus.normalizer.normalize(text).text)


def _groups(texts: list[str], corpus: Corpus) -> Iterator[list[int]]:
    """Yield the connected components of near duplicates as lists of indices; every text is in one list."""
    parents = list(range(len(texts)))
    for first, second in (*_one_edit_apart(texts, corpus.config.check.near_length), *_overlapping(texts, corpus)):
        first, second = _root(parents, first), _root(parents, second)
        parents[max(first, second)] = min(first, second)
    groups: dict[int, list[int]] = defaultdict(list)
    for at in range(len(texts)):
        groups[_root(parents, at)].append(at)
    yield from groups.values()


def _root(parents: list[int], at: int) -> int:
    while parents[at] != at:
        parents[at] = parents[parents[at]]
        at = parents[at]
    return at


def _one_edit_apart(texts: list[str], min_length: int) -> Iterator[tuple[int, int]]:
    """Pairs of texts that differ by one character that does not change the meaning."""
    keys, owners = one_edit_keys(texts)
    long = np.fromiter((len(text) >= min_length for text in texts), bool, len(texts))
    ignorable = ~np.fromiter((_changes_meaning(ch) for ch in "".join(texts)), bool, len(owners) - len(texts))
    selected = long[owners] & np.concatenate([ignorable, np.ones(len(texts), bool)])
    keys, owners = keys[selected], owners[selected]
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    same = (keys[1:] == keys[:-1]) & (owners[1:] != owners[:-1])
    yield from zip(owners[:-1][same].tolist(), owners[1:][same].tolist(), strict=True)


def _overlapping(texts: list[str], corpus: Corpus) -> Iterator[tuple[int, int]]:
    """Pairs of long texts with a high similarity, found by hashes and then compared."""
    long = [at for at, text in enumerate(texts) if len(text) >= _LONG]
    if len(long) < 2:
        return
    bigrams: dict[int, frozenset[str]] = {}
    for band in near_duplicate_keys([texts[at] for at in long]).T:
        buckets: dict[int, list[int]] = defaultdict(list)
        for at, key in zip(long, band.tolist(), strict=True):
            bucket = buckets[key]
            for other in bucket[-_MAX_COMPARED:]:
                if _similarity(texts, other, at, bigrams) >= corpus.config.check.similarity:
                    yield other, at
            bucket.append(at)


def _similarity(texts: list[str], first_index: int, second_index: int, bigrams: dict[int, frozenset[str]]) -> float:
    """Jaccard similarity of the texts' character bigrams; 0 if a character that changes the meaning differs."""
    if [ch for ch in texts[first_index] if _changes_meaning(ch)] != [
        ch for ch in texts[second_index] if _changes_meaning(ch)
    ]:
        return 0.0
    first, second = (
        bigrams.get(at) or bigrams.setdefault(at, _bigrams(texts[at])) for at in (first_index, second_index)
    )
    return len(first & second) / len(first | second)


def _bigrams(text: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(text)))


def _changes_meaning(ch: str) -> bool:
    return ch in _NEGATIONS or char_type(ch) in ("digit", "hannum") or ord(ch) >= _PLACEHOLDERS[0]
