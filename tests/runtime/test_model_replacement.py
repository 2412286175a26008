"""Replacing a model directory: force, full disks, kills at any point, readers and writers at the same time."""

from __future__ import annotations

import errno
import os
import sys
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


def test_existing_path_is_refused_without_force(model: Path) -> None:
    for refuse in (lambda: check_out(model), lambda: write_model_dir(model, NEW, {})):
        with pytest.raises(UsageError, match="exists already.*--force"):
            refuse()
    assert read_model_dir(model).files == OLD


def test_force_replaces_the_model_and_leaves_nothing_beside_it(model: Path) -> None:
    write_model_dir(model, NEW, {}, force=True)
    assert read_model_dir(model).files == NEW
    assert sorted(os.listdir(model)) == sorted([*NEW, MANIFEST])
    assert siblings(model) == ["model"]


def test_force_replaces_a_damaged_model_and_an_empty_directory(model: Path) -> None:
    (model / "model.onnx").unlink()
    write_model_dir(model, NEW, {}, force=True)
    (model.parent / "empty").mkdir()
    write_model_dir(model.parent / "empty", NEW, {}, force=True)
    assert read_model_dir(model).files == read_model_dir(model.parent / "empty").files == NEW


def test_force_never_replaces_anything_but_a_model(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / MANIFEST).write_text('{"name": "a web app"}')
    with pytest.raises(UsageError, match="not a model directory"):
        check_out(tmp_path / "work", force=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file"):
        check_out(tmp_path / "file", force=True)
    with pytest.raises(UsageError, match="root of the file system"):
        check_out("/", force=True)


def test_the_working_directory_is_not_replaced(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model)
    with pytest.raises(UsageError, match="working directory"):
        check_out(".", force=True)


def test_a_link_is_kept_and_its_target_replaced(model: Path) -> None:
    link = model.parent / "current"
    link.symlink_to(model)
    write_model_dir(link, NEW, {}, force=True)
    assert link.is_symlink()
    assert read_model_dir(link).files == read_model_dir(model).files == NEW


def test_unwritable_parent_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        check_out(tmp_path / "file" / "model")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with pytest.raises(UsageError, match=r"Read-only file system.*another --out"):
        check_out(tmp_path / "model")


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_out(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", ["write", "rename"])
@pytest.mark.parametrize("existing", [False, True])
def test_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, existing: bool) -> None:
    path = tmp_path / "model"
    if existing:
        write_model_dir(path, OLD, {})
    rename = os.rename

    def fail(*arguments: object) -> None:
        if call == "rename" and arguments[1] != path:
            return rename(*arguments)  # type: ignore[arg-type]
        if call == "rename" and ".old" in str(arguments[0]):
            return rename(*arguments)  # type: ignore[arg-type]
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync" if call == "write" else "rename", fail)
    with pytest.raises(ModelError, match="could not be written.*No space left.*nothing was changed"):
        write_model_dir(path, NEW, {}, force=True)
    monkeypatch.undo()
    assert siblings(path) == (["model"] if existing else [])
    assert not existing or read_model_dir(path).files == OLD


def test_interrupt_while_writing_changes_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_model_dir(model, NEW, {}, force=True)
    assert siblings(model) == ["model"]
    assert read_model_dir(model).files == OLD


def _killed_at_line(path: Path, line: int) -> bool:
    """Replaces the model in a child process that dies before the n-th line of the writing code.

    Lines run by shutil count too (deletion happens in steps); those of checking and hashing do not.
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    seen = 0

    def trace(frame, event, _):  # type: ignore[no-untyped-def]
        nonlocal seen
        if frame.f_code.co_filename.endswith(("atomic_directory.py", "shutil.py")):
            seen += event == "line"
            if seen > line:
                os._exit(9)
            return trace
        return None

    try:
        sys.settrace(trace)
        write_model_dir(path, NEW, {}, force=True)
        os._exit(0)
    finally:
        os._exit(1)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork to kill a writer")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_kill_at_any_line_leaves_the_old_or_the_new_model_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # durability cannot be seen here, only time would pass
    line, seen = 0, set()
    while True:
        path = tmp_path / str(line) / "model"
        write_model_dir(path, OLD, {})
        killed = _killed_at_line(path, line)
        seen.add("in place" if path.exists() else "aside")
        read = read_model_dir(path).files
        assert read in (OLD, NEW), f"killed at line {line}"
        seen.add("new" if read == NEW else "old")
        for leftover in path.parent.iterdir():
            os.utime(leftover, (0, 0))
        write_model_dir(path, NEW, {}, force=True)
        assert read_model_dir(path).files == NEW
        assert siblings(path) == ["model"]
        if not killed:
            break
        line += 1
    assert seen == {"in place", "aside", "old", "new"}


def test_the_one_aside_is_read_where_the_parent_is_read_only(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.rename(model, atomic_directory.aside(model))

    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "rename", read_only)
    assert read_model_dir(model).files == OLD
    assert not model.exists()


def test_the_one_aside_counts_as_existing(model: Path) -> None:
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


def test_where_files_cannot_be_opened_by_a_handle_the_directory_is_read_all_the_same(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_directory, "_BY_HANDLE", False)
    assert read_model_dir(model).files == OLD
    test_a_model_replaced_while_read_is_read_again(model, monkeypatch)
    with pytest.raises(ModelError, match="is a file"):
        read_model_dir(model / "model.onnx")
    with pytest.raises(ModelError, match="no such directory"):
        read_model_dir(model / "nowhere")


def _replace_without_end(path: Path, stop: Event, told: Queue[list[str]]) -> None:
    said, number = [], 0
    os.fsync = lambda _: None  # type: ignore[assignment]  # so that it happens often
    while not stop.is_set():
        number += 1
        try:
            write_model_dir(path, _numbered(number), {}, force=True)
        except (ModelError, UsageError) as error:
            said.append(str(error))
    told.put(said)


def _numbered(number: int) -> dict[str, bytes]:
    return {f"file{k}": b"%d" % number * 9_999 for k in range(8)}


@pytest.mark.parametrize("loads", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_readers_and_writers_of_one_directory_do_not_disturb_each_other(tmp_path: Path, loads: int) -> None:
    path, processes = tmp_path / "model", get_context("spawn")
    write_model_dir(path, _numbered(0), {})
    stop, told = processes.Event(), processes.Queue()
    writers = [processes.Process(target=_replace_without_end, args=(path, stop, told)) for _ in range(2)]
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
        said = [told.get(timeout=60) for _ in writers]
        for writer in writers:
            writer.join()
    assert said == [[], []]
    assert siblings(path) == ["model"]


def test_a_writer_that_meets_another_without_a_lock_is_told_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def taken(source: Path, target: Path) -> None:
        if target == atomic_directory.aside(model):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        rename(source, target)

    monkeypatch.setattr(os, "rename", taken)
    with pytest.raises(ModelError, match="another program replaces the model at the same time; try again"):
        write_model_dir(model, NEW, {}, force=True)
    assert read_model_dir(model).files == OLD and siblings(model) == ["model"]


def test_a_lock_that_somebody_keeps_delays_a_writer_only(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="this system locks no directories")
    monkeypatch.setattr(atomic_directory, "_LOCK_TIMEOUT", 0.05)
    handle = os.open(model.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        write_model_dir(model, NEW, {}, force=True)
    finally:
        os.close(handle)
    assert read_model_dir(model).files == NEW
