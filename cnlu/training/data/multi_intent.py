"""Sentences of several intents from those of one: two examples, one after the other, as people join them.

Who writes examples writes few with two intents, and cannot write every pair; what joins them is much the same for all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cnlu.data.multi_intent import JOINER, split_intent
from cnlu.data.schema import Example

BETWEEN = ("，", "，", "，再", "，顺便", "，然后", "，另外", "，还有", "。", "；", " ", "，对了，", "，完了再", "")
"""What stands between two requests in one breath; a comma most often"""
AT_END = "。！？!?.,，；; 　~～"


@dataclass(frozen=True)
class MultiIntentExample(Example):
    """An example that was joined of two."""

    segment_intents: tuple[tuple[int, str], ...] = ()
    """Where each of the two begins, and its intent"""


def synthesize_multi_intent(examples: Sequence[Example], share: float, seed: int) -> list[MultiIntentExample]:
    """`share` times as many new examples as there are with an intent, each of two of them with different intents.

    Their text is the first one's without its last punctuation, one of BETWEEN, and the second one's; their intent
    `a+b`, or `a+b+c` where one had two already; all entities are kept. None where all have the same intent.
    """
    known = [example for example in examples if example.intent is not None and example.text.strip()]
    if len({example.intent for example in known}) < 2:
        return []
    rng = random.Random(seed)
    found: list[MultiIntentExample] = []
    for _ in range(round(share * len(known))):
        pair = _pair(rng.choice(known), rng.choice(known), rng.choice(BETWEEN))
        if pair is not None:
            found.append(pair)
    return found


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
