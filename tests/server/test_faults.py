"""Slow and broken clients, overload, a killed worker, shutdown: all other clients are still served."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.places import PYTHONPATH
from tests.server.running import PATIENCE, Server, connect, read_all, wait_until

HEAD = b"POST /parse HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def ok(server: Server) -> bool:
    return server.client.post("/parse", json={"text": "你好"}).status_code == 200


def test_an_idle_client_is_disconnected(server: Server) -> None:
    with connect(server) as connection:
        assert read_all(connection) == b""
    assert ok(server)


def test_a_slow_head_gets_408(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(HEAD)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"


def test_a_slow_body_gets_408(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 20\r\n\r\n{")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_slow"


def test_a_refused_body_that_arrives_slowly_is_cut_off(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 100000000\r\n\r\n{")
        answer = read_all(connection)  # ends: the server closes although the body never came
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_head_without_end_is_refused(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(HEAD + b"X-Much: ")
        for _ in range(2):
            connection.sendall(b"x" * 20_000)
            time.sleep(0.05)
        assert read_all(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"HELLO\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\n\r\n",
        b"POST /parse HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    ],
    ids=range(4),
)
def test_bytes_that_are_not_http_get_400(server: Server, junk: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(junk)
        connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")) or answer == b""
    assert ok(server)


def test_dropped_connections_do_not_disturb_other_clients(server: Server) -> None:
    body = json.dumps({"text": "帮我订一张去北京的票" * 20}).encode()
    request = HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
    for cut in (10, len(request) - 5, len(request)):
        for _ in range(10):
            with connect(server) as connection:
                connection.sendall(request[:cut])
    assert ok(server)
    assert "Traceback" not in server.log


def test_slow_clients_do_not_keep_others_waiting(server: Server) -> None:
    slow = [connect(server) for _ in range(50)]
    for connection in slow:
        connection.sendall(HEAD)
    assert ok(server)
    for connection in slow:
        connection.close()


def test_overload_is_refused_at_once_and_the_server_recovers(server: Server) -> None:
    def ask(number: int) -> tuple[int, str | None]:
        answer = httpx.post(
            server.url + "/parse", json={"texts": ["帮我订一张明天去北京的票"] * 40}, timeout=PATIENCE, trust_env=False
        )
        return answer.status_code, answer.headers.get("retry-after")

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(48)))
    assert set(answers) == {(200, None), (503, "1")}
    assert ok(server)


def test_figures_are_summed_over_the_workers(tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    two = serve(tiny_model, "--workers", 2)
    for _ in range(20):
        httpx.post(two.url + "/parse", json={"text": "你好"}, trust_env=False, timeout=PATIENCE)
    figures = two.client.get("/metrics").text.splitlines()
    assert 'cnlu_requests_total{route="/parse",status="200"} 20.0' in figures
    assert "cnlu_texts_total 20.0" in figures


def test_a_killed_worker_is_replaced_while_the_other_serves(tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    two = serve(tiny_model, "--workers", 2)
    before = set(two.workers())
    os.kill(min(before), signal.SIGKILL)
    for _ in range(20):
        assert httpx.get(two.url + "/health", trust_env=False, timeout=PATIENCE).status_code == 200
    wait_until(lambda: len(two.workers()) == 2 and set(two.workers()) != before)
    assert "signal 9" in two.log
    assert ok(two)


def test_open_requests_are_finished_before_the_server_stops(tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    one = serve(tiny_model, "--read-timeout", 10)
    body = json.dumps({"text": "你好"}).encode()
    with connect(one) as connection:
        connection.sendall(HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body[:5])
        time.sleep(0.5)
        one.process.terminate()
        time.sleep(0.5)
        connection.sendall(body[5:])
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    assert one.process.wait(PATIENCE) == 0
    assert "Traceback" not in one.log
    with pytest.raises(OSError):
        connect(one)


def test_ctrl_c_stops_all_workers_in_order(tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    two = serve(tiny_model, "--workers", 2)
    workers = two.workers()
    two.process.send_signal(signal.SIGINT)
    assert two.process.wait(PATIENCE) == 0
    assert "Traceback" not in two.log
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere"], "no such directory"),
        (["{model}", "--port", "70000"], "--port"),
        (["{model}", "--host", "no.such.host.invalid"], "cannot listen"),
        (["{model}", "--workers", "0"], "--workers"),
        (["{model}", "--token", ""], "--token"),
        (["{model}", "--fallback-threshold", "1.5"], "--fallback-threshold"),
        (["{model}", "--annotate", "no/such/folder.yml"], "--annotate"),
        (["{model}", "--annotate", "{model}"], "--annotate"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) else None,
)
def test_a_model_that_cannot_be_served_ends_with_one_message(
    tiny_model: Path, tmp_path: Path, arguments: list[str], word: str
) -> None:
    command = [part.format(model=tiny_model) for part in arguments]
    done = subprocess.run(
        [sys.executable, "-m", "cnlu", "serve", *command],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": PYTHONPATH},
    )
    assert done.returncode in (1, 2)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("cnlu: ")]
    assert word in line
    assert "Traceback" not in done.stderr
