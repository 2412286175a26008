"""Encoders named `modelscope:OWNER/ID`, from a local server that the real client asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cnlu.encoder import modelscope
from cnlu.encoder.modelscope import all_cached_on_modelscope, modelscope_id
from cnlu.encoder.source import local_copy, local_directory
from cnlu.errors import UsageError
from tests.encoder import hub_servers
from tests.encoder.hub_servers import NAME, files_of

SOURCE = f"modelscope:{NAME}"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use neither the user's cache, nor a network, nor the user's login."""
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client, with the settings of this test and without waiting between its tries."""
    config = pytest.importorskip("modelscope_hub.config", reason="ModelScope needs the extra cnlu[modelscope]")
    config.set_default_config(None)
    from modelscope_hub import _download, _legacy_api

    monkeypatch.setattr(_legacy_api, "REPO_TREE_PAGE_MAX_ATTEMPTS", 1)
    monkeypatch.setattr(_download, "DOWNLOAD_RETRY_TIMES", 0)


@pytest.mark.usefixtures("client")
def test_a_model_is_downloaded_once_with_what_is_needed_and_then_found_in_the_cache(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(tiny_encoder("bert"))
    with hub_servers.modelscope(files) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
        folder = local_directory(SOURCE)
    assert folder.is_relative_to(tmp_path / "cache")
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert not {"pytorch_model.bin", "mine.py", "README.md"} & set(hub.requests)
    assert local_directory(SOURCE) == folder  # the hub is gone
    assert list(all_cached_on_modelscope()) == [(SOURCE, folder)]


@pytest.mark.usefixtures("client")
def test_pickled_weights_come_only_without_safetensors(
    tiny_encoder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(tiny_encoder("bert"))
    del files["model.safetensors"]
    with hub_servers.modelscope(files) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
        folder = local_directory(SOURCE)
    assert {path.name for path in folder.iterdir()} == {"config.json", "pytorch_model.bin", "tokenizer.json"}


@pytest.mark.usefixtures("client")
def test_an_interrupted_download_continues(
    tiny_encoder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(tiny_encoder("bert"))
    with hub_servers.modelscope(files) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
        hub.broken["model.safetensors"] = 1000
        with pytest.raises(UsageError, match="download from .* failed .*; run the command again, which continues"):
            local_directory(SOURCE)
        assert local_copy(SOURCE) is None
        hub.broken.clear()
        folder = local_directory(SOURCE)
    assert "bytes=1000-" in hub.ranges
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]


@pytest.mark.usefixtures("client")
def test_a_model_unknown_to_modelscope_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_servers.modelscope({}) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
        with pytest.raises(UsageError, match="^modelscope:someone/else: .* shows no model of this name"):
            local_directory("modelscope:someone/else")


@pytest.mark.usefixtures("client")
def test_a_model_without_files_of_an_encoder_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_servers.modelscope({"weights.ckpt": b"x", "run.py": b"x"}) as hub:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
        with pytest.raises(UsageError, match="shows no files of an encoder under this name"):
            local_directory(SOURCE)
    assert not {"weights.ckpt", "run.py"} & set(hub.requests)


@pytest.mark.usefixtures("client")
def test_without_a_network_one_sentence_names_the_ways_out_at_once(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(UsageError) as caught:
        local_directory(SOURCE)
    assert time.monotonic() - start < 3
    for part in (
        f"{SOURCE}: the ModelScope cache ({tmp_path / 'cache'})",
        "http://127.0.0.1:9 cannot be reached",
        "zh-mini",
        "HF_ENDPOINT",
        "directory",
        "HF_HOME",
    ):
        assert part in str(caught.value)


def test_a_missing_client_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "modelscope_hub", None)
    with pytest.raises(UsageError) as caught:
        local_directory(SOURCE)
    assert str(caught.value) == (
        f"{SOURCE} needs modelscope-hub, which is not installed; run `pip install 'cnlu[modelscope]'`."
    )


@pytest.mark.parametrize("folder", ["models/someone/tiny___bert-v1___5", "hub/models/someone/tiny___bert-v1___5"])
def test_a_model_cached_by_an_older_client_is_found_without_any_client(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr(modelscope, "has_modelscope_client", lambda: False)
    path = tmp_path / "cache" / folder
    path.parent.mkdir(parents=True)
    path.symlink_to(tiny_encoder("bert"))
    assert local_directory("modelscope:someone/tiny.bert-v1.5") == path
    assert list(all_cached_on_modelscope()) == [("modelscope:someone/tiny.bert-v1.5", path)]


@pytest.mark.parametrize(
    "source", ["modelscope:", "modelscope:bert", "modelscope:a/b/c", "modelscope:../x", "modelscope:a/b?"]
)
def test_an_impossible_id_is_refused(source: str) -> None:
    with pytest.raises(UsageError, match="write it as modelscope:OWNER/ID"):
        local_directory(source)


def test_other_names_are_not_modelscope_s() -> None:
    assert modelscope_id("someone/tiny-bert") is None
    assert modelscope_id("./modelscope:a/b") is None
