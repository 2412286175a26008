"""The trained network as an ONNX graph of feature ids to scores."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import torch
from torch import Tensor, nn

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
    """The ensemble as exported: tables as 8-bit rows, widened after the look-up."""

    def __init__(self, network: Ensemble) -> None:
        super().__init__()
        self.network = network
        for number, member in enumerate(network.networks()):
            for name in ("characters", "sentence"):
                steps, scale = _eight_bits(getattr(member, name).table.weight)
                self.register_buffer(f"{name}_steps_{number}", steps)
                self.register_buffer(f"{name}_scale_{number}", scale * getattr(member, name).scale)

    def forward(self, characters: Tensor, sentence: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        outputs = []
        for number, member in enumerate(self.network.networks()):
            each = self._look_up("characters", number, characters)
            whole = self._look_up("sentence", number, sentence)
            outputs.append(member.read(each, whole, mask))
        return tuple(mean_outputs(outputs))

    def _look_up(self, name: str, number: int, ids: Tensor) -> Tensor:
        steps, scale = getattr(self, f"{name}_steps_{number}"), getattr(self, f"{name}_scale_{number}")
        return (steps[ids].float() * scale[ids][..., None]).sum(-2)


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
