"""The files in which prometheus_client sums the metrics of all workers; they are private and removed with the server.

prometheus_client maps one file per process and metric type into memory. If the disk has no room for a mapped page, the
process dies, so every page is written before a file is used. Where that fails, the server runs without metrics.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import mark_process_dead

from cnlu.io.temporary import locked

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the folder, as prometheus_client reads it; unset without metrics."""

PREFIX = "cnlu-metrics-"
RESERVED = 128 << 10
"""Bytes per file: about four times what all routes with all their statuses need."""

_SUMS = ("counter", "histogram")
_KINDS = (*_SUMS, "gauge_livesum")

_log = logging.getLogger("cnlu.server")


@contextlib.contextmanager
def metrics_folder() -> Iterator[Path | None]:
    """A folder for this server alone, named in the environment; yields None and logs why if it cannot be created."""
    with contextlib.ExitStack() as stack:
        folder = None
        try:
            folder = _locked_folder(stack)
            for kind in _SUMS:
                _reserve(folder / f"{kind}_gone.db")
            os.environ[FOLDER] = str(folder)
        except OSError as error:
            folder = None
            disable_metrics(error.strerror or str(error))
        try:
            yield folder
        finally:
            os.environ.pop(FOLDER, None)


def disable_metrics(reason: str) -> None:
    """Turns metrics off in this process and in those that it starts."""
    _log.warning("serving without metrics, so /metrics answers 503: %s", reason)
    os.environ.pop(FOLDER, None)
    values.ValueClass = values.get_value_class()


def reserve_metric_files() -> None:
    """Creates a worker's own files; call it before the first metric is created."""
    if folder := os.environ.get(FOLDER):
        try:
            for kind in _KINDS:
                _reserve(Path(folder) / f"{kind}_{os.getpid()}.db")
        except OSError as error:
            disable_metrics(f"{folder}: {error.strerror}")
            _remove_files(Path(folder), os.getpid())


def retire_process(pid: int, folder: Path) -> None:
    """Adds a dead worker's sums to those of earlier dead workers and deletes its files and gauges."""
    with contextlib.suppress(OSError, RuntimeError, ValueError, struct.error):  # it may have died while creating a file
        mark_process_dead(pid, str(folder))
        for kind in _SUMS:
            sums = MmapedDict(str(folder / f"{kind}_gone.db"))
            for key, value, time, _ in MmapedDict.read_all_values_from_file(folder / f"{kind}_{pid}.db"):
                sums.write_value(key, sums.read_value(key)[0] + value, time)
            sums.close()
    _remove_files(folder, pid)


def _locked_folder(stack: contextlib.ExitStack) -> Path:
    """A new folder, removed by the stack. Its lock, which ends with the process, shows that its server runs."""
    parent = Path(tempfile.gettempdir())
    _remove_leftovers(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # with mode 0700
        lock = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, lock)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        if locked(lock) and folder.exists():  # otherwise another server has just removed it as a leftover
            return folder


def _remove_leftovers(parent: Path) -> None:
    """Removes this user's folders whose servers were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.geteuid() and locked(descriptor):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _reserve(path: Path) -> None:
    """Fills the file with zeros, so that the disk allocates it. Raises OSError if the disk is full."""
    new = path.with_suffix(".new")  # other processes read every .db file that they find
    with new.open("wb") as file:
        file.write(bytes(RESERVED))
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)


def _remove_files(folder: Path, pid: int) -> None:
    for kind in _KINDS:
        for file in folder.glob(f"{kind}_{pid}.*"):
            with contextlib.suppress(OSError):
                file.unlink()
