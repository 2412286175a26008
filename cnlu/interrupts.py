"""Handles Ctrl-C and SIGTERM from the start of a command to its end.

Python raises KeyboardInterrupt wherever the main thread is. In a callback of a weak reference, in `__del__` and in C
code that clears errors it is lost there, and the imports of NumPy, ONNX Runtime and PyTorch are full of such places. So
before a command has begun to work, the process ends at once; afterwards `Stop` is raised, again and again, until it
unwinds the stack. Imports little: it runs before anything else.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

SAID = "cnlu: stopped."
AGAIN = 0.2
"""Seconds after which a Stop that was lost is raised again."""


class Stop(KeyboardInterrupt):
    """The process was asked to stop by the signal `number`."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.number = number


class _State:
    listening = False
    at_once = False
    """There is nothing to clean up yet"""
    held = 0
    """How many parts of the program, one in the other, must not be interrupted now"""
    received_signal: int | None = None
    """The first signal"""
    said = False
    """The sentence has been printed"""


def listen() -> None:
    """Takes over SIGINT and SIGTERM; a signal that the process was started to ignore (nohup) stays ignored."""
    _State.listening = _State.at_once = True
    sys.unraisablehook = _unraisable
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _insist)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _hear)


def begin() -> None:
    """From now on there may be something to clean up: a signal raises `Stop`."""
    _State.at_once = False


def end() -> None:
    """The command has ended and the interpreter shuts down: ignore Ctrl-C; SIGTERM ends the process immediately."""
    _State.held += 1
    _State.at_once = True
    answered()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def received_signal() -> int | None:
    """The signal that asked to stop; None where none did. Code that wraps errors may have hidden the `Stop`."""
    return _State.received_signal


def answered() -> None:
    """Forget the signal: it was handled without ending the process."""
    _State.received_signal = None
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def stopped(number: int) -> int:
    """Print that the command stopped and ignore further signals; returns the exit code that reports the signal."""
    _State.held += _State.listening  # nothing would handle a further Stop
    with suppress(OSError, ValueError, AttributeError):  # standard error may be closed
        print(f"\n{SAID}", file=sys.stderr, flush=True)
    _State.said = True
    return 128 + number


@contextmanager
def at_once() -> Iterator[None]:
    """For long imports before any work: a signal ends the process immediately."""
    before, _State.at_once = _State.at_once, _State.listening
    try:
        yield
    finally:
        _State.at_once = before


@contextmanager
def held_back() -> Iterator[None]:
    """For a few quick steps that belong together: a signal waits until they are done."""
    _State.held += 1
    try:
        yield
    finally:
        _State.held -= 1
        if _State.received_signal is not None and not _State.held and not _unwinding():
            raise Stop(_State.received_signal)


@contextmanager
def block_sigint_in_children() -> Iterator[None]:
    """Processes started inside ignore Ctrl-C, which a terminal sends to all processes: their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where nothing can be done about it
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # else the first start of a process unmasks them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _hear(number: int, frame: FrameType | None) -> None:
    if _State.at_once:
        if not _State.said:
            with suppress(OSError):
                os.write(2, f"\n{SAID}\n".encode())
        os._exit(128 + number)
    if _State.received_signal is None:
        _State.received_signal = number
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)
    if not _State.held:
        raise Stop(number)


def _insist(number: int, frame: FrameType | None) -> None:
    if _State.received_signal is not None and not _State.held and not _unwinding():
        raise Stop(_State.received_signal)


def _unwinding() -> bool:
    """Whether what runs now runs because of a KeyboardInterrupt, perhaps behind other exceptions."""
    error, seen = sys.exc_info()[1], set[int]()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _unraisable(lost: Any) -> None:
    """Ignores a Stop that Python could not raise, because it comes again; reports everything else as usual."""
    if not isinstance(lost.exc_value, Stop):
        sys.__unraisablehook__(lost)
