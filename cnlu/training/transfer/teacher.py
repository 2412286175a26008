"""Computes a teacher's scores of texts once and keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cnlu.data.schema import Entity, Example
from cnlu.model.encoder_output import VIEWS, AlignedEncoder
from cnlu.model.losses import IGNORE_INDEX
from cnlu.progress import progress
from cnlu.text.tokens import Tokens
from cnlu.text.view import view
from cnlu.training.data.featurize import Row
from cnlu.training.data.frozen_features import add_frozen_features, open_store
from cnlu.training.transfer.trained_model import TrainedModel

Array = NDArray[Any]
AT_ONCE = 1024
"""Texts whose tokens are in memory together."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The scores of N texts, in float16."""

    each: Array
    """[sum of lengths, tags + 1 + roles]: the scores of the characters read, text after text"""
    whole: Array
    """[N, intents]"""
    starts: Array
    """[N + 1]: where each text's characters begin in `each`"""
    sizes: tuple[int, int]
    """Columns of `each`: tags, 1 + roles"""
    vectors: Array | None = None
    """[sum of lengths, width]: its encoder's vectors of the characters; None where nobody asked for them"""

    def of(self, kept: Array, numbers: Sequence[int]) -> list[Array]:
        """The parts of `each` or `vectors` that belong to the texts of these numbers."""
        return [kept[self.starts[i] : self.starts[i + 1]] for i in numbers]


def ask(
    teacher: TrainedModel, texts: Sequence[str], memory: int, folder: Path, quiet: bool
) -> tuple[Answers, list[Example]]:
    """The teacher's scores of texts that are not blank, and the texts with its answers as annotations.

    More than `memory` bytes of scores go to a nameless file in `folder`.
    """
    labels = teacher.model.labels
    sizes = len(teacher.tags.tags), 1 + len(labels.role_names)
    seen = [view(text) for text in texts]
    starts = np.cumsum([0, *map(len, seen)])
    each = open_store((int(starts[-1]), sum(sizes)), memory, folder)
    whole = np.zeros((len(texts), len(labels.intents)), np.float16)
    found: list[Example] = [Example(text) for text in texts]
    with progress("asking the teacher", len(texts), " texts", quiet=quiet) as bar:
        for numbers, scores in teacher.model.scored(seen):
            for i, answer in zip(numbers, scores, strict=True):
                each[starts[i] : starts[i + 1]] = np.concatenate([answer.emissions, answer.roles], 1)
                whole[i] = answer.intent
                hits = teacher.model.extractor.hits(seen[i])
                found[i] = as_example(teacher.model.assembler.result(texts[i], answer, hits))
            bar.update(len(numbers))
    return Answers(each=each, whole=whole, starts=starts, sizes=sizes), found


def as_example(result: dict[str, Any]) -> Example:
    """A parse result as an annotated example."""
    entities = [
        Entity(
            start=e["start"],
            end=e["end"],
            entity=e["entity"],
            value=e["value"],
            role=e.get("role"),
            group=e.get("group"),
        )
        for e in result["entities"]
    ]
    return Example(result["text"], result["intent"]["name"], tuple(entities))


def with_vectors(
    answers: Answers,
    teacher: TrainedModel,
    reader: AlignedEncoder,
    texts: Sequence[str],
    device: torch.device,
    memory: int,
    folder: Path,
    quiet: bool,
) -> Answers:
    """The answers with the character vectors of the teacher's encoder, stored like the scores."""
    assert teacher.model.tokens is not None
    read, starts = teacher.model.tokens.read, answers.starts
    vectors = open_store((int(starts[-1]), reader.width), memory, folder)
    with progress("the teacher's hidden states", len(texts), " texts", quiet=quiet) as bar:
        for first in range(0, len(texts), AT_ONCE):
            few = [view(text).text for text in texts[first : first + AT_ONCE]]
            rows = [_unlabelled_row(len(text), read(text)) for text in few]
            for i, row in enumerate(
                add_frozen_features(
                    rows=rows,
                    aligned_encoder=reader,
                    views=VIEWS[reader.sentence],
                    device=device,
                    memory=memory,
                    folder=folder,
                ),
                first,
            ):
                assert row.frozen_features is not None
                vectors[starts[i] : starts[i + 1]] = row.frozen_features[0]
            bar.update(len(few))
    return replace(answers, vectors=vectors)


def _unlabelled_row(length: int, tokens: Tokens) -> Row:
    """A row with tokens and no labels."""
    nothing = np.zeros(length, np.int64)
    return Row(
        characters=np.zeros((length, 1), np.int32),
        sentence=np.zeros(0, np.int32),
        tags=nothing,
        roles=nothing,
        intent=IGNORE_INDEX,
        second_intent=(),
        tokens=tokens,
    )
