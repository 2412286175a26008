"""Texts longer than the encoder's window: entities anywhere in them, and windows that fit its token limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import cnlu
from cnlu.data.schema import Entity, Example
from cnlu.text.tokens import Tokens

Run = Callable[..., tuple[Any, list[str]]]


def test_an_entity_anywhere_in_a_long_text_is_found(run_on_encoder: Run, tmp_path: Path) -> None:
    noise = "今天天气不错我们随便聊聊别的事情吧"
    marked = [
        Example(f"{noise[:k]}我要去{c}{noise[: 9 - k]}", "go", (Entity(k + 3, k + 5, "city", c),))
        for k in range(10)
        for c in ("北京", "上海", "杭州", "成都")
    ]
    idle = [Example(noise[i:j], "chat") for i in range(6) for j in range(i + 4, len(noise))]
    run_on_encoder(
        marked * 2 + idle,
        "training.max_epochs=12",
        "training.min_epochs=12",
        "training.max_length=64",
        "training.dev_fraction=0",
        "training.learning_rate=0.01",
        "training.sparse_learning_rate=0.02",
    )
    model = cnlu.load(tmp_path / "model")
    for place in (0, 1234, 4990):
        filler = noise * 300
        text = f"{filler[:place]}我要去北京{filler[: 4995 - place]}"
        assert len(text) == 5000
        assert (place + 3, place + 5) in {(e["start"], e["end"]) for e in model.parse(text)["entities"]}


def test_texts_with_more_tokens_than_the_encoders_limit_are_parsed_in_smaller_windows(
    tiny_bert_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test lowers the encoder's limit, because no window of 256 characters has more than 510 tokens."""
    model = cnlu.load(tiny_bert_model)
    assert model.tokens is not None
    monkeypatch.setattr(model.tokens, "special_tokens", replace(model.tokens.special_tokens, limit=42))
    windows = []
    encode = model.tokens.encode

    def watched(text: str) -> Tokens:
        windows.append(encode(text))
        return windows[-1]

    monkeypatch.setattr(model.tokens, "encode", watched)
    result = model.parse("我要去北京" * 30)
    assert len(windows) > 4 and all(tokens.whole for tokens in windows)
    assert all(e["end"] <= 150 for e in result["entities"])
