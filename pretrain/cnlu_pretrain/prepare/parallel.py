"""Work on a stream by several processes, its results in the stream's order, with little of it in memory."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from cnlu.interrupts import block_sigint_in_children, held_back

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 3
"""Items under way for each process."""

_state: Any = None


def in_order(
    items: Iterable[Item], start: Callable[[], Any], work: Callable[[Any, Item], Result], processes: int
) -> Iterator[Result]:
    """work(start(), item) of each item, in order; `start` runs once in each process. Both must be picklable.

    What an item raises is raised where its result would come. With one process everything runs in this one.
    """
    if processes == 1:
        state = start()
        for item in items:
            yield work(state, item)
        return
    context = multiprocessing.get_context("spawn")  # safe beside threads, and the same on every system
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
        with held_back():
            pool.shutdown(cancel_futures=True)


def _start(start: Callable[[], Any]) -> None:
    global _state
    _state = start()


def _work(work: Callable[[Any, Item], Result], item: Item) -> Result:
    return work(_state, item)
