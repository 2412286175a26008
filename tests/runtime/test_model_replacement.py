"""Replacing a model directory: force, full disks, interrupts and kills at any point."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from cnlu.errors import ModelError, UsageError
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
