"""Isolated texts: the texts of a packed row do not attend to each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, PreTrainedModel

from cnlu.errors import UsageError
from cnlu_pretrain import rng
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.batching.rows import Layout, assemble
from cnlu_pretrain.batching.tensors import parts
from cnlu_pretrain.config import MaskingConfig, ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.isolation import check_isolation
from cnlu_pretrain.objectives.losses import model_inputs
from tests.pretrain.batches import batch_of


@pytest.fixture(scope="module")
def opened(corpus) -> Corpus:
    return open_corpus(corpus)


@pytest.mark.parametrize("isolate", ["document", "sentence"])
def test_an_isolated_text_has_the_hidden_states_of_the_text_alone(opened, tiny_encoder, isolate):
    model = load_encoder(str(tiny_encoder), opened, RunConfig(dropout=0)).model.base_model.eval()
    batch = batch_of(opened, isolate)
    together = model(input_ids=batch.tokens, **model_inputs(model.config, batch)).last_hidden_state
    for row in range(len(batch.tokens)):
        for piece in range(int(batch.piece[row].max()) + 1):
            inside = batch.piece[row] == piece
            alone = model(input_ids=batch.tokens[row][inside][None]).last_hidden_state[0]
            assert torch.allclose(together[row][inside], alone, atol=1e-5)


def test_every_isolated_text_has_its_own_special_tokens(opened):
    batch = batch_of(opened, "sentence")
    first, last = opened.special_tokens.before[0], opened.special_tokens.after[-1]
    starts = (batch.position == 0) & (batch.piece >= 0)
    assert (batch.originals()[starts] == first).all()
    assert int((batch.originals() == last).sum()) == int(starts.sum())


def test_each_sentence_is_isolated(opened):
    batch, arrays = batch_of(opened, "sentence"), opened.read(opened.shards[0])
    lengths = [int((batch.piece[0] == piece).sum()) - 2 for piece in range(int(batch.piece[0].max()) + 1)]
    assert set(lengths) <= set(arrays.sentences.tolist())


def test_rows_without_isolation_have_no_pieces_and_no_positions(opened):
    batch = batch_of(opened, "none")
    assert batch.piece is None and batch.position is None


def test_a_masked_batch_restores_the_original_tokens(opened):
    layout, indices = Layout(opened.special_tokens, 64, "none"), np.arange(6)
    arrays = opened.read(opened.shards[0])
    rows = assemble(arrays, layout.rows(arrays), indices, layout, rng.keys(0, 0, indices))
    masker = Masker(MaskingConfig(rate=0.4), seed=1, mask=opened.mask, random_tokens=random_tokens_of(opened))
    masked = masker(rows.tokens, rows.flags, 0, indices)
    for fixed in (0.0, 0.4):
        (part,) = parts(rows, masked, 1, torch.device("cpu"), fixed)
        assert not torch.equal(part.tokens, torch.from_numpy(rows.tokens))
        assert torch.equal(part.originals(), torch.from_numpy(rows.tokens))


@pytest.mark.parametrize(
    ("objectives", "run_settings"),
    [(ObjectivesConfig(order="sop"), {}), (ObjectivesConfig(), {"attention": "eager"})],
)
def test_isolation_is_refused_where_it_has_no_effect(objectives, run_settings):
    with pytest.raises(UsageError, match=r"run\.isolate: has no effect with"):
        PretrainConfig(run=RunConfig(isolate="sentence", **run_settings), objectives=objectives)


@pytest.mark.parametrize("family", ["bert", "electra", "ernie", "distilbert"])
def test_families_whose_positions_can_be_set_can_be_isolated(family):
    check_isolation(random_model(family))


def test_a_family_that_counts_positions_from_another_number_is_refused():
    with pytest.raises(UsageError, match=r"run\.isolate: the family roberta cannot keep the texts of a row apart"):
        check_isolation(random_model("roberta"))


def random_model(family: str) -> PreTrainedModel:
    torch.manual_seed(1)
    sizes = {"vocab_size": 40, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    if family == "distilbert":
        sizes = {"vocab_size": 40, "dim": 32, "hidden_dim": 64, "n_layers": 2, "n_heads": 2}
    return AutoModel.from_config(AutoConfig.for_model(family, **sizes), attn_implementation="sdpa")
