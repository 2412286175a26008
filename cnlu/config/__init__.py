"""Every setting, its default and what it does; read from YAML files and `--set`."""

from cnlu.config.sections import (
    ENCODER_DEFAULTS,
    CheckConfig,
    Config,
    DataConfig,
    EncoderConfig,
    FeatureConfig,
    ModelConfig,
    TextConfig,
)
from cnlu.config.training import TrainingConfig

__all__ = [
    "ENCODER_DEFAULTS",
    "CheckConfig",
    "Config",
    "DataConfig",
    "EncoderConfig",
    "FeatureConfig",
    "ModelConfig",
    "TextConfig",
    "TrainingConfig",
]
