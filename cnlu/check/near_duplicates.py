"""Examples that are nearly the same: they cost work and teach little.

Only examples of one intent are compared, and what tells sentences apart in a bot is never taken for a small difference:
entities, numbers and negations must be the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from cnlu.check.corpus import PARTICLES, Corpus, Line, without_punctuation
from cnlu.check.findings import Finding
from cnlu.io.messages import shown
from cnlu.text.chars import char_type
from cnlu.text.near_duplicates import near_duplicate_keys, one_apart_keys

_NEGATIONS = frozenset("不没無无别未非莫勿甭否")
_LONG = 20
"""Characters from which on texts are compared by their pairs of characters too."""
_SHORT = 4
"""Characters below which a particle makes another sentence: a bot should know 好 and 好啊 both."""
_LOOKED_AT = 8
"""With so many texts before it that share a hash, each is compared."""
_VALUES = range(0xF0000, 0x10FFFE)
"""Private characters that stand for entities, each for one type and surface."""


def find_near_duplicates(corpus: Corpus) -> Iterator[Finding]:
    """`near-duplicate`: one finding for each group. What is quite the same is `duplicate`'s or `two-annotations`'."""
    groups: dict[tuple[str | None, str], list[Line]] = defaultdict(list)
    signs: dict[tuple[str, str], str] = {}
    for line in corpus.train:
        groups[line.example.intent, _essence(line, corpus, signs)].append(line)
    by_intent: dict[str | None, list[str]] = defaultdict(list)
    for intent, text in groups:
        by_intent[intent].append(text)
    for intent, texts in by_intent.items():
        for joined in _joined(texts, corpus):
            lines = [line for at in joined for line in groups[intent, texts[at]]]
            unlike = list({line.key: line for line in reversed(lines)}.values())[::-1]
            if len(unlike) > 1:
                yield _finding(unlike)


def _finding(lines: list[Line]) -> Finding:
    first, second = lines[0].example, lines[1].example
    others = f" and {len(lines) - 2} more" if len(lines) > 2 else ""
    problem = f"is nearly {shown(second.text)} at {second.source}{others}"
    related = tuple(line.place for line in lines[1:])
    return Finding("near-duplicate", first.source, first.text, problem, "keep one, or word the others anew", related)


def _essence(line: Line, corpus: Corpus, signs: dict[tuple[str, str], str]) -> str:
    """The text without spaces, punctuation and outer particles, each entity as one private character."""
    text, read, parts = line.example.text, 0, []
    for entity in line.example.entities:
        if entity.start < read:
            continue
        value = corpus.normalizer.normalize(text[entity.start : entity.end]).text
        sign = signs.setdefault((entity.entity, value), chr(_VALUES[len(signs) % len(_VALUES)]))
        parts += [_plain(text[read : entity.start], corpus), sign]
        read = entity.end
    parts.append(_plain(text[read:], corpus))
    whole = "".join(parts)
    core = whole.strip(PARTICLES)
    return core if len(core) >= _SHORT else whole or line.key


def _plain(text: str, corpus: Corpus) -> str:
    return without_punctuation(corpus.normalizer.normalize(text).text)


def _joined(texts: list[str], corpus: Corpus) -> Iterator[list[int]]:
    """The indices of texts, in order, those that are alike together; every text is in one list."""
    heads = list(range(len(texts)))
    for one, two in (*_one_apart(texts, corpus.config.check.near_length), *_overlapping(texts, corpus)):
        one, two = _head(heads, one), _head(heads, two)
        heads[max(one, two)] = min(one, two)
    groups: dict[int, list[int]] = defaultdict(list)
    for at in range(len(texts)):
        groups[_head(heads, at)].append(at)
    yield from groups.values()


def _head(heads: list[int], at: int) -> int:
    while heads[at] != at:
        heads[at] = heads[heads[at]]
        at = heads[at]
    return at


def _one_apart(texts: list[str], least: int) -> Iterator[tuple[int, int]]:
    """Pairs of texts that differ by one character which does not tell them apart."""
    keys, owners = one_apart_keys(texts)
    long = np.fromiter((len(text) >= least for text in texts), bool, len(texts))
    free = ~np.fromiter((_tells_apart(ch) for ch in "".join(texts)), bool, len(owners) - len(texts))
    kept = long[owners] & np.concatenate([free, np.ones(len(texts), bool)])
    keys, owners = keys[kept], owners[kept]
    order = np.argsort(keys, kind="stable")
    keys, owners = keys[order], owners[order]
    same = (keys[1:] == keys[:-1]) & (owners[1:] != owners[:-1])
    yield from zip(owners[:-1][same].tolist(), owners[1:][same].tolist(), strict=True)


def _overlapping(texts: list[str], corpus: Corpus) -> Iterator[tuple[int, int]]:
    """Pairs of long texts with much in common, found by hashes and then compared."""
    long = [at for at, text in enumerate(texts) if len(text) >= _LONG]
    if len(long) < 2:
        return
    pairs: dict[int, frozenset[str]] = {}
    for band in near_duplicate_keys([texts[at] for at in long]).T:
        buckets: dict[int, list[int]] = defaultdict(list)
        for at, key in zip(long, band.tolist(), strict=True):
            bucket = buckets[key]
            for other in bucket[-_LOOKED_AT:]:
                if _alike(texts, other, at, pairs) >= corpus.config.check.similarity:
                    yield other, at
            bucket.append(at)


def _alike(texts: list[str], one: int, two: int, pairs: dict[int, frozenset[str]]) -> float:
    """Jaccard similarity of the two texts' pairs of characters; 0 where something that tells apart differs."""
    if [ch for ch in texts[one] if _tells_apart(ch)] != [ch for ch in texts[two] if _tells_apart(ch)]:
        return 0.0
    first, second = (pairs.get(at) or pairs.setdefault(at, _pairs(texts[at])) for at in (one, two))
    return len(first & second) / len(first | second)


def _pairs(text: str) -> frozenset[str]:
    return frozenset(map("".join, pairwise(text)))


def _tells_apart(ch: str) -> bool:
    return ch in _NEGATIONS or char_type(ch) in ("digit", "hannum") or ord(ch) >= _VALUES[0]
