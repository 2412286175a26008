"""The examples as the rules look at them: each text beside the forms under which it is the same as another."""

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
"""What opens or closes a sentence without changing what it asks for. 吗, 呢, 吧, 嘛 and 了 do change it."""


@dataclass(frozen=True, slots=True)
class Line:
    """An example and its text in comparable forms."""

    example: Example
    key: str
    """Normalised as the model reads it, runs of spaces as one."""
    loose: str
    """The key without spaces, without punctuation but a question mark that is read, without particles at its ends."""

    @property
    def place(self) -> Place:
        return Place(self.example.source, self.example.text)


@dataclass(frozen=True)
class Corpus:
    """All that is checked."""

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


def read_corpus(data: NluData, test: NluData | None, config: Config) -> Corpus:
    """Raises UsageError where `text.simplify` is set and OpenCC is not installed."""
    normalizer = build_normalizer(config.text)
    synonyms = Synonyms(data.synonyms, data.synonyms_of, normalizer)
    train, asked = (
        [_line(example, normalizer) for example in examples]
        for examples in (data.examples, test.examples if test else [])
    )
    return Corpus(data, test, config, normalizer, train, asked, synonyms)


def _line(example: Example, normalizer: Normalizer) -> Line:
    key = " ".join(normalizer.normalize(example.text).text.split())
    bare = without_punctuation(key)
    read = view(key).text
    question = "?" if "?" in read or "？" in read else ""
    return Line(example, key, (bare.strip(PARTICLES) or bare or key) + question)


def without_punctuation(text: str) -> str:
    """Without spaces and punctuation; symbols such as + and emoji stay."""
    return text if text.isalnum() else "".join(ch for ch in text if char_type(ch) not in ("punct", "space", "control"))


def surface(example: Example, entity: Entity) -> str:
    """What the span covers."""
    return example.text[entity.start : entity.end]


def by_text(lines: Iterable[Line]) -> list[list[Line]]:
    """The lines that share a key with another, together."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[line.key].append(line)
    return [group for group in groups.values() if len(group) > 1]


def frame(line: Line, corpus: Corpus) -> frozenset[tuple[int, int, str, str | None, str | None, str]]:
    """What the annotation says, comparable between texts of one key: ends count characters that are no spaces."""
    if not line.example.entities:
        return frozenset()
    solid = [0, *accumulate(not ch.isspace() for ch in line.example.text)]
    return frozenset(
        (
            solid[entity.start],
            solid[entity.end],
            entity.entity,
            entity.role,
            entity.group,
            corpus.normalizer.normalize(meant(line.example, entity, corpus)).text,
        )
        for entity in line.example.entities
    )


def cover(example: Example) -> bytearray:
    """For each character of the text 1 where an annotation covers it, else 0."""
    covered = bytearray(len(example.text))
    for entity in example.entities:
        covered[entity.start : entity.end] = b"\1" * (entity.end - entity.start)
    return covered


def meant(example: Example, entity: Entity, corpus: Corpus) -> str:
    """The canonical value: the annotation's own, else what the surface is a synonym of, else the surface."""
    written = surface(example, entity)
    return entity.value if entity.value != written else corpus.synonyms.value(written, entity.entity)


def share(count: int, total: int) -> str:
    """12 of 400 as a percentage that people read at a glance."""
    return f"{100 * count / total:.0f} %" if total else "0 %"
