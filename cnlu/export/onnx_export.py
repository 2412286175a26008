"""Exports the trained network as an ONNX graph from feature ids to scores."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnlu.errors import UsageError
from cnlu.export.fused_ensemble import FusedEnsemble
from cnlu.i18n import _
from cnlu.model.ensemble import Ensemble
from cnlu.model.mask_value import MASK_VALUE
from cnlu.runtime.graph_check import ENCODER_INPUTS, INPUTS, unsupported_operators

OPSET = 20  # supported by ONNX Runtime since 1.17; the first version with GELU as one operator
OUTPUTS = ("emissions", "intent", "roles", "groups")


def round_tables(network: Ensemble) -> None:
    """Round the rows of sparse features to 8 bits with a scale each, as the model directory stores them."""
    with torch.no_grad():
        for member in network.networks():
            for projection in (member.characters, member.sentence):
                steps, scale = _eight_bits(projection.table.weight)
                projection.table.weight.copy_(steps.float() * scale[:, None])


def _eight_bits(table: Tensor) -> tuple[Tensor, Tensor]:
    """(int8 [V, D], float32 scale [V]): each row in steps of 1/127 of its largest weight."""
    scale = table.detach().abs().amax(1).clamp_min(1e-12) / 127.0
    return (table.detach() / scale[:, None]).round().to(torch.int8), scale


class _Exported(nn.Module):
    """The exported ensemble: the members' tables side by side as 8-bit rows, which are scaled after one look-up."""

    def __init__(self, network: Ensemble) -> None:
        super().__init__()
        members = network.networks()
        self.network, self.fused = network, FusedEnsemble(members)
        for name in ("characters", "sentence"):
            projections = [getattr(member, name) for member in members]
            tables = [_eight_bits(projection.table.weight) for projection in projections]
            self.register_buffer(f"{name}_steps", torch.cat([steps for steps, _ in tables], 1))
            self.register_buffer(f"{name}_scale", torch.stack([s for _, s in tables], 1) * projections[0].scale)

    def forward(
        self, characters: Tensor, sentence: Tensor, mask: Tensor, *encoder_inputs: Tensor
    ) -> tuple[Tensor, ...]:
        encoder = self.network.aligned_encoder
        encoder_output = encoder(*encoder_inputs) if encoder is not None else None
        projected = self._look_up("characters", characters), self._look_up("sentence", sentence)
        return tuple(self.fused(*projected, mask, encoder_output))

    def _look_up(self, name: str, ids: Tensor) -> Tensor:
        """[..., F] -> [..., members, width]: the rows times their scales, summed over the features."""
        scale = F.embedding(ids, getattr(self, f"{name}_scale"))[..., None]
        steps = F.embedding(ids, getattr(self, f"{name}_steps")).float()
        return (steps.view(*scale.shape[:-1], -1) * scale).sum(-3)


def export_onnx(network: Ensemble) -> bytes:
    """Inputs characters [B, L, F] and sentence [B, S] int64 ids, mask [B, L] float32; outputs as model.Outputs.

    With an encoder also tokens [B, T] int64, token_mask [B, T] and alignment [B, L, T] float32. B, L, F, S and T are
    free; L and T at least 1.
    """
    network = network.eval().cpu()
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    example = [torch.ones(2, 5, 7, dtype=torch.long), torch.ones(2, 11, dtype=torch.long), torch.ones(2, 5)]
    shapes: list[Any] = [
        {0: batch, 1: length, 2: torch.export.Dim("features")},
        {0: batch, 1: torch.export.Dim("sentence_features")},
        {0: batch, 1: length},
    ]
    names = (*INPUTS,)
    if network.aligned_encoder is not None:
        tokens = torch.export.Dim("tokens")
        example += [torch.ones(2, 9, dtype=torch.long), torch.ones(2, 9), torch.ones(2, 5, 9) / 9]
        shapes.append(({0: batch, 1: tokens}, {0: batch, 1: tokens}, {0: batch, 1: length, 2: tokens}))
        names += (*ENCODER_INPUTS,)
    exported = _Exported(network).eval()
    with _silent_exporter(), _plain_mask() if network.aligned_encoder is not None else contextlib.nullcontext():
        program = torch.onnx.export(
            exported,
            tuple(example),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=tuple(shapes),
            input_names=list(names),
            output_names=list(OUTPUTS),
            verbose=False,
        )
    assert program is not None
    return _serialized(program.model_proto)


def _serialized(model: onnx.ModelProto) -> bytes:
    """The graph's bytes. Raises UsageError if the encoder has operators that no model directory may have."""
    _prevent_norm_fusion(model)
    content = bytes(model.SerializeToString())
    if unsupported := unsupported_operators(content):
        operators = ", ".join(unsupported)
        problem = _("its export has operators that no model may have ({operators})", operators=operators)
        raise UsageError("--encoder", problem, _("name an encoder of another family"))
    return content


def _prevent_norm_fusion(model: onnx.ModelProto) -> None:
    """Turn each Add before a norm into Sum, because the runtime would fuse Add with the norm, which is slower."""
    normed = {node.input[0] for node in model.graph.node if node.op_type == "LayerNormalization"}
    for node in model.graph.node:
        if node.op_type == "Add" and node.output[0] in normed:
            node.op_type = "Sum"


def without_exporter_metadata(graph: bytes) -> bytes:
    """The graph without the exporter's metadata, which contain local paths."""
    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        del node.metadata_props[:]
    return bytes(model.SerializeToString())


@contextlib.contextmanager
def _plain_mask() -> Iterator[None]:
    """Within the context, encoders of transformers compute their padding mask in two operations instead of twenty."""
    try:
        from transformers.masking_utils import AttentionMaskInterface, bidirectional_mask_function, eager_mask
    except ImportError:  # another version of transformers; its own mask works too
        yield
        return

    def mask(*args: Any, **kwargs: Any) -> Any:
        padding, pattern = kwargs.get("attention_mask"), kwargs.get("mask_function")
        if padding is None or padding.ndim != 2 or pattern is not bidirectional_mask_function:
            return eager_mask(*args, **kwargs)
        return (1.0 - padding[:, None, None, :].float()) * MASK_VALUE

    AttentionMaskInterface.register("eager", mask)
    try:
        yield
    finally:
        AttentionMaskInterface.register("eager", eager_mask)


@contextlib.contextmanager
def _silent_exporter():  # type: ignore[no-untyped-def]
    """Silence the exporter, even its errors: a failure raises, and an interrupt is no failure."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
