"""An encoder's weights out of a trained model.

A model directory holds them once, as constants of model.onnx, many of them transposed by the exporter. The graph's own
metadata tell which constant is which parameter, and what else is needed to build the encoder again.
"""

from __future__ import annotations

import json
from typing import Any

import onnx
import torch
from onnx import numpy_helper

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.hf_config import build_hf_config
from cnlu.encoder.instantiate import random_backbone
from cnlu.encoder.onnx_initializers import places, restore_layout
from cnlu.errors import CnluError, UsageError, one_line

WEIGHTS, CONFIG = "encoder_weights", "encoder_config"
"""Metadata of the graph: {parameter: [constant, its form]}, and the encoder's own settings."""

_MOST_LAYERS = 1000
_UNUSED = 64 << 20
"""Bytes of parameters that an encoder's answers do not need, such as a pooler, and a graph therefore lacks."""
_AGREEMENT = 1e-4
"""Largest difference of a hidden state between an encoder and the one built again."""


def add_encoder_metadata(graph: bytes, backbone: Backbone) -> bytes:
    """The exported graph with metadata from which `load_from_graph` builds the encoder again.

    Without them where that would not give the same hidden states: rounded weights, a family whose weights the exporter
    changes, layers of another shape than the settings say.
    """
    model = onnx.load_from_string(graph)
    model.metadata_props.add(key=WEIGHTS, value=json.dumps(places(model, backbone.named_parameters())))
    model.metadata_props.add(key=CONFIG, value=json.dumps(backbone.settings(), sort_keys=True))
    try:
        same = _agree(_rebuilt(model), backbone)
    except Exception:  # whatever the reason: a training of hours must not be lost for it
        same = False
    return bytes(model.SerializeToString()) if same else graph


def load_from_graph(graph: bytes, where: str) -> Backbone:
    """The encoder of a model.onnx, with its trained weights; parameters that its answers do not need are 0.

    Raises UsageError, naming `where`, when the graph does not tell.
    """
    model = onnx.load_from_string(graph)
    if not {WEIGHTS, CONFIG} <= _notes(model).keys():
        raise UsageError(
            f"{where}: the encoder cannot be taken out of this model, because it has none, or one in 8 bits, with "
            "heads removed, or of a family whose weights the export changes; name a model without those."
        )
    try:
        _check_size(json.loads(_notes(model)[CONFIG]), len(graph))
        return _rebuilt(model)
    except CnluError:
        raise
    except Exception as error:  # whoever wrote the notes need not have been training
        raise UsageError(
            f"{where}: what it notes of its encoder does not fit its weights ({one_line(error)}); name another model."
        ) from error


def _notes(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _check_size(settings: dict[str, Any], size: int) -> None:
    """Raises ValueError for settings of an encoder with far more weights than a file of so many bytes holds."""
    layers = getattr(build_hf_config(settings, "the encoder"), "num_hidden_layers", 0)
    if not isinstance(layers, int) or layers > _MOST_LAYERS:
        raise ValueError(f"{layers} layers")
    with torch.device("meta"):  # shapes alone, no memory
        count = sum(parameter.numel() for parameter in random_backbone(settings).parameters())
    if 4 * count > 2 * size + _UNUSED:
        raise ValueError(f"{count:,} weights in {size:,} bytes")


def _rebuilt(model: onnx.ModelProto) -> Backbone:
    notes = {entry.key: json.loads(entry.value) for entry in model.metadata_props if entry.key in (WEIGHTS, CONFIG)}
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    backbone = random_backbone(notes[CONFIG])
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if name in notes[WEIGHTS]:
                constant, form = notes[WEIGHTS][name]
                values = restore_layout(numpy_helper.to_array(initializers[constant]), form, tuple(parameter.shape))
                parameter.copy_(torch.from_numpy(values))
            elif parameter.requires_grad:  # what nothing trains is as it was made
                parameter.zero_()
    return backbone.eval()


def _agree(one: Backbone, other: Backbone) -> bool:
    """Whether both give the same hidden states of some tokens, padding among them."""
    ids = (torch.arange(3 * 11).reshape(3, 11) * 37) % one.vocabulary
    mask = torch.ones(3, 11)
    mask[1, 7:] = 0
    with torch.no_grad():
        states = zip(one(ids, mask), other(ids, mask), strict=True)
        return all(torch.allclose(a[mask > 0], b[mask > 0], atol=_AGREEMENT) for a, b in states)
