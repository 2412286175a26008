"""Rasa's endpoint: shortcuts as RegexMessageHandler reads them, fallback as FallbackClassifier decides."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from cnlu.runtime.interpreter import Interpreter
from cnlu.server.rasa_api import read_shortcut, with_fallback

SHORTCUTS = [
    "/greet",
    "  /greet  ",
    '/book_ticket{"place": "北京"}',
    '/inform{"place": ["北京", "杭州"], "count": 2}',
    '/faq/ask_name@0.5{"a": null}',
    "/greet@1.7",
    "/greet@1.2.3",
    "/greet{not json}",
    '/greet{"a": 1} and more',
    '/greet{"a": 1',
    "/greet[1]",
    '/ {"a": 1}',
    '/问候{"城市": {"名": "京"}}',
    "/a\nb",
]
NO_SHORTCUTS = ["你好", "", "/", '/{"a": 1}', "/@0.5", "去/不去"]
RANKINGS: list[list[float]] = [[0.9, 0.05], [0.5, 0.45], [0.29, 0.1], [0.3, 0.2], [0.35, 0.24], [0.25], [0.31]]

REAL_RASA = """
import json, sys, warnings
warnings.simplefilter("ignore")
from rasa.nlu.classifiers.fallback_classifier import FallbackClassifier
from rasa.nlu.classifiers.regex_message_handler import RegexMessageHandler
from rasa.shared.nlu.training_data.message import Message

asked = json.load(sys.stdin)
handler = RegexMessageHandler()
read = [handler.process([Message({"text": text})])[0].data for text in asked["texts"]]
decided = []
for ranking in asked["rankings"]:
    message = Message({"text": "x", "intent": dict(ranking[0]), "intent_ranking": [dict(one) for one in ranking]})
    FallbackClassifier({**FallbackClassifier.get_default_config(), **asked["config"]}).process([message])
    decided.append({"intent": message.data["intent"], "intent_ranking": message.data["intent_ranking"]})
print("ANSWER" + json.dumps({"read": read, "decided": decided}))
"""


def ranking(shares: list[float]) -> list[dict[str, Any]]:
    return [{"name": f"intent_{number}", "confidence": share} for number, share in enumerate(shares)]


def parsed(shares: list[float]) -> dict[str, Any]:
    ranked = ranking(shares)
    return {"text": "x", "intent": dict(ranked[0]), "intent_ranking": ranked, "entities": []}


def test_the_body_that_rasa_core_sends_is_answered(client: httpx.Client, tiny: Interpreter) -> None:
    for token in (None, "of nobody"):
        body = {"token": token, "text": "明天去北京", "message_id": "c0ffee"}
        assert client.post("/model/parse", json=body).json() == tiny.parse("明天去北京")


def test_a_shortcut_is_not_parsed(client: httpx.Client) -> None:
    found = client.post("/model/parse", json={"text": '/book_ticket{"place": "北京"}'}).json()
    assert found["intent"] == {"name": "book_ticket", "confidence": 1.0}
    assert [(e["entity"], e["value"]) for e in found["entities"]] == [("place", "北京")]


@pytest.mark.parametrize("text", NO_SHORTCUTS)
def test_a_text_that_is_not_a_shortcut_is_parsed(text: str) -> None:
    assert read_shortcut(text) is None


@pytest.mark.parametrize("text", ["/a{" + '"x":[' * 50_000 + "}", '/a{"x": NaN}'], ids=["deep", "nan"])
def test_a_shortcut_with_invalid_json_has_no_entities(text: str) -> None:
    found = read_shortcut(text)
    assert found is not None
    assert found["entities"] == []


def test_without_thresholds_nothing_falls_back() -> None:
    assert with_fallback(parsed([0.01, 0.01]), None, None) == parsed([0.01, 0.01])


def test_a_server_with_a_threshold_falls_back_for_rasa_only(tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    client = serve(tiny_model, "--fallback-threshold", "1").client
    found = client.post("/model/parse", json={"text": "明天去北京"}).json()
    assert found["intent"] == {"name": "nlu_fallback", "confidence": 1.0}
    assert found["intent_ranking"][0] == found["intent"]
    assert found["intent_ranking"][1]["name"] != "nlu_fallback"
    assert client.post("/parse", json={"text": "明天去北京"}).json()["intent"]["name"] != "nlu_fallback"
    assert client.post("/model/parse", json={"text": "/greet"}).json()["intent"]["name"] == "greet"


@pytest.mark.rasa
@pytest.mark.parametrize("config", [{}, {"threshold": 0.5}, {"ambiguity_threshold": 0.2}], ids=["defaults", "t", "a"])
def test_rasa_reads_and_decides_the_same(rasa_python: str, tmp_path: Path, config: dict[str, float]) -> None:
    asked = {"texts": SHORTCUTS + NO_SHORTCUTS, "rankings": [ranking(shares) for shares in RANKINGS], "config": config}
    done = subprocess.run(
        [rasa_python, "-W", "ignore", "-c", REAL_RASA],
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout.split("ANSWER")[1])
    ours = [read_shortcut(text) for text in asked["texts"]]
    assert [
        {"text": text} if read is None else read for text, read in zip(asked["texts"], ours, strict=True)
    ] == theirs["read"]
    threshold, ambiguity = config.get("threshold", 0.3), config.get("ambiguity_threshold", 0.1)
    decided = [with_fallback(parsed(shares), threshold, ambiguity) for shares in RANKINGS]
    assert [{name: one[name] for name in ("intent", "intent_ranking")} for one in decided] == theirs["decided"]
