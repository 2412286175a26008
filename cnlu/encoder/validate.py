"""Validate an encoder before training: its hidden states, its length limit, and whether it exports to ONNX."""

from __future__ import annotations

import contextlib
import io
import logging

import torch
from torch import Tensor

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.config_json import EXPORTABLE_FAMILIES
from cnlu.encoder.hf_config import choose_bert_family
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.errors import DataError, one_line
from cnlu.i18n import _

OPSET = 20
_CLOSE = 1e-3
"""Maximum relative change of a vector by padding, which allows for rounding only."""


def validate_encoder(backbone: Backbone, limit: int, where: str) -> None:
    """Raises DataError if the hidden states are not what training and inference rely on.

    Every layer has a finite vector of one width for every token. It depends on the tokens before and after, but not on
    padding. A text may have `limit` tokens, and the model exports to ONNX.
    """
    family = backbone.config.model_type
    ids = torch.arange(5, 11)[None] % backbone.vocab_size
    changed_ids = ids.clone()
    changed_ids[0, -1] = 1
    longer = torch.cat([ids, torch.zeros_like(ids)], 1)
    mask = torch.cat([torch.ones_like(ids), torch.zeros_like(ids)], 1).float()
    try:
        with torch.no_grad(), silent_transformers():
            plain, changed = (backbone(x, torch.ones(x.shape)) for x in (ids, changed_ids))
            padded = backbone(longer, mask)
    except Exception as error:  # the exceptions depend on the family
        problem = _("{family} cannot be run as an encoder ({reason})", family=family, reason=one_line(error))
        raise DataError(where, problem, choose_bert_family()) from error
    _check_states(backbone, ids, plain, where)
    if torch.equal(plain[-1][:, 0], changed[-1][:, 0]):
        raise DataError(where, _missing_context(backbone, ids, plain[-1]), choose_bert_family())
    if any(_differs(state, with_padding[:, : ids.shape[1]]) for state, with_padding in zip(plain, padded, strict=True)):
        problem = _("padding after a text changes the vectors of {family}", family=family)
        raise DataError(where, problem, choose_bert_family())
    if family not in EXPORTABLE_FAMILIES:
        _check_length(backbone, limit, where)
        _check_export(backbone, longer, mask, where)


def _check_states(backbone: Backbone, ids: Tensor, plain: tuple[Tensor, ...], where: str) -> None:
    """`plain` are the hidden states of `ids` [1, T]."""
    if {state.shape for state in plain} != {torch.Size([1, ids.shape[1], backbone.width])} or len(plain) < 2:
        problem = _("{family} has no vector for every token in every layer", family=backbone.config.model_type)
        raise DataError(where, problem, choose_bert_family())
    if not all(bool(state.isfinite().all()) for state in plain):
        raise DataError(where, _("its vectors are not finite, so its weights are damaged"), _("fetch it again"))


def _missing_context(backbone: Backbone, ids: Tensor, plain: Tensor) -> str:
    """The problem with an encoder whose first vector ignores the last token: which context its vectors lack.

    `plain` [1, T, width] is the last hidden state of `ids` [1, T].
    """
    family = backbone.config.model_type

    def sees(position: int, other: int) -> bool:
        changed = ids.clone()
        changed[0, other] = 1
        with torch.no_grad(), silent_transformers():
            return not torch.equal(plain[:, position], backbone(changed, torch.ones(ids.shape))[-1][:, position])

    before, after = sees(3, 2), sees(2, 3)
    if before and not after:
        return _("{family} reads from left to right only", family=family)
    if before or after:
        return _("{family} sees only the nearest neighbours of a token, not the whole text", family=family)
    return _("{family} has no context: each vector depends on its own token alone", family=family)


def _differs(expected: Tensor, actual: Tensor) -> bool:
    return bool((expected - actual).abs().max() > _CLOSE * expected.abs().max())


def _check_length(backbone: Backbone, limit: int, where: str) -> None:
    ids = torch.full((1, limit), 5 % backbone.vocab_size)
    try:
        with torch.no_grad(), silent_transformers():
            backbone(ids, torch.ones(ids.shape))
    except Exception as error:  # positions beyond the end of a table raise many kinds of exceptions
        raise DataError(
            where,
            _(
                "{family} cannot encode a text of {limit} tokens, although its config allows it",
                family=backbone.config.model_type,
                limit=limit,
            ),
            _("set a smaller model_max_length in its tokenizer_config.json"),
        ) from error


def _check_export(backbone: Backbone, ids: Tensor, mask: Tensor, where: str) -> None:
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length")
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    output = io.StringIO()
    try:
        with silent_transformers(), contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            torch.onnx.export(
                backbone,
                (ids.repeat(2, 1), mask.repeat(2, 1)),
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                dynamic_shapes=({0: batch, 1: length}, {0: batch, 1: length}),
            )
    except Exception as error:
        problem = _(
            "{family} cannot be exported to ONNX, the format of trained models", family=backbone.config.model_type
        )
        raise DataError(where, problem, choose_bert_family()) from error
    finally:
        logging.disable(level)
