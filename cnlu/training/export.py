"""The trained network as an ONNX graph of feature ids to scores."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import numpy as np
import torch
from torch import Tensor, nn

from cnlu.model.network import JointNetwork

OPSET = 18  # read by every ONNX Runtime since 1.15
INPUTS = ("characters", "sentence", "mask")
OUTPUTS = ("emissions", "intent", "roles", "groups")


def halve_tables(network: JointNetwork) -> None:
    """Round the sparse rows to what 16 bits hold: the model directory keeps them so, and torch then agrees with it."""
    with torch.no_grad():
        for projection in (network.characters, network.sentence):
            projection.table.weight.copy_(projection.table.weight.half().float())


class _Exported(nn.Module):
    """The network as exported: its tables at half width, widened after the look-up."""

    def __init__(self, network: JointNetwork) -> None:
        super().__init__()
        self.network = network
        self.characters = nn.Parameter(network.characters.table.weight.detach().half(), requires_grad=False)
        self.sentence = nn.Parameter(network.sentence.table.weight.detach().half(), requires_grad=False)

    def forward(self, characters: Tensor, sentence: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        network = self.network
        each = self.characters[characters].float().sum(-2) * network.characters.scale
        whole = self.sentence[sentence].float().sum(-2) * network.sentence.scale
        return tuple(network.read(each, whole, mask))


def export_onnx(network: JointNetwork) -> bytes:
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


def tagger_array(network: JointNetwork) -> np.ndarray:
    """float32 [T + 2, T]: transitions, then the start row, then the end row (legality is the tag set's)."""
    crf = network.crf
    rows = torch.cat([crf.transitions, crf.start_transitions[None], crf.end_transitions[None]])
    return rows.detach().cpu().numpy().astype(np.float32)


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
