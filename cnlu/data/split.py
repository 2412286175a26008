"""Stratified splits: holding out examples so that both parts have the same distribution."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cnlu.data.schema import Example
from cnlu.errors import UsageError
from cnlu.i18n import _

Stratum = str | tuple[str, ...]


def stratified_split(examples: Sequence[Example], fraction: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split into (train, held_out), with about `fraction` of the distinct texts of each intent held out.

    Examples without an intent are stratified by their set of entity types. A text is in one part only, every intent
    keeps an example in train, and intents with few examples may have none held out. The same seed gives the same
    split; both parts keep the order given. Raises UsageError unless 0 <= fraction < 1.
    """
    if not 0 <= fraction < 1:
        problem = _("the fraction to hold out is {fraction}", fraction=fraction)
        raise UsageError("", problem, _("give a number from 0 up to, but not including, 1"))
    labels: dict[str, set[Stratum]] = {}  # each distinct text, with the strata of its examples
    strata: dict[Stratum, list[str]] = {}  # a text belongs to the stratum of its first example
    for example in examples:
        if example.text not in labels:
            strata.setdefault(_stratum(example), []).append(example.text)
        labels.setdefault(example.text, set()).add(_stratum(example))
    rng = random.Random(seed)
    drawn_texts: list[str] = []
    for texts, count in zip(strata.values(), _quotas(list(strata.values()), fraction, rng), strict=True):
        drawn_texts += rng.sample(texts, count)
    held_out = _keep_one_per_stratum(drawn_texts, labels)
    return [e for e in examples if e.text not in held_out], [e for e in examples if e.text in held_out]


def stratified_folds(examples: Sequence[Example], count: int, seed: int) -> list[int]:
    """The fold of each example, 0 to `count` - 1: folds of about equal size, each with its share of every intent.

    Strata are those of `stratified_split`; a text is in one fold only. The same seed gives the same folds. Raises
    UsageError for fewer than 2 folds, and if there are fewer different texts than folds.
    """
    if count < 2:
        raise UsageError("", _("cross-validation needs more than {count} folds", count=count), _("take at least 2"))
    strata: dict[Stratum, list[str]] = {}
    for text, example in {example.text: example for example in reversed(examples)}.items():
        strata.setdefault(_stratum(example), []).append(text)
    texts = sum(map(len, strata.values()))
    if texts < count:
        problem = _("{texts} different texts are too few for {folds} folds", texts=texts, folds=count)
        raise UsageError("", problem, _("write more examples or take fewer folds"))
    rng = random.Random(seed)
    shuffled: list[str] = []  # within each stratum, so that folds taken in turn have their share of every stratum
    for stratum in sorted(strata, key=repr):
        shuffled += rng.sample(strata[stratum], len(strata[stratum]))
    fold_of = {text: position % count for position, text in enumerate(shuffled)}
    return [fold_of[example.text] for example in examples]


def _stratum(example: Example) -> Stratum:
    if example.intent is not None:
        return example.intent
    return tuple(sorted({entity.entity for entity in example.entities}))


def _quotas(groups: list[list[str]], fraction: float, rng: random.Random) -> list[int]:
    """Number of texts that each group holds out: its share rounded down; the rest goes to the largest remainders."""
    shares = [len(group) * fraction for group in groups]
    quotas = [int(share) for share in shares]
    order = list(range(len(groups)))
    rng.shuffle(order)  # breaks ties between equal remainders at random
    order.sort(key=lambda i: quotas[i] - shares[i])
    missing = round(sum(shares)) - sum(quotas)
    for i in order:
        if missing > 0 and quotas[i] + 1 < len(groups[i]):
            quotas[i] += 1
            missing -= 1
    return quotas


def _keep_one_per_stratum(drawn: list[str], labels: dict[str, set[Stratum]]) -> set[str]:
    """The drawn texts without those that a stratum needs to have a text in training."""
    held_out = set(drawn)
    covered = {stratum for text, strata in labels.items() if text not in held_out for stratum in strata}
    for text in drawn:
        if labels[text] - covered:
            held_out.discard(text)
            covered |= labels[text]
    return held_out
