"""Build the config object of transformers, and check that the model can serve as a text encoder."""

from __future__ import annotations

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
from cnlu.i18n import _


def choose_bert_family() -> str:
    """The fix for a model that is not a text encoder."""
    return _("name an encoder of the BERT family")


def build_hf_config(settings: dict[str, Any], where: str) -> PretrainedConfig:
    """The config object of transformers. Raises DataError at `where` for a model that is not a text encoder."""
    family = settings["model_type"]
    shown = repr(family)
    if family == "nezha":
        return _built(NezhaConfig, settings, where)
    if not isinstance(family, str) or family not in CONFIG_MAPPING:
        if "auto_map" in settings:
            problem = _("the family {family} exists only as code beside its weights, which is never run", family=shown)
            raise DataError(where, problem, choose_bert_family())
        raise DataError(
            where,
            _("transformers {version} has no model family {family}", version=version, family=shown),
            _("name an encoder of the BERT family, or install the version that its config.json names"),
        )
    config = _built(CONFIG_MAPPING[family], settings, where)
    _check_encoder(config, family, where)
    return config


def _check_encoder(config: PretrainedConfig, family: str, where: str) -> None:
    """Raises DataError for decoders, quantized weights, and models of something other than text."""
    if getattr(config, "is_encoder_decoder", False):
        problem = _("{family} is an encoder-decoder, which generates text", family=family)
        raise DataError(where, problem, choose_bert_family())
    causal = family in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and family not in (*MODEL_FOR_MASKED_LM_MAPPING_NAMES, "xlnet")
    if causal or getattr(config, "is_decoder", False):
        problem = _("{family} is a decoder here, which reads from left to right only", family=family)
        raise DataError(where, problem, choose_bert_family())
    if getattr(config, "quantization_config", None):
        problem = _("its weights are quantized, so they cannot be trained")
        raise DataError(where, problem, _("name the encoder that they were quantized from"))
    if type(config) not in MODEL_MAPPING or getattr(model_class(config), "main_input_name", "") != "input_ids":
        raise DataError(where, _("{family} is not a text encoder", family=family), choose_bert_family())


def model_class(config: PretrainedConfig) -> Any:
    """The transformers class for a config, without a task head."""
    classes = MODEL_MAPPING[type(config)]
    return classes[0] if isinstance(classes, tuple | list) else classes


def _built(kind: type[PretrainedConfig], settings: dict[str, Any], where: str) -> PretrainedConfig:
    try:
        with silent_transformers():
            config = kind.from_dict(settings)
    except Exception as error:  # the exceptions depend on the family
        problem = _(
            "its config.json is not a config of {family} ({reason})",
            family=settings["model_type"],
            reason=one_line(error),
        )
        raise DataError(where, problem, _("fetch it again")) from error
    if getattr(config, "attention_type", None) == "block_sparse":
        config.attention_type = "original_full"  # BigBird: equal on short texts, and exportable
    return config
