"""The examples that a model directory keeps, so that a later training from the model does not forget them."""

from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cnlu.data.jsonl import from_jsonl, to_jsonl
from cnlu.data.schema import Example
from cnlu.errors import DataError, one_line

LEARNED, HELD_OUT = "examples.jsonl.gz", "held_out.jsonl.gz"
"""Files of what the weights have learned from, and of what was only measured on"""
_MOST_BYTES = 256 << 20
"""Of one of them, unpacked"""


def replay_files(learned: Sequence[Example], held_out: Sequence[Example], most: int, seed: int) -> dict[str, bytes]:
    """File name -> bytes, of at most `most` examples of each kind; empty ones are left out."""
    kinds = {LEARNED: drawn(learned, most, seed), HELD_OUT: drawn(held_out, most, seed)}
    return {name: gzip.compress(_lines(examples), mtime=0) for name, examples in kinds.items() if examples}


def replay_examples(files: Mapping[str, bytes]) -> tuple[list[Example], list[Example]]:
    """(learned from, held out) of the content of a model directory."""
    return _examples(files, LEARNED), _examples(files, HELD_OUT)


def drawn(examples: Sequence[Example], most: int, seed: int) -> list[Example]:
    """At most `most` examples, as many of each intent as there are of the others while they last; in their order."""
    if len(examples) <= most:
        return list(examples)
    rng = random.Random(seed)
    by_intent: dict[str | None, list[int]] = {}
    for number in rng.sample(range(len(examples)), len(examples)):
        by_intent.setdefault(examples[number].intent, []).append(number)
    turns = sorted((turn, number) for numbers in by_intent.values() for turn, number in enumerate(numbers))
    return [examples[number] for number in sorted(number for _, number in turns[:most])]


def _lines(examples: Sequence[Example]) -> bytes:
    lines = []
    for example in examples:
        try:
            lines.append(to_jsonl([replace(example, metadata=None)]))
        except DataError:  # two lone surrogates side by side: no file can keep such a text
            continue
    return b"".join(lines)


def _examples(files: Mapping[str, bytes], name: str) -> list[Example]:
    return from_jsonl(_unpacked(files[name], name), name) if name in files else []


def _unpacked(content: bytes, name: str) -> str:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            found = stream.read(_MOST_BYTES + 1)
        if len(found) > _MOST_BYTES:
            raise DataError(
                f"{name}: the model's examples are more than {_MOST_BYTES >> 20} MB unpacked; do not use this model."
            )
        return found.decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        said = f"{name}: the model's examples cannot be unpacked ({one_line(error)}); train it anew."
        raise DataError(said) from error
