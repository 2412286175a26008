"""Examples read and checked as the command does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from cnlu.check.check import check
from cnlu.check.corpus import Corpus, build_corpus
from cnlu.check.findings import Finding
from cnlu.config.files import load_config
from cnlu.data.load import load_data
from tests.check.examples import Found, write


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Corpus]:
    def go(content: str | Sequence[str], *overrides: str, test: str | Sequence[str] | None = None) -> Corpus:
        config = load_config(None, list(overrides))
        asked = load_data(write(tmp_path, test, "test"), True, config.data) if test else None
        return build_corpus(load_data(write(tmp_path, content), True, config.data), asked, config)

    return go


@pytest.fixture
def found(corpus: Callable[..., Corpus]) -> Found:
    """The findings, those of one code where it is named; few examples are no finding here."""

    def go(content: str | Sequence[str], code: str = "", *overrides: str, **more: Any) -> list[Finding]:
        few = ["check.min_intent_examples=1", "check.min_entity_examples=1"]
        return [one for one in check(corpus(content, *few, *overrides, **more)) if code in ("", one.code)]

    return go
