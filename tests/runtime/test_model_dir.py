"""The model directory: verified reading, whole writing, recovery after a kill at any point."""

from __future__ import annotations

import errno
import json
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

OLD = {"model.onnx": b"old weights" * 50, "labels.json": b'["O"]'}
NEW = {"model.onnx": b"new weights" * 70, "words.txt": "词\n".encode()}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model_dir(tmp_path / "model", OLD, {"scheme": "BIO"})
    return tmp_path / "model"


def _siblings(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


def _rewrite_manifest(path: Path, **changes: object) -> None:
    manifest = json.loads((path / MANIFEST).read_text())
    manifest.update(changes)
    manifest["sha256"] = model_dir._seal({key: value for key, value in manifest.items() if key != "sha256"})
    (path / MANIFEST).write_text(json.dumps(manifest))


def test_reading_gives_back_what_was_written(model: Path) -> None:
    read = read_model_dir(model)
    assert read.files == OLD
    assert read.manifest["scheme"] == "BIO"
    assert read.manifest["format"] == model_dir.FORMAT


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, files in (("a", OLD), ("b", dict(reversed(OLD.items())))):
        write_model_dir(tmp_path / name, files, {"x": {2: (1, 2), 10: 0.1}})
    assert (tmp_path / "a" / MANIFEST).read_bytes() == (tmp_path / "b" / MANIFEST).read_bytes()
    assert read_model_dir(tmp_path / "a").manifest["x"] == {"2": [1, 2], "10": 0.1}


def test_missing_parents_are_made(tmp_path: Path) -> None:
    write_model_dir(tmp_path / "bots" / "rail" / "model", OLD, {})
    assert read_model_dir(tmp_path / "bots" / "rail" / "model").files == OLD


def test_extra_files_are_left_alone(model: Path) -> None:
    (model / "notes.txt").write_text("mine")
    assert "notes.txt" not in read_model_dir(model).files


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_unreadable_manifest_is_named(model: Path, content: bytes) -> None:
    (model / MANIFEST).write_bytes(content)
    with pytest.raises(ModelError, match=r"manifest\.json: is damaged"):
        read_model_dir(model)


@pytest.mark.parametrize("content", ["[]", "3", "null", '{"format": "1"}', '{"name": "web app"}'])
def test_another_programs_manifest_is_refused(model: Path, content: str) -> None:
    (model / MANIFEST).write_text(content)
    with pytest.raises(ModelError, match="not a cnlu model's manifest"):
        read_model_dir(model)


def test_missing_directory_file_or_foreign_directory_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such directory"):
        read_model_dir(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="not a model directory"):
        read_model_dir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="is a file"):
        read_model_dir(tmp_path / "file")


def test_newer_format_asks_for_an_upgrade(model: Path) -> None:
    _rewrite_manifest(model, format=model_dir.FORMAT + 1, files="whatever a later format keeps here")
    with pytest.raises(ModelError, match="made by a newer cnlu.*upgrade"):
        read_model_dir(model)


def test_a_model_of_an_older_format_is_never_read_as_if_it_were_of_this_one(model: Path) -> None:
    _rewrite_manifest(model, format=model_dir.FORMAT - 1)
    with pytest.raises(ModelError, match=r"made by an older cnlu \(format 2.*train the model again"):
        read_model_dir(model)


def test_missing_truncated_and_tampered_files_are_named(model: Path) -> None:
    file = model / "model.onnx"
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    with pytest.raises(ModelError, match=r"model\.onnx: is truncated"):
        read_model_dir(model)
    file.write_bytes(b"N" + content[1:])
    with pytest.raises(ModelError, match=r"model\.onnx: is damaged or was changed"):
        read_model_dir(model)
    file.unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: is missing"):
        read_model_dir(model)
    file.mkdir()
    with pytest.raises(ModelError, match=r"model\.onnx: cannot be read"):
        read_model_dir(model)


def test_altered_setting_in_the_manifest_is_noticed(model: Path) -> None:
    file = model / MANIFEST
    file.write_text(file.read_text().replace('"BIO"', '"BIL"'))
    with pytest.raises(ModelError, match="is damaged"):
        read_model_dir(model)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", "C:x", "a\\b", ".hidden", ""])
def test_names_cannot_lead_out_of_the_directory(model: Path, name: str) -> None:
    (model.parent / "secret").write_bytes(b"secret")
    _rewrite_manifest(model, files={name: model_dir._fingerprint(b"secret")})
    with pytest.raises(ModelError, match="outside the model directory"):
        read_model_dir(model)
    with pytest.raises(ValueError, match="not usable"):
        write_model_dir(model, {name: b""}, {}, force=True)


def test_existing_path_is_refused_without_force(model: Path) -> None:
    for refuse in (lambda: check_out(model), lambda: write_model_dir(model, NEW, {})):
        with pytest.raises(UsageError, match="exists already.*--force"):
            refuse()
    assert read_model_dir(model).files == OLD


def test_force_replaces_the_model_and_leaves_nothing_beside_it(model: Path) -> None:
    write_model_dir(model, NEW, {}, force=True)
    assert read_model_dir(model).files == NEW
    assert sorted(os.listdir(model)) == sorted([*NEW, MANIFEST])
    assert _siblings(model) == ["model"]


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
    assert _siblings(path) == (["model"] if existing else [])
    assert not existing or read_model_dir(path).files == OLD


def test_interrupt_while_writing_changes_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_model_dir(model, NEW, {}, force=True)
    assert _siblings(model) == ["model"]
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
        assert _siblings(path) == ["model"]
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
    assert _siblings(model) == ["model"]


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
    assert _siblings(model) == [".model.old"]
    write_model_dir(model, NEW, {}, force=True)
    assert _siblings(model) == ["model"]


def test_another_writers_fresh_temporary_directory_is_left_alone(model: Path) -> None:
    other = model.with_name(".model.tmp-beef")
    other.mkdir()
    write_model_dir(model, NEW, {}, force=True)
    assert other.exists()


@pytest.mark.parametrize("listed", [False, True])
def test_a_link_in_the_directory_is_not_followed(model: Path, listed: bool) -> None:
    """Not even where the bytes behind it are the listed ones."""
    name = "model.onnx" if listed else MANIFEST
    (model / name).rename(model.parent / "elsewhere")
    (model / name).symlink_to(model.parent / "elsewhere")
    with pytest.raises(ModelError, match="is a symbolic link, which cnlu does not follow"):
        read_model_dir(model)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["model.onnx", MANIFEST])
def test_a_pipe_in_the_directory_is_not_waited_for(model: Path, name: str) -> None:
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(ModelError, match=f"{name}: cannot be read .it is no regular file"):
        read_model_dir(model)


def test_what_lies_beyond_the_listed_size_is_not_read(model: Path) -> None:
    with open(model / "model.onnx", "r+b") as file:
        file.truncate(1 << 40)  # a terabyte that takes no room on the disk
    with pytest.raises(ModelError, match=r"model\.onnx: is damaged"):
        read_model_dir(model)


@pytest.mark.parametrize(
    "files",
    [
        {"model.onnx": {"sha256": "", "size": 1 << 33}},
        {f"f{i}": {"sha256": "", "size": 0} for i in range(100)},
        {name: {"sha256": "", "size": 3 << 30} for name in ("a", "b")},
    ],
)
def test_a_manifest_beyond_measure_is_refused_before_any_file_is_opened(model: Path, files: dict[str, object]) -> None:
    _rewrite_manifest(model, files=files)
    with pytest.raises(ModelError, match="lists more than 64 files or 4 GB"):
        read_model_dir(model)
    os.truncate(model / MANIFEST, 1 << 40)
    with pytest.raises(ModelError, match="larger than 1 MB"):
        read_model_dir(model)


@pytest.mark.parametrize("size", [None, -1, 1.5, "9"])
def test_a_size_that_is_none_is_damage(model: Path, size: object) -> None:
    _rewrite_manifest(model, files={"model.onnx": {"sha256": "", "size": size}})
    with pytest.raises(ModelError, match="is damaged"):
        read_model_dir(model)


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
    assert _siblings(path) == ["model"]


def test_a_writer_that_meets_another_without_a_lock_is_told_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = os.rename

    def taken(source: Path, target: Path) -> None:
        if target == atomic_directory.aside(model):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        rename(source, target)

    monkeypatch.setattr(os, "rename", taken)
    with pytest.raises(ModelError, match="another program replaces the model at the same time; try again"):
        write_model_dir(model, NEW, {}, force=True)
    assert read_model_dir(model).files == OLD and _siblings(model) == ["model"]


def test_a_lock_that_somebody_keeps_delays_a_writer_only(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="this system locks no directories")
    monkeypatch.setattr(atomic_directory, "_PATIENCE", 0.05)
    handle = os.open(model.parent, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        write_model_dir(model, NEW, {}, force=True)
    finally:
        os.close(handle)
    assert read_model_dir(model).files == NEW
