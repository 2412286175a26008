"""The railway bot trained by `rasa train`: its test conversations, and one over REST with the action server."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

THURSDAY = "2026-03-12T15:00+08:00"


@pytest.fixture(scope="module")
def railway(bot: Any, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the bot, trained on the corpus with this interpreter."""
    folder = tmp_path_factory.mktemp("railway") / "bot"
    shutil.copytree(checkout / "dialogue" / "railway", folder)
    config = yaml.safe_load((folder / "config.yml").read_text("utf-8"))
    config["pipeline"][0]["trainer"] = sys.executable
    (folder / "config.yml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
    railway_bot = type(bot)(folder, bot.python, bot.environment)
    railway_bot.rasa(
        "train", "--data", "data", str(checkout / "corpora" / "railway" / "train"), "--fixed-model-name", "bot"
    )
    return railway_bot


def test_all_its_conversations_pass(railway: Any) -> None:
    railway.rasa(
        "test",
        "core",
        "--e2e",
        "--stories",
        "tests",
        "-m",
        "models/bot.tar.gz",
        "--out",
        "results",
        "--no-plot",
        "--fail-on-prediction-errors",
    )
    report = json.loads((railway.folder / "results" / "story_report.json").read_text("utf-8"))
    assert report["conversation_accuracy"]["correct"] == report["conversation_accuracy"]["total"] >= 40


def test_it_sells_a_ticket_over_the_rest_channel(railway: Any, tmp_path: Path) -> None:
    actions, port = railway.free_port(), railway.free_port()
    endpoints = {"action_endpoint": {"url": f"http://127.0.0.1:{actions}/webhook"}}
    (railway.folder / "endpoints.yml").write_text(yaml.safe_dump(endpoints), encoding="utf-8")
    railway.environment |= {"CNLU_BOT_DATA": str(tmp_path), "CNLU_BOT_NOW": THURSDAY}
    action_server = [railway.python, "-m", "cnlu_dialogue.actions", "--port", str(actions)]
    server = [
        railway.python,
        "-m",
        "rasa",
        "run",
        "--port",
        str(port),
        "-m",
        "models/bot.tar.gz",
        "--credentials",
        "credentials.yml",
        "--endpoints",
        "endpoints.yml",
    ]
    with railway.serving(action_server, actions, "/health"), railway.serving(server, port, "/") as url:

        def say(text: str) -> str:
            content = json.dumps({"sender": "乙", "message": text}).encode()
            request = urllib.request.Request(f"{url}/webhooks/rest/webhook", content)
            with urllib.request.urlopen(request, timeout=60) as answer:
                return "\n".join(part["text"] for part in json.load(answer))

        assert say("你好").startswith("您好，我是铁路小助手")
        assert say("帮我订一张明天去杭州的票") == "您从哪里出发？"
        assert "要什么席别" in say("从上海走")
        assert "3月13日（明天，周五）的G185 上海虹桥 08:55 → 杭州东 09:57" in say("二等座")
        assert "下单成功！" in say("好的")
        assert "G185" in say("我买的票出票了没有")
