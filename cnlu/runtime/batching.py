"""Groups texts of similar lengths into batches with little padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BATCH_CHARACTERS = 1024
"""Maximum number of characters, padding included, of a batch with more than one text. A character of a batch takes
about 0.15 MB of memory; larger batches are no faster, because they exceed the processor's caches."""
SLACK = 64
"""Padding characters that any batch may have, because another batch would cost more."""


def in_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Batches of indices into `lengths`, the shortest texts first; each index comes once.

    At most half of a batch and SLACK characters are padding, so the cost of a batch is proportional to the characters
    of its texts, not to their number times the longest.
    """
    batch: list[int] = []
    characters = 0
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = (len(batch) + 1) * lengths[i]
        if batch and padded > min(BATCH_CHARACTERS, 2 * (characters + lengths[i]) + SLACK):
            yield batch
            batch, characters = [], 0
        batch.append(i)
        characters += lengths[i]
    if batch:
        yield batch
