"""Every family gives one vector per token and layer, whatever the padding, and the same in ONNX Runtime."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="an encoder is loaded with the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

import onnxruntime
import torch
from transformers import AutoModel

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.load import Pretrained, load_encoder
from cnlu.encoder.prune import keep_layers, prune_heads
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.encoder.validate import EXPORTABLE_FAMILIES
from cnlu.errors import UsageError
from cnlu.runtime.graph_check import infer_shapes, unsupported_operators
from cnlu.runtime.onnx_file import read_graph
from cnlu.text.tokens import AlignedTokenizer

LAYERS, WIDTH = 2, 32
LIMITS = {"roformer": 1536, "xlnet": 512}


@pytest.fixture(scope="module")
def pretrained(family: str, tiny_encoder: Callable[[str], Path]) -> Pretrained:
    return load_encoder(tiny_encoder(family))


def batch(backbone: Backbone, rows: int = 3, longest: int = 13) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ids of texts of different lengths, padded with 0."""
    ids = torch.from_numpy(np.random.default_rng(1).integers(5, backbone.vocab_size, (rows, longest)))
    mask = torch.ones(rows, longest)
    for row in range(1, rows):
        mask[row, longest - 2 * row :] = 0
    return ids * mask.long(), mask


def test_hidden_states_of_every_layer_have_one_width(pretrained: Pretrained) -> None:
    backbone = pretrained.backbone
    states = backbone(*batch(backbone))
    assert [tuple(state.shape) for state in states] == [(3, 13, WIDTH)] * (LAYERS + 1)
    assert (backbone.width, backbone.num_hidden_layers) == (WIDTH, LAYERS)
    assert not backbone.training
    assert pretrained.notes == []


def test_hidden_states_equal_those_of_transformers(
    family: str, pretrained: Pretrained, tiny_encoder: Callable[[str], Path]
) -> None:
    if family in ("nezha", "xlnet"):
        pytest.skip("transformers has no NEZHA, and XLNet's last token is given a type of its own here")
    backbone, (ids, mask) = pretrained.backbone, batch(pretrained.backbone)
    model = AutoModel.from_pretrained(tiny_encoder(family)).eval()
    with torch.no_grad():
        given = backbone(ids, mask)
        expected = model(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True).hidden_states
    for one, other in zip(given, expected, strict=True):
        assert torch.allclose(one[mask > 0], other[mask > 0], atol=1e-5)


def test_padding_changes_nothing(pretrained: Pretrained) -> None:
    backbone, (ids, mask) = pretrained.backbone, batch(pretrained.backbone)
    with torch.no_grad():
        together = backbone(ids, mask)
        for row in range(len(ids)):
            length = int(mask[row].sum())
            alone = backbone(ids[row : row + 1, :length], mask[row : row + 1, :length])
            for one, other in zip(together, alone, strict=True):
                assert torch.allclose(one[row, :length], other[0], atol=2e-5)


def test_every_token_matters_to_every_other(pretrained: Pretrained) -> None:
    backbone, (ids, mask) = pretrained.backbone, batch(pretrained.backbone)
    changed = ids.clone()
    changed[0, -1] = 5 + (changed[0, -1] - 4) % (backbone.vocab_size - 5)
    with torch.no_grad():
        assert not torch.allclose(backbone(ids, mask)[-1][0, 0], backbone(changed, mask)[-1][0, 0], atol=1e-6)


def test_all_parameters_get_gradients(pretrained: Pretrained) -> None:
    backbone = copy.deepcopy(pretrained.backbone).train()
    backbone(*batch(backbone))[-1].square().sum().backward()
    unreached = [name for name, p in backbone.named_parameters() if p.requires_grad and p.grad is None]
    assert [name for name in unreached if not name.endswith(("mask_emb", "r_s_bias", "seg_embed"))] == []


def test_computing_activations_twice_changes_no_gradient(family: str, pretrained: Pretrained) -> None:
    if family in ("albert", "mobilebert", "xlnet"):
        pytest.skip("transformers cannot do it for this family")
    gradients = []
    for twice in (False, True):
        backbone = copy.deepcopy(pretrained.backbone).train()
        for module in backbone.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        for name in ("attention_probs_dropout_prob", "attention_dropout"):  # DistilBERT and others read them each time
            setattr(backbone.config, name, 0.0)
        if twice:
            with silent_transformers():
                backbone.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        sum(state.square().sum() for state in backbone(*batch(backbone))).backward()
        gradients.append([p.grad for p in backbone.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(gradients[1])
    assert all(torch.allclose(one, other, rtol=1e-3, atol=1e-3) for one, other in zip(*gradients, strict=True))


def test_the_layers_are_found(family: str, pretrained: Pretrained) -> None:
    layers = pretrained.backbone.layers()
    assert len(layers) == (1 if family == "albert" else LAYERS)
    inside = sum(p.numel() for p in layers.parameters())
    assert inside > sum(p.numel() for p in pretrained.backbone.parameters()) / 3


def test_a_text_of_as_many_tokens_as_the_limit_is_read(family: str, pretrained: Pretrained) -> None:
    backbone, limit = pretrained.backbone, pretrained.special_tokens.limit
    assert limit == LIMITS.get(family, 64)
    with torch.no_grad():
        states = backbone(*batch(backbone, 1, limit))
    assert states[-1].shape == (1, limit, WIDTH)


def test_a_text_goes_through_reader_and_encoder(family: str, pretrained: Pretrained) -> None:
    reader = AlignedTokenizer(pretrained.tokenizer, pretrained.special_tokens)
    tokens = reader.encode("从北京到上海 OK")
    summary = tokens.ids[pretrained.special_tokens.summary]
    assert summary == {"xlnet": 3, "roberta": 0, "xlm-roberta": 0}.get(family, 2)
    assert reader.unknown("从北京到上海") == 0
    with torch.no_grad():
        states = pretrained.backbone(torch.from_numpy(tokens.ids)[None], torch.ones(1, len(tokens)))
    assert states[-1].shape == (1, len(tokens), WIDTH)


def test_it_exports_and_onnx_runtime_gives_the_same(family: str, tiny_encoder: Callable[[str], Path]) -> None:
    """The encoder has one layer, which saves time, and half of its heads if they can be removed."""
    assert family in EXPORTABLE_FAMILIES
    if family == "xlm-roberta":
        pytest.skip("the same network as RoBERTa's, and exporting takes time")
    backbone = load_encoder(tiny_encoder(family)).backbone
    keep_layers(backbone, 1)
    with contextlib.suppress(UsageError):
        prune_heads(backbone, 0.5)
    graph = exported(backbone)
    assert unsupported_operators(graph) == []  # or whoever trains on it could not load the model
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for rows, longest in ((1, 3), (3, 13)):
        ids, mask = (
            batch(backbone, rows, longest) if rows > 1 else (torch.full((1, longest), 7), torch.ones(1, longest))
        )
        with torch.no_grad():
            expected = backbone(ids, mask)
        given = session.run(None, {"ids": ids.numpy(), "mask": mask.numpy()})
        for one, other in zip(given, expected, strict=True):
            assert np.abs(one - other.numpy())[mask.numpy() > 0].max() < 1e-4
        shapes, _ = infer_shapes(read_graph(graph), {"ids": tuple(ids.shape), "mask": tuple(mask.shape)})
        assert list(shapes.values()) == [one.shape for one in given]


def exported(backbone: Backbone) -> bytes:
    """The export has a dynamic batch and length, like that of a whole network."""
    rows, length = torch.export.Dim("batch"), torch.export.Dim("length")
    received_signal, level = io.StringIO(), logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(received_signal):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                backbone,
                batch(backbone),
                dynamo=True,
                opset_version=18,
                verbose=False,
                input_names=["ids", "mask"],
                dynamic_shapes=({0: rows, 1: length}, {0: rows, 1: length}),
            )
    finally:
        logging.disable(level)
    assert program is not None
    return bytes(program.model_proto.SerializeToString())
