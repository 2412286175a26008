"""Fixtures of the server's tests: real server processes, and a client."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the server needs the extra cnlu[serve]")

import httpx

from tests.server.running import Server, running


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A function that starts servers; they stop at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(running(*arguments, cwd=tmp_path, **options))


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `server` appends to."""
    return tmp_path_factory.mktemp("annotated") / "corrections.yml"


@pytest.fixture(scope="module")
def server(tiny_model: Path, annotated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one worker, no token, --annotate and small limits; the tests of a module share it."""
    with running(
        tiny_model,
        "--annotate",
        annotated,
        "--max-text",
        300,
        "--max-waiting",
        64,
        "--max-waiting-characters",
        19_000,
        "--read-timeout",
        2,
        cwd=tmp_path_factory.mktemp("server"),
    ) as one:
        yield one


@pytest.fixture
def client(server: Server) -> httpx.Client:
    return server.client
