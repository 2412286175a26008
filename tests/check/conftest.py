"""Examples written to files, read and checked as the command does."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cnlu.check.check import check
from cnlu.check.corpus import Corpus, read_corpus
from cnlu.check.findings import Finding
from cnlu.config.files import load_config
from cnlu.data.load import load_data

Found = Callable[..., list[Finding]]


def yaml(*sections: str) -> str:
    """A file of sections such as "intent: greet|你好|您好"."""
    text = 'version: "3.1"\nnlu:\n'
    for section in sections:
        head, *lines = section.split("|")
        text += f"- {head}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
    return text


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def write(folder: Path, content: str | Sequence[str], name: str = "nlu") -> Path:
    """YAML of sections, or a file's text as it is: JSON lines when it begins with {."""
    text = content if isinstance(content, str) else yaml(*content)
    path = folder / f"{name}.{'jsonl' if text.startswith('{') else 'yml'}"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Corpus]:
    def go(content: str | Sequence[str], *overrides: str, test: str | Sequence[str] | None = None) -> Corpus:
        config = load_config(None, list(overrides))
        asked = load_data(write(tmp_path, test, "test"), True, config.data) if test else None
        return read_corpus(load_data(write(tmp_path, content), True, config.data), asked, config)

    return go


@pytest.fixture
def found(corpus: Callable[..., Corpus]) -> Found:
    """The findings, those of one code where it is named; few examples are no finding here."""

    def go(content: str | Sequence[str], code: str = "", *overrides: str, **more: Any) -> list[Finding]:
        few = ["check.min_intent_examples=1", "check.min_entity_examples=1"]
        return [one for one in check(corpus(content, *few, *overrides, **more)) if code in ("", one.code)]

    return go


def line_of(one: Finding) -> int:
    """The line, all tests writing one file only."""
    return int(one.source.rpartition(":")[2])
