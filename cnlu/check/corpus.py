"""The examples as the rules look at them: each text beside the forms under which it is the same as another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from cnlu.check.findings import Place
from cnlu.config import Config
from cnlu.data.schema import Entity, Example, NluData
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
    synonyms: dict[str, str]
    """Surface in small letters -> canonical value."""

    @property
    def parts(self) -> tuple[list[Line], list[Line]]:
        return self.train, self.test


def read_corpus(data: NluData, test: NluData | None, config: Config) -> Corpus:
    """Raises UsageError where `text.simplify` is set and OpenCC is not installed."""
    text = config.text
    normalizer = Normalizer(width=text.fold_width, case=text.fold_case, simplify=text.simplify)
    synonyms = {surface.lower(): value for surface, value in data.synonyms.items()}
    train, asked = ([_line(example, normalizer) for example in examples]
                    for examples in (data.examples, test.examples if test else []))  # fmt: skip
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
    text = line.example.text
    return frozenset(
        (_solid(text, entity.start), _solid(text, entity.end), entity.entity, entity.role, entity.group,
         corpus.normalizer.normalize(meant(line.example, entity, corpus)).text)
        for entity in line.example.entities
    )  # fmt: skip


def _solid(text: str, end: int) -> int:
    return sum(not ch.isspace() for ch in text[:end])


def meant(example: Example, entity: Entity, corpus: Corpus) -> str:
    """The canonical value: the annotation's own, else what the surface is a synonym of, else the surface."""
    written = surface(example, entity)
    return entity.value if entity.value != written else corpus.synonyms.get(written.lower(), written)


def share(count: int, total: int) -> str:
    """12 of 400 as a percentage that people read at a glance."""
    return f"{100 * count / total:.0f} %" if total else "0 %"
