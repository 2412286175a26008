"""The head for masked language: each family's own, on the masked tokens alone, and the warm-up of a new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cnlu_pretrain.batching.rows import Batch
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.masking.random_tokens import uniform_tokens
from cnlu_pretrain.objectives.heads import head_of
from cnlu_pretrain.objectives.losses import Pretrainer
from tests.pretrain.runs import pretrain, read_log, weights_of


@pytest.fixture
def headless(tmp_path, tiny_encoder) -> Path:
    """The tiny encoder without its head for masked language."""
    from transformers import BertModel

    folder = tmp_path / "headless"
    BertModel.from_pretrained(tiny_encoder, add_pooling_layer=False).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((tiny_encoder / name).read_bytes())
    return folder


def test_the_warm_up_of_a_new_head_leaves_the_encoder_unchanged(tmp_path, corpus, headless):
    log = pretrain(tmp_path / "e", corpus, headless, steps=4, head_warmup=4)
    assert any("no head for masked language" in line for line in log)
    before, after = weights_of(headless), weights_of(tmp_path / "e")
    assert [name for name, value in before.items() if not torch.equal(value, after[f"bert.{name}"])] == []
    pretrain(tmp_path / "short", corpus, headless, steps=2, head_warmup=2)
    earlier = weights_of(tmp_path / "short")
    head = {name for name in after if name.startswith("cls.")}
    assert head == {
        "cls.predictions.bias",
        *(f"cls.predictions.transform.{part}" for part in ("dense.weight", "dense.bias")),
        *(f"cls.predictions.transform.LayerNorm.{part}" for part in ("weight", "bias")),
    }
    assert all(not torch.equal(earlier[name], after[name]) for name in head)


def test_the_encoder_learns_at_its_own_rate_after_the_warm_up_of_the_head(tmp_path, corpus, headless):
    """Adam's first step moves each weight by about the learning rate."""
    settings = {"head_warmup": 8, "dropout": 0.0, "warmup": 0.5}
    pretrain(tmp_path / "e", corpus, headless, steps=20, log_every=1, keep=99, **settings)
    rates = {line["step"]: line for line in read_log(tmp_path / "e") if "rate" in line}
    assert [rates[step]["encoder_rate"] for step in (1, 8)] == [0.0, 0.0]
    assert 0 < rates[9]["encoder_rate"] < 0.2e-3 < rates[9]["rate"]
    assert rates[9]["encoder_rate"] < rates[10]["encoder_rate"] < rates[11]["encoder_rate"]
    pretrain(tmp_path / "ninth", corpus, headless, steps=9, **settings)
    before = load_file(headless / "model.safetensors")["embeddings.word_embeddings.weight"]
    after = load_file(tmp_path / "ninth" / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert 0 < (after - before).abs().max() < 1.1e-3


def test_the_head_on_masked_tokens_alone_gives_the_loss_of_the_whole_model(corpus, tiny_encoder):
    opened = open_corpus(corpus)
    model = load_encoder(str(tiny_encoder), opened, RunConfig(length=64)).model.eval()
    generator = np.random.default_rng(1)
    tokens, flags = generator.integers(5, 1000, (4, 32)), np.ones((4, 32), np.uint8)
    flags[:, 0] = flags[:, -1] = 8
    random_tokens = uniform_tokens(np.arange(5, 1000), 1000)
    masker = Masker(PretrainConfig().masking, seed=1, mask=opened.mask, random_tokens=random_tokens)
    masked = masker(tokens, flags, 0, np.arange(4))
    batch = Batch(
        tokens=tokens,
        flags=flags,
        kinds=np.zeros((4, 32), np.int64),
        mask=np.ones((4, 32), bool),
        order=np.full(4, -100),
    )
    for fixed in (0.0, 0.15):
        rows = next(parts(batch, masked, 1, torch.device("cpu"), fixed))
        loss, count, _ = Pretrainer(model, ObjectivesConfig())(rows)["masked"]
        whole = model(torch.from_numpy(masked.tokens), labels=torch.from_numpy(masked.labels)).loss
        assert torch.allclose(loss / count, whole, atol=1e-5)


@pytest.mark.parametrize("family", ["Roberta", "Electra", "Albert", "DistilBert", "Ernie", "RoFormer"])
def test_the_head_of_each_family_gives_the_scores_of_its_model(family):
    import transformers

    sizes = {
        "vocab_size": 50,
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "dim": 16,
        "intermediate_size": 32,
        "embedding_size": 16,
        "n_layers": 1,
        "n_heads": 2,
        "hidden_dim": 32,
    }
    model = getattr(transformers, f"{family}ForMaskedLM")(getattr(transformers, f"{family}Config")(**sizes)).eval()
    tokens = torch.randint(5, 50, (2, 7))
    hidden = model.base_model(input_ids=tokens).last_hidden_state
    assert torch.allclose(head_of(model, family)(hidden), model(input_ids=tokens).logits, atol=1e-5)
