"""A fixed time, separate files for each test, and an action server in a real process."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cnlu_dialogue.actions.store import Store
from tests.places import PYTHONPATH

NOW = "2026-03-12T15:00+08:00"
"""A Thursday."""


@pytest.fixture
def now() -> datetime:
    return datetime.fromisoformat(NOW)


@pytest.fixture(scope="session")
def timetable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the timetable and no orders."""
    folder = tmp_path_factory.mktemp("bot")
    Store(folder)
    return folder


@pytest.fixture
def store(timetable: Path, tmp_path: Path) -> Store:
    """The timetable, and orders that only this test uses."""
    (tmp_path / "timetable.sqlite").write_bytes((timetable / "timetable.sqlite").read_bytes())
    return Store(tmp_path)


@pytest.fixture(scope="session")
def sdk_python() -> str:
    """A Python that has rasa-sdk and borax: this one, or Rasa's."""
    if importlib.util.find_spec("rasa_sdk"):
        return sys.executable
    rasa_python = os.environ.get("CNLU_RASA_PYTHON")
    if (
        rasa_python
        and not subprocess.run([rasa_python, "-c", "import rasa_sdk, borax"], capture_output=True).returncode
    ):
        return rasa_python
    pytest.skip("no rasa-sdk: install cnlu[actions], or name a Python that has it in CNLU_RASA_PYTHON")


@dataclass
class Server:
    """An action server over HTTP, and the slots of a conversation, which Rasa would keep."""

    port: int
    folder: Path
    slots: dict[str, Any] = field(default_factory=dict)

    def post(self, body: bytes) -> tuple[int, dict[str, Any]]:
        address, kind = f"http://127.0.0.1:{self.port}/webhook", {"Content-Type": "application/json"}
        request = urllib.request.Request(address, body, kind)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, {}

    def run(
        self,
        action: str,
        text: str = "",
        intent: str = "inform",
        entities: list[dict[str, Any]] | None = None,
        form: str | None = None,
    ) -> list[str]:
        """Extracts the slots and runs an action, as Rasa does in a turn; returns the sentences of the reply."""
        texts: list[str] = []
        for name in dict.fromkeys(["action_validate_slot_mappings", action]):
            tracker = {
                "sender_id": "u1",
                "slots": self.slots,
                "events": [],
                "paused": False,
                "followup_action": None,
                "latest_message": {
                    "text": text,
                    "intent": {"name": intent, "confidence": 1.0},
                    "entities": entities or [],
                },
                "active_loop": {"name": form} if form else {},
                "latest_action_name": "action_listen",
                "latest_input_channel": "rest",
            }
            body = {"next_action": name, "sender_id": "u1", "tracker": tracker, "domain": {}, "version": "3.6.21"}
            status, answer = self.post(json.dumps(body).encode())
            assert status == 200
            self.slots |= {event["name"]: event["value"] for event in answer["events"] if event["event"] == "slot"}
            texts += [response["text"] for response in answer["responses"]]
        return texts


@pytest.fixture(scope="session")
def server_process(
    sdk_python: str, tmp_path_factory: pytest.TempPathFactory, checkout: Path
) -> Iterator[tuple[int, Path]]:
    """`python -m cnlu_dialogue.actions` on a free port, at a fixed time."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    environment = {
        **os.environ,
        "CNLU_BOT_DATA": str(folder),
        "CNLU_BOT_NOW": NOW,
        "PYTHONPATH": os.pathsep.join([PYTHONPATH, os.environ.get("PYTHONPATH", "")]),
        "RASA_TELEMETRY_ENABLED": "false",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sdk_python, "-W", "ignore", "-m", "cnlu_dialogue.actions", "--port", str(port)],
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
        )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail("the action server did not start:\n" + (folder / "log").read_text("utf-8")[-2000:])
                time.sleep(0.2)
        yield port, folder
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def server(server_process: tuple[int, Path]) -> Server:
    """A new conversation without orders."""
    port, folder = server_process
    (folder / "orders.sqlite").unlink(missing_ok=True)
    return Server(port, folder)
