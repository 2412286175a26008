"""Handles Ctrl-C and SIGTERM from the start of a command to its end.

Python raises KeyboardInterrupt wherever the main thread is. It is lost in a callback of a weak reference, in `__del__`
and in C code that clears errors, and the imports of NumPy, ONNX Runtime and PyTorch are full of such places. Before a
command has begun to work, a signal therefore ends the process immediately; afterwards, `Stop` is raised repeatedly
until it unwinds the stack. This module imports little, because it runs before anything else.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

STOPPED_MESSAGE = "cnlu: stopped."
RETRY_SECONDS = 0.2
"""Seconds after which a Stop that was lost is raised again."""


class Stop(KeyboardInterrupt):
    """The process was asked to stop by the signal `number`."""

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.number = number


class _State:
    listening = False
    """Whether `listen` has installed the handlers"""
    exit_immediately = False
    """Whether a signal ends the process immediately, because there is nothing to clean up"""
    deferring = 0
    """Number of nested `defer_signals` blocks, which must not be interrupted"""
    received_signal: int | None = None
    """The first signal received"""
    message_printed = False
    """Whether STOPPED_MESSAGE has been printed"""


def listen() -> None:
    """Handle SIGINT and SIGTERM; a signal that the parent process set to be ignored (nohup) stays ignored."""
    _State.listening = _State.exit_immediately = True
    sys.unraisablehook = _unraisable
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, _raise_again)
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle_signal)


def begin() -> None:
    """The command begins: from now on there may be something to clean up, so a signal raises `Stop`."""
    _State.exit_immediately = False


def end() -> None:
    """The command has ended: ignore Ctrl-C during shutdown; SIGTERM ends the process immediately."""
    _State.deferring += 1
    _State.exit_immediately = True
    clear_signal()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def received_signal() -> int | None:
    """The signal that was received, or None. Code that wraps errors may have hidden the `Stop`."""
    return _State.received_signal


def clear_signal() -> None:
    """Forget the signal, because it was handled without ending the process."""
    _State.received_signal = None
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0)


def stopped(number: int) -> int:
    """Print that the command stopped and ignore further signals; returns the exit code that reports the signal."""
    _State.deferring += _State.listening  # nothing would handle another Stop
    with suppress(OSError, ValueError, AttributeError):  # standard error may be closed
        print(f"\n{STOPPED_MESSAGE}", file=sys.stderr, flush=True)
    _State.message_printed = True
    return 128 + number


@contextmanager
def exit_immediately() -> Iterator[None]:
    """For long imports before any work: within the context, a signal ends the process immediately."""
    previous, _State.exit_immediately = _State.exit_immediately, _State.listening
    try:
        yield
    finally:
        _State.exit_immediately = previous


@contextmanager
def defer_signals() -> Iterator[None]:
    """For a few quick steps that belong together: within the context, a signal waits until they are done."""
    _State.deferring += 1
    try:
        yield
    finally:
        _State.deferring -= 1
        if _State.received_signal is not None and not _State.deferring and not _unwinding():
            raise Stop(_State.received_signal)


@contextmanager
def block_sigint_in_children() -> Iterator[None]:
    """Processes started within the context ignore Ctrl-C, which a terminal sends to all; their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows has no signal masks
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # otherwise the first process that is started unmasks the signals
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _handle_signal(number: int, frame: FrameType | None) -> None:
    if _State.exit_immediately:
        if not _State.message_printed:
            with suppress(OSError):
                os.write(2, f"\n{STOPPED_MESSAGE}\n".encode())
        os._exit(128 + number)
    if _State.received_signal is None:
        _State.received_signal = number
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS, RETRY_SECONDS)
    if not _State.deferring:
        raise Stop(number)


def _raise_again(number: int, frame: FrameType | None) -> None:
    if _State.received_signal is not None and not _State.deferring and not _unwinding():
        raise Stop(_State.received_signal)


def _unwinding() -> bool:
    """Whether the stack unwinds because of a KeyboardInterrupt, possibly wrapped by other exceptions."""
    error, seen = sys.exc_info()[1], set[int]()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _unraisable(unraisable: Any) -> None:
    """Ignores a Stop that Python could not raise, because it is raised again; reports everything else as usual."""
    if not isinstance(unraisable.exc_value, Stop):
        sys.__unraisablehook__(unraisable)
