"""The limits of a connection hold however its bytes arrive: heads, trailers, pipelines, bodies, slow clients."""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.server.running import PATIENCE, Server, connect, read_all, running, wait_until

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /parse HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
BODY = json.dumps({"text": "你好"}).encode()
LAST = GET[:-2] + b"Connection: close\r\n\r\n"
PARSE = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
MIB = 1 << 20


@pytest.fixture(scope="module")
def strict(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with small limits and short times; shared by the tests, which leave it as it was."""
    settings: dict[str, object] = {
        "read_timeout": 3,
        "keep_alive": 1,
        "write_timeout": 1,
        "max_body": MIB,
        "max_bodies": 2 * MIB,
        "max_connections": 40,
    }
    with running(tiny_model, cwd=tmp_path_factory.mktemp("strict"), settings=settings) as one:
        yield one


def ask(server: Server, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Everything that the server sends before it closes the connection."""
    with connect(server) as connection, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        return read_all(connection)
    return b""


def ok(server: Server) -> bool:
    return server.client.post("/parse", json={"text": "你好"}).status_code == 200


def statuses(answers: bytes) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)


def dripped(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1 << 20, 1000, 370])
def test_a_head_is_bounded_however_it_arrives(strict: Server, size: int) -> None:
    fits = GET[:-2] + b"X: " + b"x" * 30_000 + b"\r\nConnection: close\r\n\r\n"
    assert statuses(ask(strict, *dripped(fits, size))) == [b"200"]
    assert statuses(ask(strict, *dripped(GET[:-2] + b"X: " + b"x" * 40_000 + b"\r\n\r\n", size))) == [b"431"]
    long_path = b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert statuses(ask(strict, *dripped(long_path, size))) == [b"431"]


def test_headers_are_bounded_in_number(strict: Server) -> None:
    assert statuses(ask(strict, GET[:-2] + b"a:b\r\n" * 90 + b"Connection: close\r\n\r\n")) == [b"200"]
    assert statuses(ask(strict, GET[:-2] + b"a:b\r\n" * 5000 + b"\r\n")) == [b"431"]


@pytest.mark.parametrize("trailers", [b"T: x\r\n" * 200_000, b"T: " + b"x" * MIB], ids=["many", "long"])
@pytest.mark.parametrize("body", [b"0\r\n", b"2\r\n{}\r\n0\r\n"], ids=["empty", "content"])
def test_trailers_count_against_the_limit_of_a_head(strict: Server, body: bytes, trailers: bytes) -> None:
    assert statuses(ask(strict, CHUNKED + body + trailers)) == [b"431"]
    assert ok(strict)


def test_a_chunk_s_extensions_count_too(strict: Server) -> None:
    assert statuses(ask(strict, CHUNKED + b"2;" + b"x" * 100_000)) == [b"431"]


def test_a_body_in_chunks_of_one_byte_with_a_trailer_is_read(strict: Server) -> None:
    body = json.dumps({"text": "好" * 250, "padding": "x"}).encode()[:-17] + b"}" + b" " * 6000
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
    end = b"0\r\nChecked: yes\r\n\r\n"
    assert statuses(ask(strict, CHUNKED[:-2] + b"Connection: close\r\n\r\n" + chunks + end)) == [b"200"]


@pytest.mark.parametrize("before", [b"", GET], ids=["new", "answered"])
def test_blank_lines_do_not_keep_a_connection_open(strict: Server, before: bytes) -> None:
    start = time.monotonic()
    with connect(strict) as connection:
        connection.sendall(before)
        with contextlib.suppress(OSError):
            while time.monotonic() < start + 30:
                connection.sendall(b"\r\n")
                time.sleep(0.2)
    assert time.monotonic() < start + 30


def test_blank_lines_before_a_request_are_ignored(strict: Server) -> None:
    assert statuses(ask(strict, b"\r\n\r\n" + GET + b"\r\n" + LAST)) == [b"200", b"200"]


def test_pipelined_requests_are_all_answered_in_order(strict: Server) -> None:
    texts = [f"第{number}句" for number in range(100)]
    bodies = [json.dumps({"text": text}).encode() for text in texts]
    requests = b"".join(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body for body in bodies) + LAST
    answers = ask(strict, *dripped(requests, 997))
    assert statuses(answers) == [b"200"] * 101
    assert re.findall(r'\{"text":"(第\d+句)"', answers.decode()) == texts


def test_a_partial_head_behind_pending_requests_is_read_to_its_end(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(PARSE * 2 + LAST[:20])
        assert connection.recv(9).startswith(b"HTTP/1.1")
        time.sleep(0.3)
        connection.sendall(LAST[20:])
        assert len(statuses(b"HTTP/1.1 " + read_all(connection))) == 3
    requests = PARSE * 2 + LAST
    for cut in (len(PARSE) * 2 + 5, len(PARSE) + 512, 512):
        assert statuses(ask(strict, requests[:cut], requests[cut:], pause=0.2)) == [b"200"] * 3


def resident(server: Server) -> int:
    return sum(psutil.Process(pid).memory_info().rss for pid in server.workers())


def closed_by_the_server(connection: socket.socket) -> bool:
    """Whether the server closed the connection, found out without reading from it: the system reports a reset."""
    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


@contextlib.contextmanager
def not_reading(server: Server, sent: bytes, many: int) -> Iterator[list[socket.socket]]:
    """Clients that send and never read."""
    clients = []
    try:
        for _ in range(many):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((server.host, server.port))
            client.setblocking(False)
            clients.append(client)
            with contextlib.suppress(OSError):
                client.send(sent)
        yield clients
    finally:
        for client in clients:
            client.close()


def test_a_pipeline_that_is_never_read_costs_little_and_is_closed(strict: Server) -> None:
    before = resident(strict)
    with not_reading(strict, b"GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2000, 20) as clients:
        wait_until(lambda: all(map(closed_by_the_server, clients)), 60)
        assert resident(strict) - before < 30 * MIB
    assert ok(strict)
    assert "Traceback" not in strict.log


def test_a_response_that_is_never_read_does_not_keep_its_connection_open(strict: Server) -> None:
    request = b"GET /docs HTTP/1.1\r\nHost: localhost\r\n\r\n" * 30 + b"GET /docs HTTP/1.0\r\n\r\n"
    with not_reading(strict, request, 5) as clients:
        wait_until(lambda: all(map(closed_by_the_server, clients)), 60)


@contextlib.contextmanager
def held_bodies(server: Server, sizes: list[int]) -> Iterator[list[bytes]]:
    """Sends bodies without their last byte; yields the immediate answer to each."""
    with contextlib.ExitStack() as stack:
        answers = []
        for size in sizes:
            connection = stack.enter_context(connect(server))
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n" % (size + 1) + b" " * size)
            time.sleep(0.1)
            connection.settimeout(0.5)
            answers.append(b"")
            with contextlib.suppress(TimeoutError):
                answers[-1] = connection.recv(4096)
        yield answers


def test_all_bodies_of_a_worker_share_a_budget(strict: Server) -> None:
    with held_bodies(strict, [900_000] * 4) as answers:
        assert [answer[9:12] for answer in answers] == [b"", b"", b"503", b"503"]
        assert b"retry-after: 1\r\n" in answers[-1]
        assert ok(strict)  # a small body is always read
    wait_until(lambda: strict.client.post("/parse", content=b" " * 900_000 + BODY).status_code == 200, 60)
    assert re.search(r'cnlu_requests_total\{route="other",status="503"\} [1-9]', strict.client.get("/metrics").text)


SMUGGLED = [
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
    ("Content-Length: 5\r\nContent-Length: 6", "abcde"),
    ("Content-Length: 5\r\nContent-Length: 5", "abcde"),
    ("Content-Length: 5, 5", "abcde"),
    ("Content-Length: +5", "abcde"),
    ("Content-Length : 5", "abcde"),
    ("X: a\r\n Content-Length: 5", "abcde"),
    ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
    ("Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "0x1\r\na\r\n0\r\n\r\n"),
    ("Transfer-Encoding: chunked", "1\na\n0\n\n"),
    ("Host: y", ""),
    ("X: a\rb", ""),
    ("X: a\0b", ""),
]


@pytest.mark.parametrize(("headers", "body"), SMUGGLED, ids=[repr(headers) for headers, _ in SMUGGLED])
def test_ambiguous_messages_are_refused(strict: Server, headers: str, body: str) -> None:
    answers = ask(strict, POST + headers.encode() + b"\r\n\r\n" + body.encode() + GET)
    assert statuses(answers) == [b"400"]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /health HTTP/1.1\r\n", b"400"),
        ("GET /health HTTP/2.0\r\nHost: localhost\r\n", b"505"),
        ("GET /health\r\n", b"505"),
        ("POST /parse HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", b"400"),
        ("CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\n", b"400"),
        ("GET http://[ HTTP/1.1\r\nHost: localhost\r\n", b"400"),
    ],
)
def test_a_request_line_that_http_does_not_allow_is_refused(strict: Server, request_line: str, status: bytes) -> None:
    assert statuses(ask(strict, request_line.encode() + b"\r\n" + GET)) == [status]


@pytest.mark.parametrize("last", [LAST, b"GET /health HTTP/1.0\r\n\r\n"])
def test_nothing_is_answered_after_the_last_request_of_a_connection(strict: Server, last: bytes) -> None:
    assert statuses(ask(strict, last + GET * 3)) == [b"200"]


@pytest.mark.parametrize("offer", [b"websocket", b"h2c"])
@pytest.mark.parametrize("size", [1 << 20, 7])
def test_an_upgrade_to_another_protocol_is_ignored(strict: Server, offer: bytes, size: int) -> None:
    upgrade = b"POST /parse HTTP/1.1\r\nHost: localhost\r\nUpgrade: " + offer + b"\r\nConnection: Upgrade\r\n"
    sized = upgrade + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    chunked = upgrade + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n"
    assert statuses(ask(strict, *dripped(sized + chunked + LAST, size))) == [b"200"] * 3


def test_a_client_that_waits_for_100_continue_gets_it(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(
            POST + b"Connection: close\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(BODY)
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY)
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")


def test_100_continue_is_not_sent_for_a_body_that_is_too_large(strict: Server) -> None:
    with connect(strict) as connection:
        connection.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_requests_before_a_broken_one_are_answered(strict: Server) -> None:
    assert statuses(ask(strict, PARSE + b"\x16\x03\x01")) == [b"200"]


def test_the_number_of_connections_is_limited(strict: Server) -> None:
    with contextlib.ExitStack() as stack:
        connections: list[Any] = [stack.enter_context(connect(strict)) for _ in range(100)]
        time.sleep(1)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sendall(GET)
        answers = []
        for connection in connections:
            with contextlib.suppress(ConnectionResetError):
                answers.append(connection.recv(100)[9:12])
    assert {b"200", b"503"} <= set(answers) <= {b"200", b"503", b""}
    assert 0 < answers.count(b"200") <= 40
    assert answers.count(b"200") + answers.count(b"503") <= 80
    wait_until(lambda: ok(strict), PATIENCE)
