"""A model directory replaced while it is served."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import httpx
import pytest

from cnlu.runtime.model_dir import MANIFEST, read_model_dir, write_model_dir
from tests.server.running import PATIENCE, Server, wait_until


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the model that the test may damage."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def name_of(server: Server) -> str:
    return str(server.client.get("/labels").json()["model"])


def write_another(model: Path) -> None:
    """The same model with another manifest, written as `cnlu train --force` writes it."""
    read = read_model_dir(model)
    extra = {key: value for key, value in read.manifest.items() if key not in ("format", "cnlu", "files", "sha256")}
    write_model_dir(model, read.files, {**extra, "retrained": True}, force=True)


def test_a_new_model_takes_over_and_no_request_fails(model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(model)
    before, statuses, done = name_of(server), [], threading.Event()

    def keep_asking() -> None:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE) as client:
            while not done.is_set():
                statuses.append(client.post("/parse", json={"text": "明天去北京"}).status_code)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    write_another(model)
    wait_until(lambda: name_of(server) != before)
    done.set()
    asking.join()
    assert set(statuses) == {200}
    assert f"replaces model {before}" in server.log


def test_a_broken_model_is_refused_once_and_the_old_one_serves(model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(model)
    before, labels = name_of(server), (model / "labels.json").read_bytes()
    (model / "labels.json").write_bytes(b"{}")
    server.wait_for("the new model is refused")
    (model / "notes.txt").write_text("still broken")
    wait_until(lambda: server.client.get("/metrics").text.count('outcome="refused"} 2.0'))
    assert server.log.count("the new model is refused") == 1
    assert "labels.json: is truncated" in server.log
    assert server.client.post("/parse", json={"text": "你好"}).status_code == 200
    (model / "labels.json").write_bytes(labels)
    write_another(model)
    wait_until(lambda: name_of(server) != before)


def test_a_model_whose_directory_is_deleted_keeps_serving(model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(model)
    shutil.rmtree(model)
    server.wait_for("the new model is refused")
    assert server.client.post("/parse", json={"text": "你好"}).status_code == 200


def test_a_model_copied_file_by_file_is_loaded_once_it_is_complete(model: Path, serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    server = serve(model)
    before = name_of(server)
    fresh = Path(shutil.copytree(model, tmp_path / "fresh"))
    write_another(fresh)
    manifest = (fresh / MANIFEST).read_bytes()
    (model / MANIFEST).write_bytes(manifest)
    for file in sorted(fresh.iterdir()):
        shutil.copyfile(file, model / file.name)
    wait_until(lambda: name_of(server) != before)
    assert name_of(server) == json.loads(manifest)["sha256"][:12]


def test_a_request_gets_no_path_of_the_model(model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    server = serve(model)
    for path in ("/health", "/labels", "/metrics", "/openapi.json"):
        assert str(model) not in server.client.get(path).text
