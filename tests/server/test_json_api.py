"""The server's own API: the same results as in process, and errors with a code and a message."""

from __future__ import annotations

import httpx
import pytest

from cnlu.runtime.interpreter import Interpreter

TEXTS = ["明天去北京", "😀帮我订一张去杭州的票", "", "退票"]


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, whose message must be a sentence without internals."""
    error = answer.json()["error"]
    assert error["message"].endswith(".")
    assert not any(word in error["message"] for word in ("Traceback", ".py", "/tmp", "model.onnx"))
    return answer.status_code, error["code"]


def test_a_text_is_parsed_as_in_process(client: httpx.Client, tiny: Interpreter) -> None:
    for text in TEXTS:
        assert client.post("/parse", json={"text": text}).json() == tiny.parse(text)


def test_several_texts_come_back_in_order(client: httpx.Client, tiny: Interpreter) -> None:
    results = client.post("/parse", json={"texts": TEXTS}).json()["results"]
    assert results == [tiny.parse(text) for text in TEXTS]
    assert client.post("/parse", json={"texts": []}).json() == {"results": []}


def test_a_lone_surrogate_is_returned_as_a_json_escape(client: httpx.Client) -> None:
    answer = client.post("/parse", content=b'{"text": "\\ud83d"}')
    assert answer.status_code == 200
    assert answer.json()["text"] == "\ud83d"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "malformed")),
        (b"{", (400, "malformed")),
        (b'{"text": "a"} x', (400, "malformed")),
        (b'{"text": NaN}', (400, "malformed")),
        (b"1" * 6000, (400, "malformed")),
        (b"[" * 200_000, (400, "malformed")),
        (b'{"text":' * 100_000, (400, "malformed")),
        (b'{"text": "\xff\xfe"}', (400, "not_utf8")),
        ('{"text": "你好"}'.encode("gbk"), (400, "not_utf8")),
        (b"[]", (422, "invalid")),
        (b"null", (422, "invalid")),
        (b"{}", (422, "invalid")),
        (b'{"text": 5}', (422, "invalid")),
        (b'{"text": null}', (422, "invalid")),
        (b'{"text": ["a"]}', (422, "invalid")),
        (b'{"texts": "a"}', (422, "invalid")),
        (b'{"texts": ["a", 5]}', (422, "invalid")),
        (b'{"text": "a", "texts": []}', (422, "invalid")),
        (b'{"text": "a", "lang": "zh"}', (422, "invalid")),
    ],
    ids=lambda value: value[:24].decode("ascii", "replace") if isinstance(value, bytes) else None,
)
def test_a_bad_body_is_refused_with_a_sentence(client: httpx.Client, body: bytes, expected: tuple[int, str]) -> None:
    assert refusal(client.post("/parse", content=body)) == expected


def test_a_text_of_100_000_characters_is_refused(client: httpx.Client) -> None:
    assert refusal(client.post("/parse", json={"text": "京" * 100_000})) == (422, "text_too_long")
    assert refusal(client.post("/parse", json={"texts": ["好", "京" * 301]})) == (422, "text_too_long")


def test_too_many_texts_in_one_request_are_refused(client: httpx.Client) -> None:
    assert refusal(client.post("/parse", json={"texts": ["好"] * 65})) == (422, "too_much")
    assert refusal(client.post("/parse", json={"texts": ["好" * 300] * 64})) == (413, "too_much")


def test_a_body_of_ten_megabytes_is_refused_and_the_connection_lives(client: httpx.Client) -> None:
    assert refusal(client.post("/parse", content=b"x" * 10_000_000)) == (413, "too_large")
    assert client.post("/parse", json={"text": "你好"}).status_code == 200


def test_a_body_of_unknown_length_is_refused_as_it_grows(client: httpx.Client) -> None:
    answer = client.post("/parse", content=(b"x" * 100_000 for _ in range(100)))
    assert refusal(answer) == (413, "too_large")


def test_unknown_paths_and_methods_get_json_too(client: httpx.Client) -> None:
    assert refusal(client.get("/nowhere")) == (404, "not_found")
    assert refusal(client.get("/parse/")) == (404, "not_found")
    assert refusal(client.get("/playground/../settings.py")) == (404, "not_found")
    assert refusal(client.get("/playground/%2e%2e/settings.py")) == (404, "not_found")
    answer = client.get("/parse")
    assert refusal(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_labels_lists_the_labels_of_the_model(client: httpx.Client, tiny: Interpreter) -> None:
    labels = client.get("/labels").json()
    assert labels["intents"] == tiny.labels.intents
    assert labels["roles"] == tiny.labels.roles
    assert labels["annotate"] is True


def test_health_answers(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.head("/health").status_code == 200


def test_pages_come_from_here_and_may_load_nothing_from_elsewhere(client: httpx.Client) -> None:
    for path in ("/", "/docs", "/playground/app.js", "/playground/style.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "//" not in answer.text.replace("http://www.w3.org", "").replace("// ", "").replace("https://", "//"), (
            path
        )
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_texts_stay_out_of_the_log(server, client: httpx.Client) -> None:  # type: ignore[no-untyped-def]
    client.post("/parse", json={"text": "身份证号码是秘密"})
    client.post("/parse", content='{"text": "身份证号码是秘密"'.encode())
    assert "秘密" not in server.log
