"""A server with a token refuses requests without it, except for /health."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

TOKEN = "s3cret-of-the-tests"


@pytest.fixture(scope="module")
def guarded(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    from tests.server.running import running

    with running(tiny_model, cwd=tmp_path_factory.mktemp("guarded"), CNLU_TOKEN=TOKEN) as one:
        yield one


WRONG = [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": f"Basic {TOKEN}"},
    {"Authorization": TOKEN},
    {"Authorization": f"Bearer {TOKEN}x"},
    {"Authorization": "Bearer"},
]


@pytest.mark.parametrize("headers", WRONG, ids=str)
@pytest.mark.parametrize("request_line", ["POST /parse", "GET /labels", "GET /metrics", "POST /annotate"])
def test_requests_without_the_token_are_refused(guarded, request_line: str, headers: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    method, path = request_line.split()
    answer = guarded.client.request(method, path, headers=headers, content=b'{"text": "a"}')
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


def test_requests_with_the_token_are_answered(guarded) -> None:  # type: ignore[no-untyped-def]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.client.post("/parse", headers=headers, json={"text": "你好"}).status_code == 200
    assert guarded.client.get("/labels", headers=headers).status_code == 200


@pytest.mark.parametrize("token", ["wrong", "", None, 5, ["a"], "\ud83d"], ids=ascii)
def test_rasa_s_token_field_is_checked(guarded, token: object) -> None:  # type: ignore[no-untyped-def]
    import json

    body = json.dumps({"token": token, "text": "你好"})
    assert guarded.client.post("/model/parse", content=body).status_code == 401


def test_rasa_may_send_the_token_in_the_body_the_query_or_the_header(guarded) -> None:  # type: ignore[no-untyped-def]
    post = guarded.client.post
    assert post("/model/parse", json={"token": TOKEN, "text": "你好"}).status_code == 200
    assert post("/model/parse", params={"token": TOKEN}, json={"text": "你好"}).status_code == 200
    assert post("/model/parse", headers={"Authorization": f"Bearer {TOKEN}"}, json={"text": "你好"}).status_code == 200
    assert post("/model/parse", params={"token": "x"}, json={"text": "你好"}).status_code == 401


def test_health_and_the_pages_need_no_token(guarded) -> None:  # type: ignore[no-untyped-def]
    for path in ("/health", "/", "/docs", "/openapi.json"):
        assert guarded.client.get(path).status_code == 200


def test_the_token_is_neither_in_the_process_list_nor_in_the_log(guarded) -> None:  # type: ignore[no-untyped-def]
    psutil = pytest.importorskip("psutil")
    process = psutil.Process(guarded.process.pid)
    lines = [" ".join(one.cmdline()) for one in [process, *process.children(recursive=True)]]
    httpx.get(guarded.url + "/labels?token=" + TOKEN, trust_env=False)
    assert TOKEN not in " ".join(lines) + guarded.log
