"""Every response is strict JSON, whatever the request and the network output; errors reveal no internals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.server.rasa_api import read_shortcut
from cnlu.server.responses import encode
from tests.places import PYTHONPATH
from tests.server.strict_json import strict

VALUES = st.recursive(
    st.sampled_from(["1e999", "-1e999", "NaN", "Infinity", "1", "null", '"北"', '"\\ud83d"', "1" * 500, "1e5"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: f"[{','.join(parts)}]"),
        inner.map(lambda one: f'{{"a":{one},"a":{one}}}'),
    ),
    max_leaves=6,
)


@given(st.lists(st.tuples(st.sampled_from(["x", "城市", ""]), VALUES), max_size=3))
def test_any_shortcut_gets_strict_json(fields: list[tuple[str, str]]) -> None:
    text = "/book{" + ",".join(f'"{name}":{value}' for name, value in fields) + "}"
    found = read_shortcut(text)
    assert found is not None
    assert strict(encode(found))["intent"]["name"] == "book"


@pytest.mark.parametrize("depth", [50, 98, 120, 320, 400, 480, 960])
@pytest.mark.parametrize(("opening", "closing"), ["[]", ('{"a":', "}")], ids=["list", "object"])
def test_a_shortcut_that_nests_deep_is_answered(opening: str, closing: str, depth: int) -> None:
    found = read_shortcut('/book{"x":' + opening * depth + "1" + closing * depth + "}")
    assert found is not None
    strict(encode(found))
    assert bool(found["entities"]) == (depth < 100)


def test_values_that_json_cannot_express_are_never_written() -> None:
    for value in (float("nan"), float("inf"), [{"a": -float("inf"), "b": "\ud83d"}]):
        with pytest.raises(ValueError):
            encode(value)


@pytest.mark.parametrize("path", ["/parse", "/model/parse", "/annotate"])
def test_a_body_that_is_not_strict_json_is_refused(client: httpx.Client, path: str) -> None:
    for part in ("NaN", "1e999", "-Infinity", "[-1e9999]", "1" * 5000, "[" * 5000, '{"a":1,"a":2}'):
        body = f'{{"text":"你好","message_id":{part}}}'.encode()
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert (answer.status_code, strict(answer.content)["error"]["code"]) == (400, "malformed"), part
    twice = client.post(path, content=b'{"text":"a","text":"b"}', headers={"Content-Type": "application/json"})
    assert twice.status_code == 400


FAULTY = """
import numpy, onnxruntime

real = onnxruntime.InferenceSession.run

def run(self, names, inputs, *more):
    length = inputs["mask"].shape[1]
    if length == 7:
        raise RuntimeError("secret: /srv/model.onnx")
    outputs = real(self, names, inputs, *more)
    return [output * numpy.nan for output in outputs] if length == 9 else outputs

onnxruntime.InferenceSession.run = run
"""


def test_a_failing_network_gives_500_without_details_and_the_server_keeps_running(
    tiny_model: Path, serve: Any, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAULTY, encoding="utf-8")
    server = serve(tiny_model, PYTHONPATH=f"{tmp_path}:{PYTHONPATH}")
    for path in ("/parse", "/model/parse"):
        for length in (7, 9):
            answer = server.client.post(path, json={"text": "这是秘密的句子呀好吧"[:length]})
            assert answer.status_code == 500
            assert strict(answer.content) == {
                "error": {"code": "internal", "message": "Something went wrong in the server; its log says more."}
            }
        assert server.client.post(path, json={"text": "你好"}).status_code == 200
    server.wait_for("while answering /model/parse")
    assert "这是秘密" not in server.log
