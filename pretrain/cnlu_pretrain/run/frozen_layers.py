"""Freezes the lower part of an encoder."""

from __future__ import annotations

from typing import Any

from torch import nn

from cnlu.errors import UsageError
from cnlu.i18n import _


def freeze_layers(encoder: Any, count: int) -> None:
    """Freeze the embeddings and the first `count` layers of an encoder of transformers.

    Raises UsageError where no layer would be left to train, or the layers cannot be told apart.
    """
    layers = _layers(encoder)
    if count >= len(layers):
        raise UsageError(
            "run.frozen_layers",
            _("freezes the whole encoder, whose number of layers is {layers}", layers=len(layers)),
            _("lower it, so that at least one layer is trained"),
        )
    for layer in layers[:count]:
        layer.requires_grad_(False)
    for name, parameter in encoder.named_parameters():
        if "embeddings" in name.partition(".")[0]:
            parameter.requires_grad_(False)


def _layers(encoder: Any) -> nn.ModuleList:
    """The layers of an encoder of transformers, the lowest first."""
    count = encoder.config.num_hidden_layers
    for module in encoder.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise UsageError(
        "run.frozen_layers",
        _("the layers of the family {family} share their weights", family=encoder.config.model_type),
        _("leave it out, or use an encoder such as BERT, ERNIE or ELECTRA"),
    )
