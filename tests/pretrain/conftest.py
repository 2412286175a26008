"""Fixtures of the tests of pretraining: domain text, a character tokenizer, a tiny encoder and a corpus."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cnlu_pretrain.prepare.new_vocabulary import CharacterCounts, new_tokenizer

RAILWAY = Path(__file__).resolve().parents[2] / "corpora" / "railway" / "text"


@pytest.fixture(scope="session")
def railway_lines() -> list[str]:
    """The lines of the railway text."""
    return [line for path in sorted(RAILWAY.glob("*.txt")) for line in path.read_text("utf-8").split("\n") if line]


@pytest.fixture(scope="session")
def tokenizer(railway_lines) -> str:
    """A character-level tokenizer.json."""
    counts = CharacterCounts()
    counts.add([*railway_lines, "abcdefghijklmnopqrstuvwxyz0123456789"])
    return json.dumps(new_tokenizer(counts, 3000), ensure_ascii=False)


@pytest.fixture(scope="session")
def tiny_encoder(tokenizer, tmp_path_factory) -> Path:
    """A directory with a random two-layer BERT, its MLM head and the tokenizer."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    torch.manual_seed(1)
    size = len(json.loads(tokenizer)["model"]["vocab"])
    config = BertConfig(
        vocab_size=size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=300,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer, "utf-8")
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "mask_token": "[MASK]"}', "utf-8"
    )
    return folder


@pytest.fixture(scope="session")
def corpus(tiny_encoder, tmp_path_factory) -> Path:
    """The railway text, prepared in three shards with the tiny encoder's tokenizer."""
    from cnlu_pretrain.config import PrepareConfig
    from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare

    out = tmp_path_factory.mktemp("corpus") / "railway"
    config = PrepareConfig(shard_tokens=30_000, processes=1, held_out=0.05)
    prepare(PrepareRequest([str(RAILWAY)], out, config, str(tiny_encoder)))
    return out
