"""Sentence vectors of an encoder's output: each kind pools the text's own tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder needs the extra cnlu[train]")

import torch

from cnlu.model.encoder_output import VIEWS, AlignedEncoder
from cnlu.text.tokens import pad_tokens
from tests.training.encoder_training import load_tiny_encoder


@pytest.mark.parametrize("kind", VIEWS)
def test_padding_and_other_texts_do_not_change_a_sentence_vector(kind: str, three_layer_bert: Path) -> None:
    encoder = load_tiny_encoder(three_layer_bert)
    reader = AlignedEncoder(encoder.aligned_encoder.backbone, kind, 0).eval()
    short, long = (encoder.tokenizer.encode(text) for text in ("去北京", "帮我看看明天去上海的票"))

    def views(found: list[Any], length: int) -> torch.Tensor:
        inputs = {name: torch.from_numpy(array) for name, array in pad_tokens(found, length).items()}
        with torch.no_grad():
            return reader(**inputs).views

    alone, beside = views([short], 3), views([short, long], 11)
    assert alone.shape == (1, VIEWS[kind], 32)
    assert torch.allclose(alone[0], beside[0], atol=1e-5)
    assert not torch.allclose(beside[0], beside[1], atol=1e-3)


def test_a_text_without_tokens_has_a_finite_sentence_vector(three_layer_bert: Path) -> None:
    encoder = load_tiny_encoder(three_layer_bert)
    inputs = {name: torch.from_numpy(array) for name, array in pad_tokens([encoder.tokenizer.encode(" ")], 1).items()}
    for kind in VIEWS:
        assert torch.isfinite(AlignedEncoder(encoder.aligned_encoder.backbone, kind, 0).eval()(**inputs).views).all()
