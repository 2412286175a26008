"""Ctrl-C and SIGTERM, handled between steps."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType

import torch
from accelerate import Accelerator
from torch import Tensor

from cnlu.interrupts import Stop
from cnlu_pretrain.batching.tensors import to_device

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stop_requested() -> Iterator[Callable[[], int]]:
    """Yields a function that returns the number of the signal received so far, or 0; a second Ctrl-C stops at once."""
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise Stop(number)
        received.append(number)

    try:
        before = {number: signal.signal(number, handle) for number in SIGNALS}
    except ValueError:  # not the main thread, which alone receives signals
        before = {}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class SharedStop:
    """Shares a signal that any process received with all processes, so that they save and stop at the same step.

    The processes sum the signals that they received at the end of every step, and read the sums one step later: by
    then the sums are on the host, and no process waits for its device.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._sums: Tensor | None = None
        self._copied: torch.cuda.Event | None = None

    def __call__(self, received: int) -> int:
        """The signal to act on now, or 0; `received` is that of this process. All processes must call this."""
        if self._accelerator.num_processes == 1:
            return received
        agreed = self._read()
        device = self._accelerator.device
        own = torch.tensor([float(received == number) for number in SIGNALS])
        sums = self._accelerator.reduce(to_device(own, device), "sum")
        self._sums = sums.to("cpu", non_blocking=True)
        if device.type == "cuda":
            self._copied = torch.cuda.Event()
            self._copied.record()
        return agreed

    def _read(self) -> int:
        """The signal that most processes had received in the step before, or 0."""
        if self._sums is None:
            return 0
        if self._copied is not None:
            self._copied.synchronize()
        counts = self._sums.tolist()
        return int(SIGNALS[counts.index(max(counts))]) if max(counts) else 0
