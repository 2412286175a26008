"""Build an encoder of any family from its config and weights, and refuse it if weights are missing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from cnlu.encoder.backbone import Backbone
from cnlu.encoder.hf_config import build_hf_config, model_class
from cnlu.encoder.nezha import NezhaConfig, NezhaModel
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.encoder.weights import read_weights, rename_weights
from cnlu.errors import DataError, one_line
from cnlu.i18n import _, n_

_HEADS = re.compile(
    r"(^|\.)(pooler|cls|lm_head|lm_loss|lm_predictions|mask_predictions|predictions|discriminator_predictions|"
    r"generator_predictions|generator_lm_head|vocab_\w+|classifier|qa_outputs|sop_classifier|seq_relationship|"
    r"position_ids|token_type_ids|positions_encoding|rotary_value)(\.|$)"
)
"""Unexpected weights that need no note: heads of other tasks, and buffers that are built again."""
_UNUSED = re.compile(r"(^|\.)(pooler|mask_emb|embed_positions)(\.|$)")
"""Weights that may be missing: no hidden state depends on them, or they are built again (RoFormer's sinusoids)."""


@dataclass(frozen=True)
class _Outcome:
    """The outcome of loading, as names of the module's parameters."""

    missing: set[str]
    misshapen: dict[str, tuple[list[int], list[int]]]
    """(shape in the file, shape in the config)."""
    unexpected: set[str]


def load_backbone(directory: Path, config: PretrainedConfig) -> tuple[Backbone, list[str]]:
    """The encoder of a directory that save_pretrained wrote, in float32 on the CPU, and notes for the user.

    Raises DataError if a weight is missing or its shape differs from `config`.
    """
    where = str(directory)
    weights = read_weights(directory)
    model, outcome = _loaded(config, weights, where)
    if any(not _UNUSED.search(name) for name in outcome.missing):
        renamed = rename_weights(weights, model.state_dict().keys())  # a prefix that transformers does not expect
        if renamed.keys() != weights.keys():
            model, outcome = _loaded(config, renamed, where)
    _check(outcome, config.model_type, where)
    for name, parameter in model.named_parameters():
        if name.endswith("embed_positions.weight"):
            parameter.requires_grad_(False)  # RoFormer's sinusoids are not trained
    backbone = Backbone(model.float(), int(config.hidden_size)).eval()
    unexpected = sorted(name for name in outcome.unexpected if not _HEADS.search(name))
    notes = [f"{where}: unexpected weights are left out: {_shortened(unexpected)}"] if unexpected else []
    return backbone, notes


def random_backbone(settings: dict[str, Any]) -> Backbone:
    """An encoder with random weights, from the content of a config.json or from `Backbone.settings`."""
    config = build_hf_config(settings, "the encoder")
    with silent_transformers():
        return Backbone(_new_model(config).float(), int(config.hidden_size))


def _new_model(config: PretrainedConfig) -> nn.Module:
    if isinstance(config, NezhaConfig):
        return NezhaModel(config)
    model: nn.Module = model_class(config)._from_config(config, attn_implementation="eager", dtype=torch.float32)
    return model


def _loaded(config: PretrainedConfig, weights: dict[str, Tensor], where: str) -> tuple[nn.Module, _Outcome]:
    try:
        with silent_transformers():
            return _nezha(config, weights) if isinstance(config, NezhaConfig) else _transformers(config, weights)
    except Exception as error:  # the exceptions depend on the family
        problem = _("no encoder can be built from its config.json and weights ({reason})", reason=one_line(error))
        raise DataError(where, problem, _("fetch it again")) from error


def _transformers(config: PretrainedConfig, weights: dict[str, Tensor]) -> tuple[nn.Module, _Outcome]:
    """Attention is "eager": it exports to a smaller graph and is as fast on a CPU."""
    model, info = model_class(config).from_pretrained(
        None,
        config=config,
        state_dict=dict(weights),
        dtype=torch.float32,
        attn_implementation="eager",
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    misshapen = {name: (list(actual), list(expected)) for name, actual, expected in info["mismatched_keys"]}
    return model, _Outcome(set(info["missing_keys"]), misshapen, set(info["unexpected_keys"]))


def _nezha(config: NezhaConfig, weights: dict[str, Tensor]) -> tuple[nn.Module, _Outcome]:
    model = NezhaModel(config)
    expected = {name: list(value.shape) for name, value in model.state_dict().items()}
    renamed = rename_weights(weights, expected)
    misshapen = {
        name: (list(renamed[name].shape), shape)
        for name, shape in expected.items()
        if name in renamed and list(renamed[name].shape) != shape
    }
    model.load_state_dict(
        {name: renamed[name] for name in expected if name in renamed and name not in misshapen}, strict=False
    )
    return model, _Outcome(set(expected) - set(renamed), misshapen, set(renamed) - set(expected))


def _check(outcome: _Outcome, family: str, where: str) -> None:
    missing = sorted(name for name in outcome.missing if not _UNUSED.search(name))
    if missing:
        raise DataError(
            where,
            n_(
                "this {family} lacks {count} of its weights: {names}",
                "this {family} lacks {count} of its weights: {names}",
                len(missing),
                family=family,
                names=_shortened(missing),
            ),
            _("fetch it again, or name an encoder whose config.json and weights belong together"),
        )
    wrong = sorted(name for name in outcome.misshapen if not _UNUSED.search(name))
    if wrong:
        actual, expected = outcome.misshapen[wrong[0]]
        raise DataError(
            where,
            n_(
                "its config.json asks for another shape of {count} of its weights, {name}: {expected}, not {actual}",
                "its config.json asks for another shape of {count} of its weights, such as {name}: {expected}, not "
                "{actual}",
                len(wrong),
                name=wrong[0],
                expected=expected,
                actual=actual,
            ),
            _("name an encoder whose config.json and weights belong together"),
        )


def _shortened(names: list[str]) -> str:
    return ", ".join(names[:4]) + (_(" and {count} more", count=len(names) - 4) if len(names) > 4 else "")
