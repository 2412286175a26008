"""Rasa's commands on a bot with the component, each in its own process, as a user runs them."""

from __future__ import annotations

import json
import sys
import urllib.request
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.rasa, pytest.mark.slow]


def post(url: str, content: Any) -> Any:
    request = urllib.request.Request(url, json.dumps(content).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_rasa_train_logs_the_interpreter_and_the_progress(trained: str) -> None:
    assert f"CnluClassifier: trains with {sys.executable}" in trained
    assert "CnluClassifier: 46 examples, 5 intents, 2 entity types" in trained
    assert "Your Rasa model is trained" in trained
    assert "Traceback" not in trained


def test_data_validate_finds_no_conflict(bot: Any, trained: str) -> None:
    assert "No story structure conflicts found" in bot.rasa("data", "validate", "--fail-on-warnings")


def test_rasa_test_nlu_reports_the_component_s_entities(bot: Any, trained: str) -> None:
    bot.rasa("test", "nlu", "--nlu", "data/nlu.yml", "-m", "models/full.tar.gz", "--out", "results", "--no-plot")
    report = json.loads((bot.folder / "results" / "CnluClassifier_report.json").read_text("utf-8"))
    assert report["city.from"]["support"] >= 8
    assert report["micro avg"]["f1-score"] > 0.8
    intents = json.loads((bot.folder / "results" / "intent_report.json").read_text("utf-8"))
    assert {"faq", "book_ticket"} <= set(intents)
    assert intents["accuracy"] > 0.9


def test_end_to_end_conversations_pass(bot: Any, trained: str) -> None:
    output = bot.rasa(
        "test",
        "core",
        "--e2e",
        "--stories",
        "tests",
        "-m",
        "models/full.tar.gz",
        "--out",
        "e2e",
        "--no-plot",
        "--fail-on-prediction-errors",
    )
    assert "2 / 2" in output or "2/2" in output


def test_a_conversation_over_the_rest_channel_with_an_action_server(bot: Any, trained: str) -> None:
    actions, port = bot.free_port(), bot.free_port()
    endpoints = {"action_endpoint": {"url": f"http://127.0.0.1:{actions}/webhook"}}
    (bot.folder / "endpoints.yml").write_text(yaml.safe_dump(endpoints), encoding="utf-8")
    (bot.folder / "credentials.yml").write_text("rest:\n", encoding="utf-8")
    action_server = [bot.python, "-m", "rasa_sdk", "--actions", "actions", "--port", str(actions)]
    server = [
        bot.python,
        "-m",
        "rasa",
        "run",
        "--enable-api",
        "--port",
        str(port),
        "-m",
        "models/full.tar.gz",
        "--credentials",
        "credentials.yml",
        "--endpoints",
        "endpoints.yml",
    ]
    with bot.serving(action_server, actions, "/health"), bot.serving(server, port, "/status") as url:

        def say(text: str) -> list[str]:
            answers = post(f"{url}/webhooks/rest/webhook", {"sender": "甲", "message": text})
            return [answer["text"] for answer in answers]

        assert say("你好") == ["您好"]
        assert say("从北京到魔都的票") == ["北京到上海"]
        assert say("行李超重怎么办") == ["二十公斤"]
        assert say("") == ["没听懂"]
        assert say('/book_ticket{"city": "哈尔滨"}') == ["北京到上海"]
        parsed = post(f"{url}/model/parse", {"text": "G12晚点了吗"})
        assert [(e["entity"], e["value"], e["extractor"]) for e in parsed["entities"]] == [
            ("train_no", "G12", "CnluClassifier")
        ]


def test_rasa_train_refuses_a_missing_interpreter_with_one_sentence(bot: Any) -> None:
    config = bot.write_config(bot.alone(trainer="/nowhere/python"), "nowhere.yml")
    for flags in ([], ["--force"]):
        output = bot.rasa("train", "--config", config, *flags, code=1)
        assert output.count("trainer: /nowhere/python cannot be started (No such file or directory)") == 1
        assert "Traceback" not in output
