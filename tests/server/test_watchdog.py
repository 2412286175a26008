"""A worker that hangs is replaced, the log says why, and the server still stops in time."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.running import PATIENCE, Server, running, wait_until

HANGING = """
import time
from cnlu.runtime.interpreter import Interpreter
whole = Interpreter.parse_batch
def parse_batch(self, texts):
    if "停住" in texts:
        time.sleep(1000)
    return whole(self, texts)
Interpreter.parse_batch = parse_batch
"""
"""A sitecustomize with which a parse of 停住 never ends."""


@pytest.fixture(scope="module")
def hanging(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a worker that can hang and timeouts of a few seconds; each test leaves a working worker."""
    place = tmp_path_factory.mktemp("hanging")
    (place / "sitecustomize.py").write_text(HANGING, "utf-8")
    settings: dict[str, object] = {"parse_timeout": 2, "silence_timeout": 3, "stop_timeout": 4}
    with running(tiny_model, cwd=place, path=place, settings=settings) as one:
        yield one


def ask_in_background(server: Server, text: str) -> None:
    def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.post(server.url + "/parse", json={"text": text}, trust_env=False, timeout=PATIENCE)

    threading.Thread(target=ask, daemon=True).start()


def serves(server: Server) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.post(server.url + "/parse", json={"text": "你好"}, trust_env=False, timeout=2).status_code == 200
    return False


def test_an_unresponsive_worker_is_replaced(hanging: Server) -> None:
    (worker,) = hanging.workers()
    os.kill(worker, signal.SIGSTOP)
    hanging.wait_for(rf"worker 1 \(process {worker}\).* did not answer for 3 seconds")
    wait_until(lambda: serves(hanging))
    assert hanging.workers() != [worker]


def test_an_endless_parse_makes_health_fail_and_is_then_killed(hanging: Server) -> None:
    (worker,) = hanging.workers()
    ask_in_background(hanging, "停住")
    statuses = set()

    def replaced() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            statuses.add(httpx.get(hanging.url + "/health", trust_env=False, timeout=1).status_code)
        return "parsed the same texts for more than 2 seconds" in hanging.log

    wait_until(replaced)
    assert statuses == {200, 503}
    wait_until(lambda: serves(hanging))
    assert hanging.workers() != [worker]


@pytest.mark.slow
def test_the_server_stops_without_waiting_for_an_unresponsive_worker(tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    one = serve(tiny_model)
    os.kill(one.workers()[0], signal.SIGSTOP)
    start = time.monotonic()
    assert one.stop() == 0
    assert time.monotonic() - start < 13  # it is silent for 5 s, and open requests have 15 s


@pytest.mark.slow
def test_a_paused_server_does_not_treat_its_workers_as_hung(hanging: Server) -> None:
    workers = hanging.workers()
    for process in (hanging.process.pid, *workers):
        os.kill(process, signal.SIGSTOP)
    time.sleep(5)
    for process in (hanging.process.pid, *workers):
        os.kill(process, signal.SIGCONT)
    time.sleep(1)
    assert serves(hanging)
    assert hanging.workers() == workers


@pytest.mark.slow
def test_an_endless_parse_does_not_keep_the_server_from_stopping(hanging: Server) -> None:
    ask_in_background(hanging, "停住")
    time.sleep(0.5)
    start = time.monotonic()
    assert hanging.stop() == 0
    assert time.monotonic() - start < 4 + 1 + 2  # time for open requests, for the worker's end, and for a busy machine
