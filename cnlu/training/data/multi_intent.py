"""Synthesize multi-intent examples: two examples, one after the other, with a usual connector between them.

Authors write few examples with two intents and cannot write every pair, while the connecting words are always similar.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnlu.data.multi_intent import JOINER, split_intent
from cnlu.data.schema import Example

BETWEEN = ("，", "，", "，再", "，顺便", "，然后", "，另外", "，还有", "。", "；", " ", "，对了，", "，完了再", "")
"""Connectors between two sentences, most often a comma"""
AT_END = "。！？!?.,，；; 　~～"


@dataclass(frozen=True)
class MultiIntentExample(Example):
    """An example synthesized from two."""

    segment_intents: tuple[tuple[int, str], ...] = ()
    """(start, intent) of each of the two"""


def synthesize_multi_intent(examples: Sequence[Example], share: float, seed: int) -> list[MultiIntentExample]:
    """`share` times as many new examples as there are with an intent, each from two with different intents.

    The text is the first one's without its final punctuation, one of BETWEEN, and the second one's. The intent is
    `a+b`, or `a+b+c` if one has two already. All entities are kept. Empty if all examples have the same intent.
    """
    labelled = [example for example in examples if example.intent is not None and example.text.strip()]
    if len({example.intent for example in labelled}) < 2:
        return []
    rng = random.Random(seed)
    pairs: list[MultiIntentExample] = []
    for _ in range(round(share * len(labelled))):
        pair = _pair(rng.choice(labelled), rng.choice(labelled), rng.choice(BETWEEN))
        if pair is not None:
            pairs.append(pair)
    return pairs


def _pair(first: Example, second: Example, between: str) -> MultiIntentExample | None:
    intents = [*split_intent(str(first.intent)), *split_intent(str(second.intent))]
    if len(set(intents)) < len(intents):
        return None
    end = max([len(first.text.rstrip(AT_END)), *(entity.end for entity in first.entities)])
    shift = end + len(between)
    moved = (replace(e, start=e.start + shift, end=e.end + shift) for e in second.entities)
    segment_intents = (0, str(first.intent)), (shift, str(second.intent))
    return MultiIntentExample(
        first.text[:end] + between + second.text,
        JOINER.join(intents),
        (*first.entities, *moved),
        segment_intents=segment_intents,
    )
