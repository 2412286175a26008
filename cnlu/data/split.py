"""Holding out a part of the examples so that both parts look like the whole."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cnlu.data.schema import Example
from cnlu.errors import UsageError

Stratum = str | tuple[str, ...]


def stratified_split(examples: Sequence[Example], fraction: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split into (train, held_out), about `fraction` of the distinct texts of each intent held out.

    Examples without an intent are stratified by their set of entity types. A text stands in one part only,
    every intent keeps an example in train, and intents with few examples may hold out none. The same seed
    gives the same split; both parts keep the order given. Raises UsageError unless 0 <= fraction < 1.
    """
    if not 0 <= fraction < 1:
        raise UsageError(f"the fraction to hold out is {fraction}; give a number from 0 up to, but not including, 1.")
    labels: dict[str, set[Stratum]] = {}  # every distinct text, with the strata its examples belong to
    strata: dict[Stratum, list[str]] = {}  # a text counts for the stratum of its first example
    for example in examples:
        if example.text not in labels:
            strata.setdefault(_stratum(example), []).append(example.text)
        labels.setdefault(example.text, set()).add(_stratum(example))
    draw = random.Random(seed)
    held: list[str] = []
    for texts, count in zip(strata.values(), _quotas(list(strata.values()), fraction, draw), strict=True):
        held += draw.sample(texts, count)
    out = _give_back(held, labels)
    return [e for e in examples if e.text not in out], [e for e in examples if e.text in out]


def stratified_folds(examples: Sequence[Example], count: int, seed: int) -> list[int]:
    """Of each example its fold, 0 to `count` - 1: folds of about equal size, each with its share of every intent.

    Strata are those of `stratified_split`; a text stands in one fold only. The same seed gives the same folds. Raises
    UsageError for fewer than 2 folds, and where there are fewer different texts than folds.
    """
    if count < 2:
        raise UsageError(f"{count} folds cannot be held out in turn; take at least 2.")
    strata: dict[Stratum, list[str]] = {}
    for text, example in {example.text: example for example in reversed(examples)}.items():
        strata.setdefault(_stratum(example), []).append(text)
    texts = sum(map(len, strata.values()))
    if texts < count:
        raise UsageError(
            f"{texts} different texts are too few for {count} folds; write more examples or take fewer folds."
        )
    draw = random.Random(seed)
    dealt: list[str] = []  # stratum after stratum: dealt round, each fold gets its share of every one
    for stratum in sorted(strata, key=repr):
        dealt += draw.sample(strata[stratum], len(strata[stratum]))
    fold_of = {text: place % count for place, text in enumerate(dealt)}
    return [fold_of[example.text] for example in examples]


def _stratum(example: Example) -> Stratum:
    if example.intent is not None:
        return example.intent
    return tuple(sorted({entity.entity for entity in example.entities}))


def _quotas(groups: list[list[str]], fraction: float, draw: random.Random) -> list[int]:
    """How many texts each group holds out: its share rounded down, the rest to the largest remainders."""
    shares = [len(group) * fraction for group in groups]
    quotas = [int(share) for share in shares]
    order = list(range(len(groups)))
    draw.shuffle(order)  # equal remainders are decided by lot
    order.sort(key=lambda i: quotas[i] - shares[i])
    missing = round(sum(shares)) - sum(quotas)
    for i in order:
        if missing > 0 and quotas[i] + 1 < len(groups[i]):
            quotas[i] += 1
            missing -= 1
    return quotas


def _give_back(held: list[str], labels: dict[str, set[Stratum]]) -> set[str]:
    """The held-out texts, less those without which a stratum (of shared texts) had nothing to train on."""
    out = set(held)
    covered = {stratum for text, strata in labels.items() if text not in out for stratum in strata}
    for text in held:
        if labels[text] - covered:
            out.discard(text)
            covered |= labels[text]
    return out
