"""What an encoder's config.json says, and whether it is a model that can stand under the joint model at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, MODEL_MAPPING, PretrainedConfig
from transformers import __version__ as version
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from cnlu.encoder.nezha import NezhaConfig
from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.errors import DataError, one_line

NAME_AN_ENCODER = "name an encoder of the BERT family"


def read_hf_config(directory: Path) -> dict[str, Any]:
    """The content of config.json; raises DataError where there is none, or it is no settings of a model."""
    path = directory / "config.json"
    if not path.is_file():
        raise DataError(
            f"{directory}: has no config.json, so it is no encoder; name a directory that save_pretrained wrote, with "
            "config.json, weights and tokenizer in it."
        )
    try:
        settings = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: is not JSON; fetch it again.") from error
    if not isinstance(settings, dict):
        raise DataError(f"{path}: does not hold a model's settings; fetch it again.")
    if not settings.get("model_type"):
        if not settings.get("use_relative_position"):  # as the first release of NEZHA had it
            raise DataError(
                f'{path}: does not say its model_type; where you know the family, add it, such as "model_type": "bert".'
            )
        settings["model_type"] = "nezha"
    return settings


def build_hf_config(settings: dict[str, Any], where: str) -> PretrainedConfig:
    """The settings as transformers' object; raises DataError, naming `where`, for what is no encoder of text."""
    family = settings["model_type"]
    if family == "nezha":
        return _built(NezhaConfig, settings, where)
    if not isinstance(family, str) or family not in CONFIG_MAPPING:
        if "auto_map" in settings:
            raise DataError(
                f"{where}: the family {family!r} exists only as code beside its weights, which is never run; "
                f"{NAME_AN_ENCODER}."
            )
        raise DataError(
            f"{where}: transformers {version} knows no model family {family!r}; {NAME_AN_ENCODER}, or install the "
            "version that its config.json speaks of."
        )
    config = _built(CONFIG_MAPPING[family], settings, where)
    if getattr(config, "is_encoder_decoder", False):
        raise DataError(f"{where}: {family} is an encoder with a decoder, which writes text; {NAME_AN_ENCODER}.")
    writes = family in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and family not in (*MODEL_FOR_MASKED_LM_MAPPING_NAMES, "xlnet")
    if writes or getattr(config, "is_decoder", False):
        raise DataError(f"{where}: {family} is a decoder here, which reads from left to right only; {NAME_AN_ENCODER}.")
    if getattr(config, "quantization_config", None):
        raise DataError(
            f"{where}: its weights are quantised, which cannot be trained on; name the encoder they came of."
        )
    if type(config) not in MODEL_MAPPING or getattr(model_class(config), "main_input_name", "") != "input_ids":
        raise DataError(f"{where}: {family} is no encoder of text; {NAME_AN_ENCODER}.")
    return config


def model_class(config: PretrainedConfig) -> Any:
    """Transformers' class for the settings, without the head of any task."""
    found = MODEL_MAPPING[type(config)]
    return found[0] if isinstance(found, tuple | list) else found


def _built(kind: type[PretrainedConfig], settings: dict[str, Any], where: str) -> PretrainedConfig:
    try:
        with silent_transformers():
            config = kind.from_dict(settings)
    except Exception as error:  # each kind of settings has failures of its own
        raise DataError(
            f"{where}: its config.json is not one of {settings['model_type']} ({one_line(error)}); fetch it again."
        ) from error
    if getattr(config, "attention_type", None) == "block_sparse":
        config.attention_type = "original_full"  # BigBird: the same for short texts, and can be exported
    return config
