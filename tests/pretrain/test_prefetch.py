"""Batches that a thread prepares: in order, with its exceptions, and without a thread that outlives them."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from cnlu_pretrain.batching.prefetch import prefetch


def test_the_items_come_in_order_and_end() -> None:
    assert list(prefetch(range(20))) == list(range(20))


def test_an_exception_of_the_thread_is_raised() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more text")

    items = prefetch(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more text"):
        next(items)


def test_closing_waits_for_the_thread() -> None:
    def slow() -> Iterator[int]:
        for number in itertools.count():
            time.sleep(0.05)
            yield number

    before = threading.active_count()
    items = prefetch(slow())
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before


def test_an_exception_after_closing_does_not_keep_the_thread() -> None:
    closing = threading.Event()

    def late() -> Iterator[int]:
        yield from range(5)  # one more than are prepared in advance
        closing.wait(10)
        raise ValueError("late")

    before = threading.active_count()
    items = prefetch(late())
    next(items)
    closing.set()
    items.close()
    assert threading.active_count() == before
