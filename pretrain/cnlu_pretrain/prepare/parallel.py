"""Processes a stream in parallel: results keep the order of the stream, and few items are in memory."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from cnlu.interrupts import block_sigint_in_children, defer_signals

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 3
"""Items submitted ahead for each process."""

_state: Any = None


def in_order(
    items: Iterable[Item], start: Callable[[], Any], work: Callable[[Any, Item], Result], processes: int
) -> Iterator[Result]:
    """Yield work(start(), item) for each item, in order; `start` runs once in each process. Both must be picklable.

    An exception of an item is raised in place of its result. With one process everything runs in the current one.
    """
    if processes == 1:
        state = start()
        for item in items:
            yield work(state, item)
        return
    context = multiprocessing.get_context("spawn")  # safe with threads, and the same on every platform
    pool = ProcessPoolExecutor(processes, context, _start, (start,))
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            with block_sigint_in_children():  # a task may start a process
                waiting.append(pool.submit(_work, work, item))
            if len(waiting) >= _AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        with defer_signals():
            pool.shutdown(cancel_futures=True)


def _start(start: Callable[[], Any]) -> None:
    global _state
    _state = start()


def _work(work: Callable[[Any, Item], Result], item: Item) -> Result:
    return work(_state, item)
