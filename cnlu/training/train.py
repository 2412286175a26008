"""Plain training: the steps of `cnlu train`."""

from __future__ import annotations

from dataclasses import replace

import torch

from cnlu.bundled import BUNDLED
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.progress import no_log
from cnlu.training.data.dataset import Dataset, collect_labels, read_dataset
from cnlu.training.fit.encoder_setup import prepare_encoder
from cnlu.training.inputs import TrainingInputs, prepare, refuse_settings_without_effect
from cnlu.training.pipeline import TrainingResult, run_pipeline
from cnlu.training.request import Log, Request


def train(request: Request, log: Log = no_log) -> TrainingResult:
    """Train and write the model directory; `log` takes the progress, a line at a time.

    Raises UsageError, DataError or ModelError. An existing model at `out` stays as it is until the new one is complete.
    """
    if request.int8 and request.encoder is None:
        raise UsageError("--int8", _("has no effect without an encoder, because it rounds one"), _("leave it out"))
    device = prepare(request)
    return train_on(read_dataset(request, log), request, device, log)


def train_on(dataset: Dataset, request: Request, device: torch.device, log: Log) -> TrainingResult:
    """Like `train`, on a dataset in memory."""
    if request.int8 is None:
        request = replace(request, int8=request.encoder == BUNDLED)
    encoder = prepare_encoder(request.encoder, request.config, log) if request.encoder else None
    refuse_settings_without_effect(request.config, stores_examples=request.store_examples)
    labels = collect_labels(dataset, request.config)
    inputs = TrainingInputs(dataset=dataset, labels=labels, device=device, encoder=encoder)
    return run_pipeline(inputs, request, log)
