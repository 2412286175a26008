"""Shared by the tests of every room: one thread, hypothesis' profile, small models, and external data."""

from __future__ import annotations

import fcntl
import gc
import os
import runpy
import signal

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy or PyTorch is imported: later it would have no effect
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["CNLU_LANG"] = "en"  # the tests read English messages, whatever the locale

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import cnlu
from cnlu.config import Config
from cnlu.config.files import load_config
from cnlu.runtime.interpreter import Interpreter
from tests.places import CHECKOUT

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job of a shell; children would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)


TINY_INTENTS = ("query_trains", "query_price", "book_ticket", "change_ticket", "refund_ticket", "greet")
TINY_SETTINGS = [
    "model.members=2",
    "model.sparse_width=24",
    "model.width=32",
    "model.layers=1",
    "model.heads=2",
    "model.feedforward=64",
    "training.max_epochs=8",
    "training.min_epochs=1",
    "training.batch_size=16",
    "training.patience=8",
    "training.min_dev=1",
    "training.learning_rate=5e-3",
    "training.sparse_learning_rate=1e-2",
    "training.average=0.9",
    "training.checkpoint_seconds=0",
    "features.lexicon=hint",
    "training.dev_fraction=0.1",
]

# No deadline: a busy machine is no failure. Derandomized: CI fails on a change, not by luck of the draw.
settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
# HYPOTHESIS_PROFILE=search looks further, with new random examples each time.
settings.register_profile("search", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_collection_finish() -> None:
    """Make garbage collection rare and leave the imported modules out of it: exports allocate millions of objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


BuildOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> BuildOnce:
    """`build_once(name, build)`: the directory that `build(path)` writes, shared by all workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    common = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "shared"
    common.mkdir(exist_ok=True)

    def directory(name: str, build: Callable[[Path], object]) -> Path:
        with open(common / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (common / name).exists():
                unfinished = common / f"{name}.unfinished"
                build(unfinished)
                unfinished.rename(common / name)
        return common / name

    return directory


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the repository."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data sets outside the repository; tests of it skip where it is absent."""
    folder = Path(os.environ.get("CNLU_SHARED") or CHECKOUT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(f"no real data sets at {folder}; CNLU_SHARED names their folder")
    return folder


@pytest.fixture(scope="session")
def rasa_python() -> str:
    """The Python that has Rasa 3.6.21, from CNLU_RASA_PYTHON; tests that need a real Rasa skip without it."""
    path = os.environ.get("CNLU_RASA_PYTHON")
    if not path:
        pytest.skip("no real Rasa: CNLU_RASA_PYTHON names the Python that has it (make test-rasa makes one)")
    return path


@pytest.fixture(scope="session")
def tiny_bert(build_once: BuildOnce) -> Path:
    """The directory of a random, narrow BERT whose vocabulary holds the worked domain's characters."""
    return build_once("tiny-bert", lambda folder: _write_tiny_bert(folder, layers=2))


@pytest.fixture(scope="session")
def three_layer_bert(build_once: BuildOnce) -> Path:
    """The directory of a tiny BERT with a third layer; the sentence vector `last_four` needs one."""
    return build_once("three-layer-bert", lambda folder: _write_tiny_bert(folder, layers=3))


def _write_tiny_bert(folder: Path, layers: int) -> None:
    pytest.importorskip("transformers", reason="an encoder needs the extra cnlu[train]")
    write = runpy.run_path(str(CHECKOUT / ".ci" / "tiny_bert.py"))["write_tiny_bert"]
    write(folder, CHECKOUT / "corpora" / "railway" / "train", layers)


@pytest.fixture(scope="session")
def tiny_data(build_once: BuildOnce) -> Path:
    """A folder with some of the worked domain's examples, a few groups among them, and all its dictionaries."""
    return build_once("tiny-data", _write_tiny_data)


def _write_tiny_data(folder: Path) -> None:
    from cnlu.data.jsonl import write_jsonl
    from cnlu.data.load import load_data

    train = CHECKOUT / "corpora" / "railway" / "train"
    folder.mkdir()
    examples, counts = [], Counter[str]()
    for example in load_data(train).examples:
        intent = example.intent or ""
        if intent in TINY_INTENTS and (counts[intent] < 45 or any(span.group for span in example.entities)):
            counts[intent] += 1
            examples.append(example)
    write_jsonl(examples, folder / "examples.jsonl")
    (folder / "lookups.yml").write_bytes((train / "lookups.yml").read_bytes())


@pytest.fixture(scope="session")
def tiny_config() -> Config:
    """A network that trains in a second or two. The tests rely on these settings, whatever the defaults become."""
    return load_config(None, TINY_SETTINGS)


@pytest.fixture(scope="session")
def tiny_model(tiny_data: Path, tiny_config: Config, build_once: BuildOnce) -> Path:
    """A model directory with intents, entities, roles, groups, lookup tables, regexes and synonyms."""
    pytest.importorskip("torch", reason="training needs the extra cnlu[train]")
    from cnlu.training.request import Request
    from cnlu.training.train import train

    return build_once("tiny-model", lambda out: train(Request([tiny_data], out, tiny_config, device="cpu", quiet=True)))


@pytest.fixture(scope="session")
def tiny_bert_model(tiny_data: Path, tiny_bert: Path, build_once: BuildOnce) -> Path:
    """A model directory with a frozen encoder."""
    from cnlu.training.request import Request
    from cnlu.training.train import train

    config = load_config(None, [*TINY_SETTINGS, "encoder.tuning=frozen"], encoder=True)
    return build_once(
        "tiny-bert-model",
        lambda out: train(Request([tiny_data], out, config, encoder=str(tiny_bert), device="cpu", quiet=True)),
    )


@pytest.fixture(scope="session")
def tiny(tiny_model: Path) -> Interpreter:
    """The tiny model, loaded."""
    return cnlu.load(tiny_model)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium; tests in it skip where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the browser test needs the extra cnlu[dev]")
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CNLU_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no chromium here: install one (apt-get install chromium) or name it in CNLU_CHROMIUM")
    playwright.expect.set_options(timeout=120_000)
    with playwright.sync_playwright() as play:
        # A site whose name resolves to this machine, in a browser that does not look out for that, as most do not.
        arguments = ["--host-resolver-rules=MAP evil.test 127.0.0.1", "--disable-features=LocalNetworkAccessChecks"]
        if os.getuid() == 0:  # Chromium refuses its own sandbox to root, which is who runs tests in containers
            arguments.append("--no-sandbox")
        chromium = play.chromium.launch(executable_path=path, args=arguments)
        yield chromium
        chromium.close()
