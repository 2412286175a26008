"""Recover an encoder's weights from a trained model.

A model directory stores them once, as initializers of model.onnx; the exporter transposes many of them, and
quantization rounds the large ones to 8 bits. The metadata of the graph map parameters to initializers and hold the
encoder's config.
"""

from __future__ import annotations

import json
from typing import Any

import onnx
import torch

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.hf_config import build_hf_config
from cnlu.encoder.instantiate import random_backbone
from cnlu.encoder.onnx_initializers import match_initializers, read_initializer, restore_layout
from cnlu.errors import CnluError, UsageError, one_line
from cnlu.i18n import _

WEIGHTS, CONFIG = "encoder_weights", "encoder_config"
"""Metadata keys of the graph: {parameter: [initializer, its layout]}, and the encoder's config. The initializers have
the names of the float32 graph."""

_MAX_LAYERS = 1000
_MAX_UNUSED = 64 << 20
"""Maximum bytes of parameters that a graph lacks, because hidden states do not depend on them, such as a pooler."""
_TOLERANCE = 1e-4
"""Maximum difference of a hidden state between an encoder and the rebuilt one."""
_ROUNDING = 1 / 127
"""Maximum rounding error in 8 bits, as a share of the tensor's largest weight: one step, twice what rounding needs"""


def add_encoder_metadata(graph: bytes, backbone: Backbone) -> bytes:
    """The exported graph with the metadata from which `load_from_graph` rebuilds the encoder.

    The graph is returned unchanged if the rebuilt encoder would give other hidden states: rounded weights, a family
    whose weights the exporter changes, layers of other shapes than in the config.
    """
    model = onnx.load_from_string(graph)
    model.metadata_props.add(key=WEIGHTS, value=json.dumps(match_initializers(model, backbone.named_parameters())))
    model.metadata_props.add(key=CONFIG, value=json.dumps(backbone.settings(), sort_keys=True))
    try:
        same = _agree(_rebuilt(model), backbone)
    except Exception:  # a failure here must not cost the user hours of training
        same = False
    return bytes(model.SerializeToString()) if same else graph


def keep_metadata_if_recoverable(quantized: bytes, graph: bytes) -> bytes:
    """The graph in 8 bits, without the encoder's metadata if the weights recovered from it are not those of `graph`.

    They may differ by rounding. A larger difference means that the quantizer stores a matrix in another way than
    `read_initializer` expects.
    """
    original, model = onnx.load_from_string(graph), onnx.load_from_string(quantized)
    if not _has_encoder_metadata(original):
        return quantized
    try:
        recoverable = _nearly_equal(_rebuilt(model), _rebuilt(original))
    except Exception:  # a failure here must not cost the user hours of training
        recoverable = False
    if recoverable:
        return quantized
    others = [entry for entry in model.metadata_props if entry.key not in (WEIGHTS, CONFIG)]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    return bytes(model.SerializeToString())


def load_from_graph(graph: bytes, where: str) -> Backbone:
    """The encoder of a model.onnx with its trained weights; parameters that hidden states do not depend on are 0.

    Weights that the graph holds in 8 bits are returned in float32, rounded as they are in the graph. Raises UsageError
    at `where` if the graph lacks the metadata.
    """
    model = onnx.load_from_string(graph)
    if not _has_encoder_metadata(model):
        raise UsageError(
            where,
            _(
                "the encoder cannot be recovered from this model: it has none, or one that has heads removed, is of a "
                "family whose weights the export changes, or was stored in 8 bits by an earlier cnlu"
            ),
            _("name a model with another encoder"),
        )
    try:
        _check_size(json.loads(_metadata(model)[CONFIG]), len(graph))
        return _rebuilt(model)
    except CnluError:
        raise
    except Exception as error:  # the metadata may come from an untrusted source
        problem = _("the metadata of its encoder does not match its weights ({reason})", reason=one_line(error))
        raise UsageError(where, problem, _("name another model")) from error


def _has_encoder_metadata(model: onnx.ModelProto) -> bool:
    """Whether the graph says which initializers are its encoder's weights."""
    return {WEIGHTS, CONFIG} <= _metadata(model).keys()


def _metadata(model: onnx.ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _check_size(settings: dict[str, Any], size: int) -> None:
    """Raises ValueError if an encoder of this config has far more weights than a file of `size` bytes holds."""
    layers = getattr(build_hf_config(settings, "the encoder"), "num_hidden_layers", 0)
    if not isinstance(layers, int) or layers > _MAX_LAYERS:
        raise ValueError(f"{layers} layers")
    with torch.device("meta"):  # shapes alone, no memory
        count = sum(parameter.numel() for parameter in random_backbone(settings).parameters())
    if 4 * count > 8 * size + _MAX_UNUSED:  # a weight takes at least a byte of the file, and there may be spare ones
        raise ValueError(f"{count:,} weights in {size:,} bytes")


def _rebuilt(model: onnx.ModelProto) -> Backbone:
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props if entry.key in (WEIGHTS, CONFIG)}
    initializers = {tensor.name: tensor for tensor in model.graph.initializer}
    backbone = random_backbone(metadata[CONFIG])
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if name in metadata[WEIGHTS]:
                initializer, layout = metadata[WEIGHTS][name]
                values = restore_layout(read_initializer(initializers, initializer), layout, tuple(parameter.shape))
                parameter.copy_(torch.from_numpy(values))
            elif parameter.requires_grad:  # untrained parameters keep their initial values
                parameter.zero_()
    return backbone.eval()


def _agree(first: Backbone, second: Backbone) -> bool:
    """Whether both give the same hidden states of a fixed batch with padding."""
    ids = (torch.arange(3 * 11).reshape(3, 11) * 37) % first.vocab_size
    mask = torch.ones(3, 11)
    mask[1, 7:] = 0
    with torch.no_grad():
        states = zip(first(ids, mask), second(ids, mask), strict=True)
        return all(torch.allclose(a[mask > 0], b[mask > 0], atol=_TOLERANCE) for a, b in states)


def _nearly_equal(rounded: Backbone, original: Backbone) -> bool:
    """Whether the weights differ by rounding alone."""
    pairs = zip(rounded.parameters(), original.parameters(), strict=True)
    return all(bool((a - b).abs().max() <= _ROUNDING * b.abs().max()) for a, b in pairs)
