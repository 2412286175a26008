"""A trained model as a teacher: what it says of texts, asked once and kept."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from cnlu.data.schema import Entity, Example, NluData
from cnlu.data.tags import TagSet
from cnlu.model.crf import LegalCRF
from cnlu.model.losses import NOTHING
from cnlu.model.reader import VIEWS, Reader
from cnlu.runtime.interpreter import Interpreter
from cnlu.runtime.model_dir import ModelFiles, read_model_dir
from cnlu.text.tokens import Tokens
from cnlu.training.frozen import open_store, read_rows
from cnlu.training.rows import Row

Array = NDArray[Any]
AT_ONCE = 1024
"""Texts whose tokens are in memory together."""


@dataclass(frozen=True)
class Teacher:
    """A trained model, as its directory holds it and at work."""

    path: Path
    files: ModelFiles
    model: Interpreter

    @classmethod
    def load(cls, path: Path, threads: int) -> Teacher:
        """Raises ModelError when the directory is missing or damaged."""
        model = Interpreter.load(path, threads)
        return cls(path, read_model_dir(path), model)

    @property
    def tags(self) -> TagSet:
        return self.model.labels.tag_set(self.model.config.model.tagging)

    @property
    def digest(self) -> str:
        return str(self.files.manifest["sha256"])

    def dictionaries(self) -> NluData:
        """Its lookup tables, regexes and synonyms, without examples."""
        lexicon = json.loads(self.files.files["lexicon.json"])
        return NluData(synonyms=lexicon["synonyms"], regexes=lexicon["regexes"], lookups=lexicon["lookups"])

    def tagger(self) -> LegalCRF:
        """Its transitions."""
        stored = np.load(io.BytesIO(self.files.files["tagger.npy"]), allow_pickle=False)
        crf = LegalCRF(self.tags)
        parts = {"transitions": stored[:-2], "start_transitions": stored[-2], "end_transitions": stored[-1]}
        crf.load_state_dict({name: torch.from_numpy(part) for name, part in parts.items()})
        return crf

    def reader(self) -> Reader:
        """Its encoder as PyTorch runs it. Raises UsageError where it has none that can be taken out."""
        from cnlu.encoder.stored import load_stored  # brings transformers, which takes seconds

        body = load_stored(self.files.files["model.onnx"], str(self.path))
        assert self.model.tokens is not None
        return Reader(body, self.model.config.encoder.sentence, self.model.tokens.marks.summary)


@dataclass(frozen=True)
class Answers:
    """The scores of N texts, in float16."""

    each: Array
    """[sum of lengths, tags + 1 + roles + 1 + groups]: the characters' scores, text after text"""
    whole: Array
    """[N, intents]"""
    starts: Array
    """[N + 1]: where each text's characters begin in `each`"""
    sizes: tuple[int, int, int]
    """Columns of `each`: tags, 1 + roles, 1 + groups"""
    vectors: Array | None = None
    """[sum of lengths, width]: its encoder's vectors of the characters; None where nobody asked for them"""

    def of(self, kept: Array, numbers: Sequence[int]) -> list[Array]:
        """The parts of `each` or `vectors` that belong to the texts of these numbers."""
        return [kept[self.starts[i] : self.starts[i + 1]] for i in numbers]


def ask(
    teacher: Teacher, texts: Sequence[str], memory: int, folder: Path, quiet: bool
) -> tuple[Answers, list[Example]]:
    """The teacher's answers to texts that are not blank, and the texts annotated as it reads them.

    More than `memory` bytes of scores go to a nameless file in `folder`.
    """
    labels = teacher.model.labels
    sizes = len(teacher.tags.tags), 1 + len(labels.role_names), 1 + len(labels.group_names)
    starts = np.cumsum([0, *map(len, texts)])
    each = open_store((int(starts[-1]), sum(sizes)), memory, folder)
    whole = np.zeros((len(texts), len(labels.intents)), np.float16)
    found: list[Example] = [Example(text) for text in texts]
    with tqdm(total=len(texts), desc="asking the teacher", unit=" texts", disable=quiet, dynamic_ncols=True) as bar:
        for numbers, scores in teacher.model.scored(texts):
            for i, answer in zip(numbers, scores, strict=True):
                parts = (answer.emissions, answer.roles, answer.groups)
                each[starts[i] : starts[i + 1]] = np.concatenate(parts, 1)
                whole[i] = answer.intent
                hits = teacher.model.extractor.hits(texts[i])
                found[i] = as_example(teacher.model.assembler.result(texts[i], answer, hits))
            bar.update(len(numbers))
    return Answers(each, whole, starts, sizes), found


def as_example(result: dict[str, Any]) -> Example:
    """A parse result as if it were annotated."""
    entities = [
        Entity(e["start"], e["end"], e["entity"], e["value"], e.get("role"), e.get("group")) for e in result["entities"]
    ]
    return Example(result["text"], result["intent"]["name"], tuple(entities))


def with_vectors(
    answers: Answers, teacher: Teacher, reader: Reader, texts: Sequence[str], device: torch.device, memory: int,
    folder: Path, quiet: bool,
) -> Answers:  # fmt: skip
    """The answers with what the teacher's encoder makes of the characters, kept as the scores are."""
    assert teacher.model.tokens is not None
    read, starts = teacher.model.tokens.read, answers.starts
    vectors = open_store((int(starts[-1]), reader.width), memory, folder)
    bar = tqdm(total=len(texts), desc="the teacher's hidden states", unit=" texts", disable=quiet, dynamic_ncols=True)
    with bar:
        for first in range(0, len(texts), AT_ONCE):
            few = texts[first : first + AT_ONCE]
            rows = [_bare(len(text), read(text)) for text in few]
            for i, row in enumerate(read_rows(rows, reader, VIEWS[reader.sentence], device, memory, folder), first):
                assert row.read is not None
                vectors[starts[i] : starts[i + 1]] = row.read[0]
            bar.update(len(few))
    return replace(answers, vectors=vectors)


def _bare(length: int, tokens: Tokens) -> Row:
    """A row of nothing but tokens."""
    nothing = np.zeros(length, np.int64)
    return Row(np.zeros((length, 1), np.int32), np.zeros(0, np.int32), nothing, nothing, nothing, NOTHING, (), tokens)
