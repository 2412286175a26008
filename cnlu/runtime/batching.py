"""Which texts are parsed together: those of similar lengths, so that short ones are not filled up to a long one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BATCH_CHARACTERS = 1024
"""Characters of a batch, padding included, where it has more than one text. A batch takes some 0.15 MB of memory for
each; more than 1024 at once are no faster (they leave the processor's caches)."""
SLACK = 64
"""Characters of padding that are cheaper than a batch of their own."""


def in_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The numbers of the texts of these lengths, each once, the shortest first; a batch is padded to its longest.

    At most half of a batch and SLACK is padding, so what a batch costs grows with what its texts hold, not with their
    number times the longest.
    """
    batch: list[int] = []
    inside = 0
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = (len(batch) + 1) * lengths[i]
        if batch and padded > min(BATCH_CHARACTERS, 2 * (inside + lengths[i]) + SLACK):
            yield batch
            batch, inside = [], 0
        batch.append(i)
        inside += lengths[i]
    if batch:
        yield batch
