"""A small bot that `rasa train` trains once, and a process of Rasa's Python that trains and parses on request."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.places import PYTHONPATH

HERE = Path(__file__).parent
NLU_SERVER = [sys.executable, "-m", "cnlu", "serve"]
"""The start of a command line `NLU_SERVER MODEL --port N`, a server of Rasa's NLU protocol."""

QUICK = {
    "model.members": 1,
    "model.sparse_width": 24,
    "model.width": 32,
    "model.heads": 2,
    "model.feedforward": 64,
    "features.min_count": 1,
    "features.sentence_min_count": 1,
    "training.dev_fraction": 0.0,
    "training.batch_size": 16,
    "training.max_epochs": 60,
    "training.min_epochs": 1,
    "training.learning_rate": 5e-3,
    "training.sparse_learning_rate": 1e-2,
    "training.average": 0.9,
    "training.checkpoint_seconds": 3600,
}
"""A model that learns the little bot's sentences in a second or two."""

FULL = [
    {"name": "JiebaTokenizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 2},
    {"name": "cnlu_dialogue.rasa.CnluClassifier", "trainer": sys.executable, "set": QUICK},
    {"name": "EntitySynonymMapper"},
    {"name": "ResponseSelector", "epochs": 20, "constrain_similarities": True},
    {"name": "FallbackClassifier", "threshold": 0.5, "ambiguity_threshold": 0.0},
]


def rasa_environment(checkout: Path) -> dict[str, str]:
    settings = {
        "RASA_TELEMETRY_ENABLED": "false",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PYTHONWARNINGS": "ignore",
        "PYTHONIOENCODING": "utf-8",
        "OMP_NUM_THREADS": "1",
    }
    return {**os.environ, **settings, "PYTHONPATH": PYTHONPATH}


class Bot:
    """A bot's folder and the commands that run in it."""

    quick = QUICK
    nlu_server = NLU_SERVER

    @staticmethod
    def alone(**options: Any) -> list[dict[str, Any]]:
        """A pipeline with only the component."""
        return [{"name": "cnlu_dialogue.rasa.CnluClassifier", **options}]

    @staticmethod
    def free_port() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            return port

    def __init__(self, folder: Path, python: str, environment: dict[str, str]) -> None:
        self.folder, self.python, self.environment = folder, python, environment

    def write_config(self, pipeline: list[dict[str, Any]], name: str = "config.yml") -> str:
        """Writes a config file of Rasa in the folder and returns its name."""
        content = {
            "recipe": "default.v1",
            "language": "zh",
            "assistant_id": "test",
            "pipeline": pipeline,
            "policies": [{"name": "RulePolicy"}],
        }
        (self.folder / name).write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
        return name

    def rasa(self, *arguments: str, code: int = 0) -> str:
        """The output of a `rasa` command, which must exit with `code`."""
        done = subprocess.run(
            [self.python, "-m", "rasa", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert done.returncode == code, done.stdout[-3000:]
        return done.stdout

    @contextlib.contextmanager
    def serving(self, command: list[str], port: int, path: str) -> Iterator[str]:
        """Runs a server and yields its URL as soon as `path` answers."""
        with open(self.folder / f"server-{port}.log", "w+", encoding="utf-8") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
            try:
                url = f"http://127.0.0.1:{port}"
                while True:
                    with contextlib.suppress(OSError), urllib.request.urlopen(url + path, timeout=10):
                        break
                    assert process.poll() is None, (self.folder / f"server-{port}.log").read_text("utf-8")[-3000:]
                    time.sleep(0.3)
                yield url
            finally:
                process.terminate()
                process.wait(60)


class Driver:
    """A long-running process of Rasa's Python; see driver.py."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.log = open(bot.folder / "driver.log", "w+", encoding="utf-8")  # noqa: SIM115
        self.process = subprocess.Popen(
            [bot.python, str(HERE / "driver.py")],
            cwd=bot.folder,
            env=bot.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            encoding="utf-8",
        )

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        assert line, (self.bot.folder / "driver.log").read_text("utf-8")[-3000:]
        answer: dict[str, Any] = json.loads(line)
        return answer

    def train(self, pipeline: list[dict[str, Any]], name: str, **options: Any) -> dict[str, Any]:
        """Train a pipeline on the bot's NLU data; the answer holds `model` and `log`, or `error`."""
        config = self.bot.write_config(pipeline, f"{name}.yml")
        return self.ask("train", config=config, name=name, **{"nlu_only": True, "data": "data/nlu.yml", **options})

    def parse(self, model: str, *texts: str) -> list[dict[str, Any]]:
        answer = self.ask("parse", model=model, texts=texts)
        assert "error" not in answer, answer["error"]
        results: list[dict[str, Any]] = answer["results"]
        return results

    def close(self) -> None:
        self.process.communicate()
        self.log.close()


@pytest.fixture(scope="session")
def bot(rasa_python: str, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Bot:
    """A copy of the small bot, not yet trained."""
    pytest.importorskip("torch", reason="the bot's model is trained by this interpreter, with cnlu[train]")
    folder = tmp_path_factory.mktemp("rasa") / "bot"
    shutil.copytree(HERE / "bot", folder)
    return Bot(folder, rasa_python, rasa_environment(checkout))


@pytest.fixture(scope="session")
def trained(bot: Bot) -> str:
    """The output of `rasa train`; the model is models/full.tar.gz in the bot's folder."""
    bot.write_config(FULL)
    return bot.rasa("train", "--fixed-model-name", "full")


@pytest.fixture(scope="session")
def driver(bot: Bot) -> Iterator[Driver]:
    driver = Driver(bot)
    yield driver
    driver.close()


@pytest.fixture(scope="session")
def ready(bot: Bot, trained: str) -> Path:
    """The model directory of the trained bot, unpacked."""
    unpacked = bot.folder / "unpacked"
    with tarfile.open(bot.folder / "models" / "full.tar.gz") as archive:
        archive.extractall(unpacked)
    (manifest,) = unpacked.glob("components/*CnluClassifier*/model/manifest.json")
    shutil.copytree(manifest.parent, bot.folder / "ready")
    return bot.folder / "ready"
