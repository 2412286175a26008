"""The examples that a model directory keeps, so that a training that continues from it does not forget them."""

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
from cnlu.i18n import _

TRAINED, HELD_OUT = "examples.jsonl.gz", "held_out.jsonl.gz"
"""Files of the examples that were trained on, and of those that were only evaluated on"""
_MAX_BYTES = 256 << 20
"""Maximum size of one of these files, unpacked"""


def replay_files(learned: Sequence[Example], held_out: Sequence[Example], limit: int, seed: int) -> dict[str, bytes]:
    """File name -> content, with at most `limit` examples per file; without empty files."""
    kinds = {TRAINED: sample_by_intent(learned, limit, seed), HELD_OUT: sample_by_intent(held_out, limit, seed)}
    return {name: gzip.compress(_lines(examples), mtime=0) for name, examples in kinds.items() if examples}


def replay_examples(files: Mapping[str, bytes]) -> tuple[list[Example], list[Example]]:
    """(trained on, held out) examples of the files of a model directory. Raises DataError for damaged files."""
    return _examples(files, TRAINED), _examples(files, HELD_OUT)


def sample_by_intent(examples: Sequence[Example], limit: int, seed: int) -> list[Example]:
    """At most `limit` examples in their original order, equally many per intent as far as possible."""
    if len(examples) <= limit:
        return list(examples)
    rng = random.Random(seed)
    by_intent: dict[str | None, list[int]] = {}
    for number in rng.sample(range(len(examples)), len(examples)):
        by_intent.setdefault(examples[number].intent, []).append(number)
    rounds = sorted((round_, number) for numbers in by_intent.values() for round_, number in enumerate(numbers))
    return [examples[number] for number in sorted(number for _round, number in rounds[:limit])]


def _lines(examples: Sequence[Example]) -> bytes:
    lines = []
    for example in examples:
        try:
            lines.append(to_jsonl([replace(example, metadata=None)]))
        except DataError:  # adjacent lone surrogates cannot be written to a file
            continue
    return b"".join(lines)


def _examples(files: Mapping[str, bytes], name: str) -> list[Example]:
    return from_jsonl(_unpacked(files[name], name), name) if name in files else []


def _unpacked(content: bytes, name: str) -> str:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            unpacked = stream.read(_MAX_BYTES + 1)
        if len(unpacked) > _MAX_BYTES:
            problem = _("the model's examples are more than {limit} MB unpacked", limit=_MAX_BYTES >> 20)
            raise DataError(name, problem, _("do not use this model"))
        return unpacked.decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        problem = _("the model's examples cannot be unpacked ({reason})", reason=one_line(error))
        raise DataError(name, problem, _("train it again")) from error
