"""The teacher's scores of texts, computed once and stored."""

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
CHUNK = 1024
"""Number of texts whose tokens are in memory at a time."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The scores of N texts, in float16."""

    characters: Array
    """[sum of lengths, tags + 1 + roles]: the scores of the visible characters of all texts"""
    intents: Array
    """[N, intents]"""
    starts: Array
    """[N + 1]: where each text begins in `characters`"""
    columns: tuple[int, int]
    """Number of columns of `characters` for tags, and for no role and the roles"""
    vectors: Array | None = None
    """[sum of lengths, width]: the teacher's encoder output for the characters; None without hidden-state loss"""

    def select(self, array: Array, numbers: Sequence[int]) -> list[Array]:
        """The parts of `characters` or `vectors` for the texts with these numbers."""
        return [array[self.starts[i] : self.starts[i + 1]] for i in numbers]


def teacher_answers(
    teacher: TrainedModel, texts: Sequence[str], memory: int, folder: Path, quiet: bool
) -> tuple[Answers, list[Example]]:
    """The teacher's scores of texts that are not blank, and the texts with its answers as annotations.

    Scores of more than `memory` bytes go to an anonymous file in `folder`.
    """
    labels = teacher.model.labels
    columns = len(teacher.tags.tags), 1 + len(labels.role_names)
    views = [view(text) for text in texts]
    starts = np.cumsum([0, *map(len, views)])
    characters = open_store((int(starts[-1]), sum(columns)), memory, folder)
    intents = np.zeros((len(texts), len(labels.intents)), np.float16)
    examples: list[Example] = [Example(text) for text in texts]
    with progress("scoring with the teacher", len(texts), " texts", quiet=quiet) as bar:
        for numbers, scores in teacher.model.scored(views):
            for i, answer in zip(numbers, scores, strict=True):
                characters[starts[i] : starts[i + 1]] = np.concatenate([answer.emissions, answer.roles], 1)
                intents[i] = answer.intent
                hits = teacher.model.extractor.hits(views[i])
                examples[i] = as_example(teacher.model.assembler.result(texts[i], answer, hits))
            bar.update(len(numbers))
    return Answers(characters=characters, intents=intents, starts=starts, columns=columns), examples


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
    aligned_encoder: AlignedEncoder,
    texts: Sequence[str],
    device: torch.device,
    memory: int,
    folder: Path,
    quiet: bool,
) -> Answers:
    """The answers with the output of the teacher's encoder for the characters, stored like the scores."""
    assert teacher.model.tokens is not None
    tokenize, starts = teacher.model.tokens.encode, answers.starts
    vectors = open_store((int(starts[-1]), aligned_encoder.width), memory, folder)
    with progress("the teacher's hidden states", len(texts), " texts", quiet=quiet) as bar:
        for start in range(0, len(texts), CHUNK):
            chunk = [view(text).text for text in texts[start : start + CHUNK]]
            rows = [_unlabelled_row(len(text), tokenize(text)) for text in chunk]
            for i, row in enumerate(
                add_frozen_features(
                    rows=rows,
                    aligned_encoder=aligned_encoder,
                    views=VIEWS[aligned_encoder.sentence],
                    device=device,
                    memory=memory,
                    folder=folder,
                ),
                start,
            ):
                assert row.frozen_features is not None
                vectors[starts[i] : starts[i + 1]] = row.frozen_features[0]
            bar.update(len(chunk))
    return replace(answers, vectors=vectors)


def _unlabelled_row(length: int, tokens: Tokens) -> Row:
    """A row with tokens and no labels."""
    no_labels = np.zeros(length, np.int64)
    return Row(
        characters=np.zeros((length, 1), np.int32),
        sentence=np.zeros(0, np.int32),
        tags=no_labels,
        roles=no_labels,
        intent=IGNORE_INDEX,
        second_intent=(),
        tokens=tokens,
    )
