"""Whether a device computes in bfloat16, for the settings `encoder.precision` and `run.precision`."""

from __future__ import annotations

from collections.abc import Callable

import torch

_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""The CPU features of x86 with AVX-512 or AMX, and of Arm"""


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 instructions; emulated bfloat16 is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = _cpu_capabilities()
    return any(bool(capabilities.get(name)) for name in _INSTRUCTIONS)


def _cpu_capabilities() -> dict[str, object]:
    """The CPU features by name; empty if PyTorch is too old to report them."""
    get: Callable[[], dict[str, object]] | None = getattr(torch.cpu, "get_capabilities", None)
    return get() if get else {}
