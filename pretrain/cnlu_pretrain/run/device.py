"""Device, precision and processes of a run."""

from __future__ import annotations

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.pytorch.bfloat16 import computes_bfloat16
from cnlu_pretrain.config import RunConfig


def accelerator_for(device: str | None, config: RunConfig, unused_parameters: bool) -> Accelerator:
    """`unused_parameters`: some parameters get no gradient in some steps, because a new head trains alone first.

    Raises UsageError where the device or its number format is not available.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "--device", _("this machine has no CUDA device that PyTorch can use"), _("leave out --device cuda")
        )
    if config.threads:
        torch.set_num_threads(config.threads)
    on_cpu = device == "cpu" or not torch.cuda.is_available()
    native = computes_bfloat16(torch.device("cpu" if on_cpu else "cuda"))
    if config.precision == "bfloat16" and not native and not on_cpu:
        raise UsageError("run.precision", _("bfloat16 is not native to this device"), _("leave it at auto"))
    half = config.precision == "bfloat16" or (config.precision == "auto" and native)
    handler = DistributedDataParallelKwargs(
        broadcast_buffers=False,  # constants, such as the numbers of positions
        find_unused_parameters=unused_parameters,
    )
    return Accelerator(mixed_precision="bf16" if half else "no", cpu=on_cpu, kwargs_handlers=[handler])
