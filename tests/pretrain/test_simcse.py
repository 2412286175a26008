"""SimCSE: which sentences are compared, its gradients and the settings that it needs."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cosine_similarity, cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import BertForMaskedLM

from cnlu.errors import UsageError
from cnlu_pretrain.config import ObjectivesConfig, PretrainConfig, RunConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.objectives import simcse
from cnlu_pretrain.objectives.simcse import TEMPERATURE, SimCSE, starts, text_keys
from cnlu_pretrain.objectives.unmasked import UnmaskedPretrainer
from cnlu_pretrain.objectives.vector_distance import vector_distances
from tests.pretrain.batches import batch_of
from tests.pretrain.runs import pretrain, read_log, weights_of

ISOLATED = {"isolate": "sentence"}


def rows(*texts: list[list[int]], length: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """([B, T] tokens, piece, position) of rows of isolated texts."""
    tokens = torch.zeros(len(texts), length, dtype=torch.long)
    piece, position = torch.full_like(tokens, -1), torch.zeros_like(tokens)
    for row, pieces in enumerate(texts):
        at = 0
        for number, text in enumerate(pieces):
            span = slice(at, at + len(text))
            tokens[row, span], piece[row, span] = torch.tensor(text), number
            position[row, span] = torch.arange(len(text))
            at += len(text)
    return tokens, piece, position


def loss_of(module: SimCSE, hidden: torch.Tensor, second: torch.Tensor, *batch: torch.Tensor) -> float:
    loss, count, _correct = module(hidden, second, *batch)
    return float((loss / count).detach())


def test_each_text_of_a_row_has_its_start():
    _tokens, piece, position = rows([[2, 7, 3], [2, 8, 9, 3]], [[2, 7, 3]])
    start, exists = starts(piece, position)
    assert start[exists].tolist() == [0, 3, 0]
    assert exists.sum(1).tolist() == [2, 1]


def test_only_texts_with_the_same_tokens_in_the_same_order_have_the_same_key():
    tokens, piece, position = rows([[2, 7, 8, 3], [2, 8, 7, 3]], [[2, 7, 8, 3], [2, 7, 3]])
    keys = text_keys(tokens, piece, position)
    assert keys[0, 0] == keys[1, 0]
    assert len({int(key) for key in (keys[0, 0], keys[0, 1], keys[1, 1])}) == 3


def test_the_loss_is_that_of_the_paper():
    tokens, piece, position = rows([[2, 7, 3], [2, 8, 9, 3]], [[2, 6, 3]])
    torch.manual_seed(1)
    module, first, second = SimCSE(8), torch.randn(2, 12, 8), torch.randn(2, 12, 8)
    pooled = [torch.tanh(module.pool(x[[0, 0, 1], [0, 3, 0]])) for x in (first, second)]
    scores = cosine_similarity(pooled[0][:, None], pooled[1][None], dim=-1) / TEMPERATURE
    expected = cross_entropy(scores, torch.arange(3))
    assert loss_of(module, first, second, tokens, piece, position) == pytest.approx(expected.item(), rel=1e-5)


def test_a_repeated_sentence_is_not_a_negative_of_itself():
    torch.manual_seed(1)
    module, hidden = SimCSE(8), torch.randn(2, 12, 8)
    hidden[1] = hidden[0]
    once = loss_of(module, hidden[:1], hidden[:1], *rows([[2, 7, 3], [2, 8, 9, 3]]))
    twice = loss_of(module, hidden, hidden, *rows([[2, 7, 3], [2, 8, 9, 3]], [[2, 7, 3], [2, 8, 9, 3]]))
    different = loss_of(module, hidden, hidden, *rows([[2, 7, 3], [2, 8, 9, 3]], [[2, 5, 3], [2, 4, 9, 3]]))
    assert twice == pytest.approx(once, rel=1e-4)
    assert different > once + 0.5


def test_a_large_batch_is_compared_in_groups_of_rows(monkeypatch):
    torch.manual_seed(1)
    batch = rows([[2, 7, 3]], [[2, 8, 3]], [[2, 9, 3]], [[2, 6, 3]])
    module, hidden = SimCSE(8), torch.randn(4, 12, 8)
    monkeypatch.setattr(simcse, "_MOST_TEXTS", 8)  # two rows of four texts each
    halves = [[x[part] for x in (hidden, hidden, *batch)] for part in (slice(0, 2), slice(2, 4))]
    assert float(module(hidden, hidden, *batch)[0]) == pytest.approx(sum(float(module(*half)[0]) for half in halves))
    assert float(module(hidden, hidden, *batch)[1]) == 4


class NoHostSync(TorchDispatchMode):
    """Raises for an operation whose result the host waits for, or whose shape depends on the data."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        assert name not in ("_local_scalar_dense", "nonzero", "masked_select", "unique"), name
        return func(*args, **(kwargs or {}))


def test_the_host_waits_for_no_result_and_no_shape_depends_on_the_data(corpus):
    batch = batch_of(open_corpus(corpus), "sentence")
    hidden = torch.randn(*batch.tokens.shape, 8, requires_grad=True)
    with NoHostSync():
        loss = SimCSE(8)(hidden, hidden * 0.9, batch.originals(), batch.piece, batch.position)[0]
        tokens, sentences = vector_distances([hidden], [hidden.detach() * 0.9], batch)
        (loss + tokens[0] + sentences[0]).backward()


def test_each_trained_parameter_has_a_gradient(tiny_encoder, corpus):
    torch.manual_seed(1)
    model = BertForMaskedLM.from_pretrained(tiny_encoder)
    module = UnmaskedPretrainer(model, ObjectivesConfig(simcse=0.1, original=1.0))
    sums = module(batch_of(open_corpus(corpus), "sentence"))
    sum(module.weights[name] * values[0] for name, values in sums.items()).backward()
    assert [n for n, p in module.named_parameters() if p.requires_grad and p.grad is None] == []


def test_sentences_move_apart_and_no_weight_of_the_objective_is_written(tmp_path, corpus, tiny_encoder):
    objectives = ObjectivesConfig(masked=0, simcse=1.0)
    pretrain(tmp_path / "e", corpus, tiny_encoder, steps=30, sections={"objectives": objectives}, **ISOLATED)
    losses = [line["simcse"]["loss"] for line in read_log(tmp_path / "e") if "simcse" in line]
    assert losses[-1] < losses[0]
    assert not [name for name in weights_of(tmp_path / "e") if "pool.weight" in name or "simcse" in name]


def test_text_that_is_not_isolated_is_refused():
    with pytest.raises(UsageError, match=r"objectives\.simcse: has no effect with run\.isolate: none"):
        PretrainConfig(objectives=ObjectivesConfig(simcse=0.1))


def test_an_encoder_without_dropout_is_refused():
    with pytest.raises(UsageError, match=r"objectives\.simcse: the two vectors of a sentence differ by dropout"):
        PretrainConfig(objectives=ObjectivesConfig(simcse=0.1), run=RunConfig(dropout=0.0, isolate="sentence"))
