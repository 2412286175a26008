"""The server answers only to its own host names, and to requests of its own pages but not of other sites' pages."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from cnlu.errors import UsageError
from cnlu.server.hosts import TrustedHostMiddleware
from cnlu.server.settings import ServerSettings
from tests.server.running import Server

SENTENCE = {"text": "别人的网页写的", "intent": "greet"}


def settings(**given: Any) -> ServerSettings:
    return ServerSettings(Path("model"), **given)


def status(own: ServerSettings, host: str | None, method: str = "POST", path: str = "/parse", **headers: str) -> int:
    """The status of a request with this Host (None: without) to an application that answers 200 to everything."""

    async def fine(request: Request) -> PlainTextResponse:
        return PlainTextResponse("fine")

    routes = [Route(path, fine, methods=["GET", "POST"]) for path in ("/parse", "/health")]
    client = TestClient(TrustedHostMiddleware(Starlette(routes=routes), own))
    given = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    request = client.build_request(method, path, headers=given)
    del request.headers["host"]
    if host is not None:
        request.headers["host"] = host
    return client.send(request).status_code


def test_a_rebound_name_saves_and_reads_nothing(client: httpx.Client, annotated: Path) -> None:
    rebound = {"Host": "evil.test:5005", "Origin": "http://evil.test:5005"}
    for method, path in (("POST", "/annotate"), ("POST", "/parse"), ("POST", "/model/parse"), ("GET", "/labels")):
        body = SENTENCE if method == "POST" else None
        answer = client.request(method, path, headers=rebound, json=body)
        assert answer.status_code == 421, path
        assert "--allowed-host evil.test" in answer.json()["error"]["message"]
    assert not annotated.exists() or SENTENCE["text"] not in annotated.read_text("utf-8")


def test_a_page_of_another_site_sends_nothing(client: httpx.Client) -> None:
    for origin in (
        "http://evil.test",
        "null",
        "http://localhost:1",
        "http://127.0.0.1:1",
        "https://",
        "chrome-extension://abc",
    ):
        answer = client.post("/parse", json={"text": "你好"}, headers={"Origin": origin})
        assert answer.status_code == 421, origin


def test_the_server_s_own_page_and_programs_are_answered(server: Server) -> None:
    for host in (f"127.0.0.1:{server.port}", f"localhost:{server.port}", "LOCALHOST", "127.0.0.2:80", "[::1]:8080"):
        for origin in ({}, {"Origin": f"http://{host}"}):
            answer = server.client.post("/parse", json={"text": "你好"}, headers={"Host": host, **origin})
            assert answer.status_code == 200, (host, origin)


def test_health_is_served_under_any_name(client: httpx.Client) -> None:
    assert client.get("/health", headers={"Host": "8.8.8.8:5005"}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "evil",
        "",
        "a b",
        "[::1",
        "::1]",
        "localhost:x",
        "@",
        "localhost@evil.test",
        "localhost, evil.test",
        "8.8.8.8",
        "[fe80::1]",
        "0.0.0.0",
        "localhost:80:80",
    ],
    ids=ascii,
)
def test_on_loopback_only_local_names_are_served(host: str) -> None:
    assert status(settings(), host) == 421


def test_allowed_hosts_are_served_in_any_case_and_on_any_port() -> None:
    own = settings(allowed_hosts=("NLU.example.com",))
    assert status(own, "nlu.example.com") == status(own, "nlu.EXAMPLE.com.:8443") == 200
    assert status(own, "nlu.example.com.evil.test") == status(own, "x.nlu.example.com") == 421


def test_a_proxy_may_ask_under_its_own_name_for_an_allowed_page() -> None:
    own = settings(allowed_hosts=("nlu.example.com",))
    assert status(own, "127.0.0.1:5005", origin="https://nlu.example.com") == 200
    assert status(own, "127.0.0.1:5005", origin="https://other.example.com") == 421


def test_without_a_token_on_a_network_only_allowed_public_names_are_served() -> None:
    own = settings(host="0.0.0.0")
    for host in (
        "nlu:5005",
        "8.8.8.8:5005",
        "[fe80::1]:5005",
        "localhost:8080",
    ):  # names that no public web page can have
        assert status(own, host) == 200, host
        assert status(own, host, origin=f"http://{host}") == 200, host
    assert status(own, "evil.test:5005", origin="http://evil.test:5005") == 421
    assert status(own, "nlu:5005", origin="http://evil.test") == 421


def test_the_name_given_with_host_is_served() -> None:
    own = settings(host="nlu.internal.example")
    assert status(own, "nlu.internal.example:5005") == 200
    assert status(own, "evil.test") == 421


def test_with_a_token_any_host_name_is_served_unless_names_are_given() -> None:
    assert status(settings(token="t"), "evil.test", origin="http://evil.test") == 200
    assert status(settings(token="t", allowed_hosts=("nlu.example.com",)), "evil.test") == 421


def test_a_request_must_name_exactly_one_host(server: Server) -> None:
    for hosts, expected in ((b"", b"400"), (b"Host: localhost\r\nHost: evil.test\r\n", b"400")):
        with socket.create_connection((server.host, server.port), timeout=60) as connection:
            connection.sendall(b"GET /labels HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
            assert connection.recv(4096).split()[1] == expected


@pytest.mark.parametrize("name", ["", "*", "http://nlu", "nlu:5005", "a b", "nlu/x", "例子.cn", "a" * 300])
def test_an_invalid_host_name_cannot_be_allowed(name: str) -> None:
    with pytest.raises(UsageError, match="--allowed-host"):
        settings(allowed_hosts=(name,))
