"""`network.safetensors`: the ensemble's trained weights beside the graph, so that training can continue from a model.

The file holds the members' parameters in float16. It leaves out what other files of the model directory hold: the
encoder and the 8-bit tables of sparse features (model.onnx), and the weights of the grouping CRF (groups.npy). Parsing
never opens it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from cnlu.errors import ModelError, one_line
from cnlu.i18n import _
from cnlu.model.encoder_output import VIEWS
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.model_dir import ModelFiles

if TYPE_CHECKING:
    from cnlu.runtime.interpreter import Interpreter  # imports ONNX Runtime, which writing does not need

NETWORK_WEIGHTS = "network.safetensors"
_TABLES = ("characters", "sentence")
_PRETEXT = ("masked_character_head", "mask_vector")
"""Parameters of the masked-character loss, which is only used in training and starts again from random weights"""
_MAX_HEADER = 1 << 20
"""Maximum bytes of the file besides its tensors"""


def to_safetensors(network: Ensemble) -> bytes:
    """The content of network.safetensors. Raises ModelError if a weight exceeds float16."""
    weights = {name: parameter.detach().cpu().half().contiguous() for name, parameter in _parameters(network).items()}
    if not all(bool(torch.isfinite(weight).all()) for weight in weights.values()):
        raise ModelError(
            NETWORK_WEIGHTS,
            _("training diverged: a weight is too large for float16"),
            _("lower training.learning_rate, or leave the file out with --no-store-weights"),
        )
    return save(weights)


def read_weights(files: ModelFiles, model: Interpreter, encoder_width: int = 0) -> dict[str, Tensor]:
    """Parameter name, as in `Ensemble.named_parameters` -> float32 tensor: network.safetensors and the sparse tables.

    `encoder_width` is the width of the model's encoder, 0 without one. The tables are those of the graph: the same
    8-bit rows, with scales that differ by at most one rounding of float32. Raises ModelError if the file is missing, or
    if its names, shapes, dtypes or values do not fit the model's settings.
    """
    place = files.path / NETWORK_WEIGHTS
    if NETWORK_WEIGHTS not in files.files:
        raise ModelError(
            files.path,
            _("holds no {name}, so training cannot continue from it", name=NETWORK_WEIGHTS),
            _("train it again without --no-store-weights"),
        )
    expected = _meta_network(model, encoder_width)
    try:
        weights = _checked(files.files[NETWORK_WEIGHTS], _parameters(expected))
        return weights | _sparse_tables(files.files["model.onnx"], expected)
    except Exception as error:  # the directory may come from an untrusted source
        raise ModelError(
            place,
            _("does not fit the model's other files ({reason})", reason=one_line(error)),
            _("do not use it, train the model again"),
        ) from error


def _parameters(network: Ensemble) -> dict[str, Tensor]:
    """The parameters that the file holds."""
    parameters = {f"members.{name}": parameter for name, parameter in network.members.named_parameters()}
    return {
        name: parameter for name, parameter in parameters.items() if name.split(".")[2] not in (*_TABLES, *_PRETEXT)
    }


def _meta_network(model: Interpreter, encoder_width: int) -> Ensemble:
    """The network of these settings on PyTorch's meta device: names and shapes, without memory for the weights."""
    labels, config = model.labels, model.config
    sizes = Sizes(
        character_features=len(model.characters),
        sentence_features=len(model.sentence),
        intents=len(labels.intents),
        roles=len(labels.role_names),
        groups=len(labels.group_columns),
        encoder=encoder_width,
        views=VIEWS[config.encoder.sentence] if encoder_width else 0,
    )
    with_encoder = config.encoder.members if encoder_width else None
    with torch.device("meta"):
        return Ensemble(config.model, sizes, labels.tag_set(config.model.tagging), members_with_encoder=with_encoder)


def _checked(content: bytes, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The file's tensors as float32. Raises ValueError for other ones than `expected`, before allocating memory."""
    if len(content) > 2 * sum(tensor.numel() for tensor in expected.values()) + _MAX_HEADER:
        raise ValueError(f"{len(content)} bytes are too many")
    weights = load(content)
    if names := weights.keys() ^ expected.keys():
        raise ValueError(f"missing or unknown: {', '.join(sorted(names)[:3])}")
    for name, weight in weights.items():
        if weight.dtype != torch.float16 or weight.shape != expected[name].shape:
            raise ValueError(f"{name} is {weight.dtype} {list(weight.shape)}, not float16 {list(expected[name].shape)}")
        if not bool(torch.isfinite(weight).all()):
            raise ValueError(f"{name} has values that are no numbers")
    return {name: weight.float() for name, weight in weights.items()}


def _sparse_tables(graph: bytes, expected: Ensemble) -> dict[str, Tensor]:
    """The tables of sparse features in the graph: 8-bit steps [V, members * D] times scales [V, members]."""
    import onnx  # not needed for training itself
    from onnx import numpy_helper

    initializers = {tensor.name: tensor for tensor in onnx.load_from_string(graph).graph.initializer}
    tables: dict[str, Tensor] = {}
    for part in _TABLES:
        steps = numpy_helper.to_array(initializers[f"{part}_steps"])
        scales = numpy_helper.to_array(initializers[f"{part}_scale"])
        members = expected.networks()
        rows, width = getattr(members[0], part).table.weight.shape
        if steps.dtype != np.int8 or steps.shape != (rows, len(members) * width):
            raise ValueError(f"{part}_steps is {steps.dtype} {steps.shape}")
        if scales.dtype != np.float32 or scales.shape != (rows, len(members)) or not np.isfinite(scales).all():
            raise ValueError(f"{part}_scale is {scales.dtype} {scales.shape}, or has values that are no numbers")
        for number, member in enumerate(members):
            member_steps = steps[:, number * width : (number + 1) * width].astype(np.float32)
            scale = scales[:, number, None] / np.float32(getattr(member, part).scale)
            tables[f"members.{number}.{part}.table.weight"] = torch.from_numpy(member_steps * scale)
    return tables
