"""Prepares batches in a thread while the device computes."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

_AHEAD = 4  # batches prepared in advance

Item = TypeVar("Item")


class _AtEnd(Exception):
    """Follows the last item."""


def prefetch(items: Iterable[Item]) -> Generator[Item, None, None]:
    """The same items, computed in advance by a thread; its exceptions are raised here.

    Closing the generator waits for the thread: Python aborts where a thread still computes tensors while it shuts down.
    """
    ready: queue.Queue[Item | BaseException] = queue.Queue(_AHEAD)
    stop = threading.Event()

    def hand_over(item: Item | BaseException) -> bool:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not hand_over(item):
                    return
            hand_over(_AtEnd())
        except BaseException as error:
            hand_over(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _AtEnd):
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
