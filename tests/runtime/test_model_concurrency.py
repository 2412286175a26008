"""Readers and writers of one model directory at the same time."""

from __future__ import annotations

import errno
import os
from multiprocessing import Queue, get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from cnlu.errors import ModelError, UsageError
from cnlu.io import atomic_directory, open_directory
from cnlu.runtime import model_dir
from cnlu.runtime.model_dir import MANIFEST, check_out, read_model_dir, write_model_dir
from tests.runtime.model_contents import NEW, OLD, siblings


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model_dir(tmp_path / "model", OLD, {"scheme": "BIO"})
    return tmp_path / "model"


def test_a_directory_moved_aside_is_read_if_the_parent_is_read_only(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.rename(model, atomic_directory.aside(model))

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "rename", read_only)
    assert read_model_dir(model).files == OLD
    assert not model.exists()


def test_a_directory_moved_aside_counts_as_existing(model: Path) -> None:
    os.rename(model, atomic_directory.aside(model))
    with pytest.raises(UsageError, match="exists already"):
        check_out(model)


def test_a_reader_between_the_two_renames_does_not_stop_the_writer(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, met = os.rename, []

    def rename_and_read(source: Path, target: Path) -> None:
        rename(source, target)
        if target == atomic_directory.aside(model) and not met:
            met.append(read_model_dir(model).files)

    monkeypatch.setattr(os, "rename", rename_and_read)
    write_model_dir(model, NEW, {}, force=True)
    assert met == [OLD]
    assert read_model_dir(model).files == NEW
    assert siblings(model) == ["model"]


def test_a_model_replaced_while_read_is_read_again(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, replaced = model_dir._opened, []

    def replace_then_read(*arguments):  # type: ignore[no-untyped-def]
        if not replaced:
            replaced.append(True)
            write_model_dir(model, NEW, {}, force=True)
        return opened(*arguments)

    monkeypatch.setattr(model_dir, "_opened", replace_then_read)
    assert read_model_dir(model).files == NEW


def test_a_model_replaced_ten_times_while_read_is_read_again(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, replaced = open_directory.Folder.open, []

    def replace_then_open(self, name):  # type: ignore[no-untyped-def]
        if name != MANIFEST and len(replaced) < 10:
            replaced.append(True)
            write_model_dir(model, NEW, {}, force=True)
        return opened(self, name)

    monkeypatch.setattr(open_directory.Folder, "open", replace_then_open)
    assert read_model_dir(model).files == NEW


def test_a_reader_renames_nothing(model: Path) -> None:
    """It cannot tell a kill from a writer that is between its two renames."""
    os.rename(model, atomic_directory.aside(model))
    assert read_model_dir(model).files == OLD
    assert siblings(model) == [".model.old"]
    write_model_dir(model, NEW, {}, force=True)
    assert siblings(model) == ["model"]


def test_another_writers_fresh_temporary_directory_is_left_alone(model: Path) -> None:
    other = model.with_name(".model.tmp-beef")
    other.mkdir()
    write_model_dir(model, NEW, {}, force=True)
    assert other.exists()


def test_a_directory_is_read_on_systems_without_directory_handles(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_directory, "_BY_HANDLE", False)
    assert read_model_dir(model).files == OLD
    test_a_model_replaced_while_read_is_read_again(model, monkeypatch)
    with pytest.raises(ModelError, match="is a file"):
        read_model_dir(model / "model.onnx")
    with pytest.raises(ModelError, match="no such directory"):
        read_model_dir(model / "nowhere")


def _replace_until_stopped(path: Path, stop: Event, failures: Queue[list[str]]) -> None:
    errors, number = [], 0
    os.fsync = lambda _: None  # type: ignore[assignment]  # so that it happens often
    while not stop.is_set():
        number += 1
        try:
            write_model_dir(path, _numbered(number), {}, force=True)
        except (ModelError, UsageError) as error:
            errors.append(str(error))
    failures.put(errors)


def _numbered(number: int) -> dict[str, bytes]:
    return {f"file{k}": b"%d" % number * 9_999 for k in range(8)}


@pytest.mark.parametrize("loads", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_readers_and_writers_of_one_directory_do_not_disturb_each_other(tmp_path: Path, loads: int) -> None:
    path, processes = tmp_path / "model", get_context("spawn")
    write_model_dir(path, _numbered(0), {})
    stop, failures = processes.Event(), processes.Queue()
    writers = [processes.Process(target=_replace_until_stopped, args=(path, stop, failures)) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        seen, done = set(), 0
        while done < loads or len(seen) < 5:
            done += 1
            contents = set(read_model_dir(path).files.values())
            assert len(contents) == 1  # all files of one and the same model
            seen |= contents
    finally:
        stop.set()
        errors = [failures.get(timeout=60) for _ in writers]
        for writer in writers:
            writer.join()
    assert errors == [[], []]
    assert siblings(path) == ["model"]


def test_a_second_writer_without_a_lock_gets_an_error(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def taken(source: Path, target: Path) -> None:
        if target == atomic_directory.aside(model):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        rename(source, target)

    monkeypatch.setattr(os, "rename", taken)
    with pytest.raises(ModelError, match="another program replaces the model at the same time; try again"):
        write_model_dir(model, NEW, {}, force=True)
    assert read_model_dir(model).files == OLD and siblings(model) == ["model"]


def test_a_lock_that_another_process_holds_delays_only_writers(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="this system locks no directories")
    monkeypatch.setattr(atomic_directory, "_LOCK_TIMEOUT", 0.05)
    handle = os.open(model.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        write_model_dir(model, NEW, {}, force=True)
    finally:
        os.close(handle)
    assert read_model_dir(model).files == NEW
