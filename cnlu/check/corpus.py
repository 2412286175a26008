"""The examples in the form that the rules need: each text with the normalized forms that are compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from cnlu.check.findings import Place
from cnlu.config import Config
from cnlu.data.schema import Entity, Example, NluData
from cnlu.features.build_extractor import build_normalizer
from cnlu.features.synonyms import Synonyms
from cnlu.text.chars import char_type
from cnlu.text.normalize import Normalizer
from cnlu.text.view import view

PARTICLES = "啊呀哦噢喔哟诶欸啦呗哈嗯呃额唉"
"""Particles that begin or end a sentence without changing its meaning; 吗, 呢, 吧, 嘛 and 了 do change it."""


@dataclass(frozen=True, slots=True)
class Line:
    """An example and its text in comparable forms."""

    example: Example
    key: str
    """The text, normalized as for the model, with runs of spaces reduced to one."""
    loose_key: str
    """The key without spaces, punctuation (except a question mark that the model sees) and particles at its ends."""

    @property
    def place(self) -> Place:
        return Place(self.example.source, self.example.text)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All data that is checked."""

    data: NluData
    test_data: NluData | None
    config: Config
    normalizer: Normalizer
    train: list[Line]
    test: list[Line]
    synonyms: Synonyms

    @property
    def parts(self) -> tuple[list[Line], list[Line]]:
        return self.train, self.test


def build_corpus(data: NluData, test: NluData | None, config: Config) -> Corpus:
    """Build the corpus; raises UsageError if `text.simplify` is set and OpenCC is not installed."""
    normalizer = build_normalizer(config.text)
    synonyms = Synonyms(data.synonyms, data.synonyms_of, normalizer)
    train_lines, test_lines = (
        [_line(example, normalizer) for example in examples]
        for examples in (data.examples, test.examples if test else [])
    )
    return Corpus(
        data=data,
        test_data=test,
        config=config,
        normalizer=normalizer,
        train=train_lines,
        test=test_lines,
        synonyms=synonyms,
    )


def _line(example: Example, normalizer: Normalizer) -> Line:
    key = " ".join(normalizer.normalize(example.text).text.split())
    plain = without_punctuation(key)
    model_text = view(key).text
    question = "?" if "?" in model_text or "？" in model_text else ""
    return Line(example, key, (plain.strip(PARTICLES) or plain or key) + question)


def without_punctuation(text: str) -> str:
    """The text without spaces and punctuation; symbols such as + and emoji are kept."""
    return text if text.isalnum() else "".join(ch for ch in text if char_type(ch) not in ("punct", "space", "control"))


def surface(example: Example, entity: Entity) -> str:
    """The text that the span covers."""
    return example.text[entity.start : entity.end]


def by_text(lines: Iterable[Line]) -> list[list[Line]]:
    """Groups of lines that have the same key; lines with a unique key are left out."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[line.key].append(line)
    return [group for group in groups.values() if len(group) > 1]


def frame(line: Line, corpus: Corpus) -> frozenset[tuple[int, int, str, str | None, str | None, str]]:
    """The annotations, comparable between texts with the same key: offsets do not count spaces."""
    if not line.example.entities:
        return frozenset()
    offsets_without_spaces = [0, *accumulate(not ch.isspace() for ch in line.example.text)]
    return frozenset(
        (
            offsets_without_spaces[entity.start],
            offsets_without_spaces[entity.end],
            entity.entity,
            entity.role,
            entity.group,
            corpus.normalizer.normalize(canonical_value(line.example, entity, corpus)).text,
        )
        for entity in line.example.entities
    )


def coverage(example: Example) -> bytearray:
    """For each character of the text: 1 if an annotation covers it, otherwise 0."""
    covered = bytearray(len(example.text))
    for entity in example.entities:
        covered[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    return covered


def canonical_value(example: Example, entity: Entity, corpus: Corpus) -> str:
    """The canonical value: the one in the annotation, the one of a synonym, or the surface."""
    written = surface(example, entity)
    return entity.value if entity.value != written else corpus.synonyms.value(written, entity.entity)


def percentage(count: int, total: int) -> str:
    """`count` of `total` as a percentage without decimals, such as 3 %."""
    return f"{100 * count / total:.0f} %" if total else "0 %"
