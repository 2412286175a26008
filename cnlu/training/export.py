"""The trained network as an ONNX graph of feature ids to scores."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnlu.model.ensemble import Ensemble, mean_outputs

OPSET = 18  # read by every ONNX Runtime since 1.15
INPUTS = ("characters", "sentence", "mask")
OUTPUTS = ("emissions", "intent", "roles", "groups")


def round_tables(network: Ensemble) -> None:
    """Round the sparse rows to 8 bits and a scale each: the model directory keeps them so, and torch then agrees."""
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
    """The ensemble as exported: the members' tables side by side, as 8-bit rows, widened after one look-up."""

    def __init__(self, network: Ensemble) -> None:
        super().__init__()
        self.network = network
        for name in ("characters", "sentence"):
            projections = [getattr(member, name) for member in network.networks()]
            tables = [_eight_bits(projection.table.weight) for projection in projections]
            self.register_buffer(f"{name}_steps", torch.cat([steps for steps, _ in tables], 1))
            self.register_buffer(f"{name}_scale", torch.stack([s for _, s in tables], 1) * projections[0].scale)

    def forward(self, characters: Tensor, sentence: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        members = self.network.networks()
        each = self._look_up("characters", characters).unbind(-2)
        whole = self._look_up("sentence", sentence).unbind(-2)
        outputs = [m.read(e, w, mask) for m, e, w in zip(members, each, whole, strict=True)]
        return tuple(mean_outputs(outputs))

    def _look_up(self, name: str, ids: Tensor) -> Tensor:
        """[..., F] -> [..., members, width]: the rows times their scales, summed over the features."""
        scale = F.embedding(ids, getattr(self, f"{name}_scale"))[..., None]
        steps = F.embedding(ids, getattr(self, f"{name}_steps")).float()
        return (steps.view(*scale.shape[:-1], -1) * scale).sum(-3)


def export_onnx(network: Ensemble) -> bytes:
    """Inputs characters [B, L, F] and sentence [B, S] int64 ids, mask [B, L] float32; outputs as model.Outputs.

    B, L, F and S are free; L at least 1.
    """
    network = network.eval().cpu()
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    example = (torch.ones(2, 5, 7, dtype=torch.long), torch.ones(2, 11, dtype=torch.long), torch.ones(2, 5))
    shapes = (
        {0: batch, 1: length, 2: torch.export.Dim("features")},
        {0: batch, 1: torch.export.Dim("sentence_features")},
        {0: batch, 1: length},
    )
    with _quiet():
        program = torch.onnx.export(
            _Exported(network).eval(), example, dynamo=True, opset_version=OPSET, dynamic_shapes=shapes,
            input_names=list(INPUTS), output_names=list(OUTPUTS), verbose=False,
        )  # fmt: skip
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


@contextlib.contextmanager
def _quiet():  # type: ignore[no-untyped-def]
    """The exporter tells its own story at length; a failure raises all the same."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
