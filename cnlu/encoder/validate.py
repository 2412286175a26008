"""An encoder tried out before any training rests on it: what its hidden states are like, and whether it exports."""

from __future__ import annotations

import contextlib
import io
import logging

import torch
from torch import Tensor

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.hf_config import NAME_AN_ENCODER
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.errors import DataError, one_line

EXPORTABLE_FAMILIES = (
    "albert",
    "bert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "ernie",
    "mobilebert",
    "nezha",
    "roberta",
    "roformer",
    "xlm-roberta",
    "xlnet",
)
"""Families that are known to export; any other is exported once when it is loaded."""
OPSET = 20
_CLOSE = 1e-3
"""Largest part of a vector that padding may change: rounding, and nothing that a longer batch could bring in."""


def validate_encoder(backbone: Backbone, limit: int, where: str) -> None:
    """Raises DataError where a text's vectors are not what training and running count on.

    Every token has a vector in every layer, of one width; it depends on what stands before and behind the token, not on
    padding; all are finite; a text may have `limit` tokens; and the model can be exported.
    """
    family = backbone.config.model_type
    ids = torch.arange(5, 11)[None] % backbone.vocabulary
    other = ids.clone()
    other[0, -1] = 1
    longer = torch.cat([ids, torch.zeros_like(ids)], 1)
    mask = torch.cat([torch.ones_like(ids), torch.zeros_like(ids)], 1).float()
    try:
        with torch.no_grad(), silent_transformers():
            plain, changed = (backbone(x, torch.ones(x.shape)) for x in (ids, other))
            padded = backbone(longer, mask)
    except Exception as error:  # a family that is called in another way fails in a way of its own
        raise DataError(
            f"{where}: {family} cannot be run as an encoder: {one_line(error)}; {NAME_AN_ENCODER}."
        ) from error
    if {state.shape for state in plain} != {torch.Size([1, ids.shape[1], backbone.width])} or len(plain) < 2:
        raise DataError(f"{where}: {family} has no vector for every token in every layer; {NAME_AN_ENCODER}.")
    if not all(bool(state.isfinite().all()) for state in plain):
        raise DataError(f"{where}: its vectors are not finite, so its weights are damaged; fetch it again.")
    if torch.equal(plain[-1][:, 0], changed[-1][:, 0]):
        raise DataError(f"{where}: {family} {_what_it_sees(backbone, ids, plain[-1])}; {NAME_AN_ENCODER}.")
    if any(_differs(state, more[:, : ids.shape[1]]) for state, more in zip(plain, padded, strict=True)):
        raise DataError(f"{where}: padding behind a text changes what {family} says of it; {NAME_AN_ENCODER}.")
    if family not in EXPORTABLE_FAMILIES:
        _try_length(backbone, limit, where)
        _try_export(backbone, longer, mask, where)


def _what_it_sees(backbone: Backbone, ids: Tensor, plain: Tensor) -> str:
    """Of an encoder whose first vector is indifferent to the last token: from which sides its vectors learn anything.

    `plain` [1, T, width] is what it makes of `ids` [1, T].
    """

    def sees(place: int, other: int) -> bool:
        changed = ids.clone()
        changed[0, other] = 1
        with torch.no_grad(), silent_transformers():
            return not torch.equal(plain[:, place], backbone(changed, torch.ones(ids.shape))[-1][:, place])

    before, behind = sees(3, 2), sees(2, 3)
    if before and not behind:
        return "reads from left to right only"
    if before or behind:
        return "sees only the nearest neighbours of a token, not the whole text"
    return "looks at no other token: each vector depends on its own token alone"


def _differs(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() > _CLOSE * one.abs().max())


def _try_length(backbone: Backbone, limit: int, where: str) -> None:
    ids = torch.full((1, limit), 5 % backbone.vocabulary)
    try:
        with torch.no_grad(), silent_transformers():
            backbone(ids, torch.ones(ids.shape))
    except Exception as error:  # positions beyond a table's end fail in many ways
        raise DataError(
            f"{where}: {backbone.config.model_type} cannot read a text of {limit} tokens, though its settings say so; "
            "set model_max_length in its tokenizer_config.json to fewer."
        ) from error


def _try_export(backbone: Backbone, ids: Tensor, mask: Tensor, where: str) -> None:
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    heard = io.StringIO()
    try:
        with silent_transformers(), contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
            torch.onnx.export(
                backbone,
                (ids.repeat(2, 1), mask.repeat(2, 1)),
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                dynamic_shapes=({0: batch, 1: length}, {0: batch, 1: length}),
            )
    except Exception as error:
        raise DataError(
            f"{where}: {backbone.config.model_type} cannot be exported to ONNX, which a trained model runs on; "
            f"{NAME_AN_ENCODER}."
        ) from error
    finally:
        logging.disable(level)
