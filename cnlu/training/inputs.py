"""The inputs of a training: its examples, initial weights, targets, and what differs between kinds of training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from cnlu.config import Config
from cnlu.config.needs import refuse_without_effect
from cnlu.data.schema import Example
from cnlu.errors import UsageError
from cnlu.features.extract import Extractor
from cnlu.features.vocabulary import Vocabularies
from cnlu.i18n import _
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.calibration import Calibration
from cnlu.runtime.labels import Labels
from cnlu.runtime.model_dir import check_out
from cnlu.training.data.dataset import Dataset
from cnlu.training.data.featurize import Row
from cnlu.training.data.out_of_fold import zero_unseen_features
from cnlu.training.fit.encoder_setup import Encoder
from cnlu.training.request import Request
from cnlu.training.transfer.distillation_targets import DistillationTargets


@dataclass(frozen=True, kw_only=True)
class Features:
    """The featurized examples, with the extractor and the vocabularies."""

    extractor: Extractor
    rows: list[Row]
    vocabularies: Vocabularies
    examples: list[Example]
    """The examples of the dataset and the augmented ones"""
    augmented: dict[str, list[Example]]
    """The augmented examples by kind"""


def random_start(network: Ensemble, labels: Labels, features: Features) -> None:
    """Keep the random weights, except that features a member does not see before the refit get zeros."""
    if any(row.held_out_by for row in features.rows):
        zero_unseen_features(network, features.rows)


@dataclass(frozen=True, kw_only=True)
class TrainingInputs:
    """The inputs that one kind of training gives to the pipeline; the defaults are those of plain training."""

    dataset: Dataset
    labels: Labels
    device: torch.device
    encoder: Encoder | None
    initialize: Callable[[Ensemble, Labels, Features], None] = random_start
    """Initializes the weights of the network"""
    initial_vocabularies: Vocabularies | None = None
    """Those of a model that is trained further, which the new ones extend"""
    item_weights: Tensor | None = None
    """Initial weights of the grouping CRF; None: their defaults"""
    earlier_calibration: Calibration | None = None
    """Kept if there are too few dev examples to calibrate again"""
    epoch_share: float = 1.0
    """Share of the planned epochs"""
    targets: DistillationTargets | None = None
    """The teacher's targets, which replace the annotations"""
    augment: bool = True
    """Whether to augment the examples"""
    keep_examples: bool = True
    """Whether the model directory may hold examples"""
    fingerprint: dict[str, Any] = field(default_factory=dict)
    """What a resumed run must share with the interrupted one, besides settings and examples"""
    metadata: dict[str, Any] = field(default_factory=dict)
    """Additional content of training.json"""


def prepare(request: Request) -> torch.device:
    """The device to train on. Checks output and device, and fixes the seed and the number of threads.

    Raises UsageError if the output or the device cannot be used.
    """
    check_out(request.out, request.force)
    device = _device(request.device)
    torch.set_num_threads(request.config.training.threads)
    torch.manual_seed(request.config.training.seed)
    return device


def refuse_settings_without_effect(
    config: Config, *, continues: bool = False, student: bool = False, stores_examples: bool = True
) -> None:
    """Raises UsageError for a setting of `training` that is not at its default although this training ignores it."""
    unmet = {}
    if not continues:
        unmet["continue"] = _("has no effect without --from")
    if student:
        unmet["store_examples"] = _("has no effect on a student")
    elif not stores_examples:
        unmet["store_examples"] = _("has no effect with --no-store-examples")
    refuse_without_effect(config, unmet)


def _device(name: str | None) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        problem = _("PyTorch finds no CUDA device on this machine")
        raise UsageError("--device cuda", problem, _("use --device cpu or install a CUDA build"))
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
