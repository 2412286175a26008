"""Sources of an encoder: a directory, the cache, a download from the hub, or an immediate error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="an encoder is loaded with the extra cnlu[train]")
pytest.importorskip("transformers", reason="an encoder is loaded with the extra cnlu[train]")

from huggingface_hub import constants

from cnlu.encoder import hugging_face, source
from cnlu.encoder.files import files_to_download
from cnlu.encoder.source import local_directory
from cnlu.errors import UsageError
from tests.encoder import hub_servers
from tests.encoder.hub_servers import NAME, files_of


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Use neither the user's cache nor a network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    return cache


def named(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Set the hub's address, as HF_ENDPOINT does in a new process."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", endpoint + "/{repo_id}/resolve/{revision}/{filename}")


def test_a_directory_is_used_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "someone" / "tiny-bert").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert local_directory(NAME) == Path(NAME)
    assert local_directory(tmp_path) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_directory("~/someone") == tmp_path / "someone"


@pytest.mark.parametrize(
    "name",
    [
        "./enc",
        "/x/y",
        "~/nowhere/enc",
        "a/b/c",
        "enc/",
        "中文/模型",
        "C:\\enc",
        "..",
        Path("someone/x"),
    ],
)
def test_a_name_that_looks_like_a_path_is_never_looked_up_on_the_hub(
    name: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if name == "..":
        name = "../nowhere"
    monkeypatch.setattr(source, "download", lambda name: pytest.fail("asked the hub"))
    with pytest.raises(UsageError, match=f"^{re.escape(str(name))}: there is no such directory; name the directory"):
        local_directory(name)


def test_a_file_an_empty_name_and_an_impossible_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(UsageError, match="is a file; name the directory"):
        local_directory(tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="name is empty"):
        local_directory(" ")
    with pytest.raises(UsageError, match="neither a directory nor a valid name"):
        local_directory("some--one/x..y")


def test_a_hub_model_is_downloaded_once_with_what_is_needed_and_then_found_in_the_cache(
    tiny_encoder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(tiny_encoder("bert"))
    with hub_servers.hugging_face(files) as hub:
        named(monkeypatch, hub.address)
        folder = local_directory(NAME)
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert not [path for path in hub.requests if path.endswith((".bin", ".md", ".py", ".msgpack"))]
    before = len(hub.requests)
    assert local_directory(NAME) == folder  # the hub is gone
    assert len(hub.requests) == before


def test_a_cache_without_the_weights_is_not_used(
    tiny_encoder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_servers.hugging_face(files_of(tiny_encoder("bert"))) as hub:
        named(monkeypatch, hub.address)
        folder = local_directory(NAME)
        (folder / "model.safetensors").unlink()
        assert local_directory(NAME) == folder
        assert (folder / "model.safetensors").exists()


def test_a_model_unknown_to_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_servers.hugging_face({}) as hub:
        named(monkeypatch, hub.address)
        with pytest.raises(UsageError, match="shows no model of this name .*; check the spelling"):
            local_directory("someone/else")


def test_a_hub_that_does_not_answer_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lookup of the host name hangs, which no time limit interrupts."""
    from huggingface_hub import HfApi

    monkeypatch.setattr(hugging_face, "HUB_TIMEOUT", 0.2)
    monkeypatch.setattr(HfApi, "model_info", lambda *_, **__: time.sleep(5))
    start = time.monotonic()
    with pytest.raises(UsageError, match="no answer within 0.2 seconds"):
        local_directory(NAME)
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("variables", [{"HF_ENDPOINT": "http://127.0.0.1:9"}, {"HF_HUB_OFFLINE": "1"}])
def test_without_a_network_one_sentence_names_the_ways_out_at_once(tmp_path: Path, variables: dict[str, str]) -> None:
    """The test runs in a new process, because the library reads the variables at import."""
    program = (
        "import time\nfrom cnlu.encoder.source import local_directory\nfrom cnlu.errors import UsageError\n"
        "import huggingface_hub\nstart = time.monotonic()\n"
        "try:\n    local_directory('hfl/chinese-macbert-base')\n"
        "except UsageError as error:\n    print(f'{time.monotonic() - start:.2f}', error)\n"
    )
    environment = {**os.environ, "HF_HOME": str(tmp_path), **variables}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    seconds, _, sentence = done.stdout.strip().partition(" ")
    assert "\n" not in sentence
    assert float(seconds) < 3
    reason = "HF_HUB_OFFLINE is set" if "HF_HUB_OFFLINE" in variables else "http://127.0.0.1:9 cannot be reached"
    for part in (
        reason,
        str(tmp_path),
        "bundled encoder zh-mini",
        "mirror in HF_ENDPOINT, such as https://hf-mirror.com",
        "modelscope:OWNER/ID",
        "give its directory",
        "HF_HOME",
        "HF_HUB_CACHE",
    ):
        assert part in sentence


def test_a_mirror_and_another_cache_are_named_by_the_environment(
    tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    program = f"from cnlu.encoder.source import local_directory\nprint(local_directory({NAME!r}))\n"
    with hub_servers.hugging_face(files_of(tiny_encoder("bert"))) as mirror:
        environment = {**os.environ, "HF_ENDPOINT": mirror.address, "HF_HOME": str(tmp_path / "home")}
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    folder = Path(done.stdout.strip())
    assert folder.is_relative_to(tmp_path / "home" / "hub"), done.stderr
    assert {path.name for path in folder.iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}
    assert "model.safetensors" in mirror.requests
    environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert again.stdout == done.stdout  # the cache in HF_HOME serves without the mirror


def test_pickled_weights_are_downloaded_only_without_safetensors() -> None:
    small = ["config.json", "vocab.txt", "tokenizer_config.json"]
    other = ["README.md", "onnx/model.onnx", "tf_model.h5", "1_Pooling/config.json", "training_args.bin"]
    parts = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
    assert files_to_download([*small, *other, "pytorch_model.bin", "model.safetensors"]) == [
        *small,
        "model.safetensors",
    ]
    assert files_to_download([*small, *other, *parts, "pytorch_model.bin"]) == [*small, *parts]
    assert files_to_download([*small, *other, "pytorch_model.bin"]) == [*small, "pytorch_model.bin"]
