"""Metrics never stop the server, and their files are removed."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.places import PYTHONPATH
from tests.server.running import PATIENCE, Server, wait_until


def get(server: Server, path: str) -> httpx.Response:
    return httpx.get(server.url + path, trust_env=False, timeout=PATIENCE)


def parses(server: Server) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.post(server.url + "/parse", json={"text": "你好"}, trust_env=False).status_code == 200
    return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True)
    if done.returncode:
        pytest.skip("no file system can be mounted here: that takes root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_temporary_folder_does_not_stop_the_server(small_disk: Path, tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    one = serve(tiny_model, TMPDIR=str(small_disk))
    (worker,) = one.workers()
    with contextlib.suppress(OSError), (small_disk / "full").open("wb", buffering=0) as full:
        while True:
            full.write(bytes(4096))
    for path in ("/", "/docs", "/openapi.json", "/labels", "/parse", "/annotate", "/nowhere", "/health"):
        for method in ("GET", "POST", "PUT"):
            httpx.request(method, one.url + path, trust_env=False, timeout=PATIENCE)
    assert parses(one)
    assert 'cnlu_requests_total{route="/parse",status="200"} 1.0' in get(one, "/metrics").text
    assert one.workers() == [worker]


@pytest.fixture
def no_room(tmp_path: Path) -> Path:
    """A folder of modules that limits every process to files of 4 KiB."""
    (tmp_path / "site").mkdir()
    code = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(code, "utf-8")
    return tmp_path / "site"


def test_without_disk_space_the_server_runs_without_metrics_and_says_so(no_room: Path, tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    one = serve(tiny_model, path=no_room)
    assert "serving without metrics" in one.log
    assert parses(one)
    refused = get(one, "/metrics")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no_figures")


@pytest.mark.slow
def test_after_a_bus_error_the_next_worker_has_no_metrics(tiny_model: Path, serve) -> None:  # type: ignore[no-untyped-def]
    one = serve(tiny_model)
    os.kill(one.workers()[0], signal.SIGBUS)
    one.wait_for("serving without metrics")
    wait_until(lambda: parses(one))
    assert get(one, "/metrics").status_code == 503


@pytest.mark.slow
def test_the_sums_of_a_dead_worker_are_kept_and_its_files_deleted(tiny_model: Path, tmp_path: Path, serve) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "temporary").mkdir()
    one = serve(tiny_model, TMPDIR=str(tmp_path / "temporary"))
    for expected in (3, 6):
        assert all(parses(one) for _ in range(3))
        figures = get(one, "/metrics").text
        assert f'cnlu_requests_total{{route="/parse",status="200"}} {expected}.0' in figures
        assert f'cnlu_request_seconds_count{{route="/parse"}} {expected}.0' in figures
        (worker,) = one.workers()
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda worker=worker: one.workers() not in ([], [worker]) and get(one, "/health"))
    assert (
        len(list((tmp_path / "temporary").glob("*/*"))) == 5
    )  # two files with the sums of dead workers and three of the worker that runs


HOLD = """
import sys
from cnlu.server.metric_files import metrics_folder
with metrics_folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holding(place: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that holds a metrics folder as a server does, and the folder."""
    env = {**os.environ, "TMPDIR": str(place), "PYTHONPATH": PYTHONPATH}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())


def test_leftovers_of_a_killed_server_are_removed_at_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "cnlu-metrics-file").write_text("somebody's")
    (tmp_path / "cnlu-metrics-link").symlink_to(tmp_path)
    with holding(tmp_path) as (living, kept):
        with holding(tmp_path) as (killed, left):
            assert stat.S_IMODE(left.stat().st_mode) == 0o700
            killed.kill()
        assert left.exists()
        with holding(tmp_path) as (_, last):
            assert last.exists() and kept.exists() and not left.exists()
        assert not last.exists()
        assert living.poll() is None
    assert {path.name for path in tmp_path.iterdir()} == {"cnlu-metrics-file", "cnlu-metrics-link"}


FILL = """
import os, sys
from http import HTTPStatus
from cnlu.server.metric_files import reserve_metric_files
reserve_metric_files()
from cnlu.server.metrics import Metrics
metrics = Metrics()
for route in sys.argv[1:]:
    metrics.seconds.labels(route).observe(1)
    for status in HTTPStatus:
        metrics.requests.labels(route, int(status)).inc()
"""


def test_all_routes_and_statuses_fit_into_what_was_reserved(server: Server, tmp_path: Path) -> None:
    from cnlu.server.metric_files import FOLDER, RESERVED

    routes = [
        *server.client.get("/openapi.json").json()["paths"],
        "/",
        "/docs",
        "/openapi.json",
        "other",
        "/playground/app.js",
        "/playground/style.css",
        "/playground/icon.svg",
    ]
    env = {**os.environ, FOLDER: str(tmp_path), "PYTHONPATH": PYTHONPATH}
    subprocess.run([sys.executable, "-c", FILL, *routes], env=env, check=True)
    assert {path.stat().st_size for path in tmp_path.glob("*.db")} == {RESERVED}
