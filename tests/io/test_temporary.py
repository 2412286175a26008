"""Temporary files and folders hold users' texts: only their owner can read them, and leftovers are deleted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from cnlu.io.temporary import scratch_folder
from cnlu.io.text_files import STALE_AFTER, write_bytes

KILLED = """
import os, signal
from cnlu.io.temporary import scratch_folder
with scratch_folder() as folder:
    (folder / "examples.yml").write_text("secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary directory during the test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_the_folder_of_a_killed_process_is_deleted_when_the_next_is_created(place: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(place)})
    assert ended.returncode == -signal.SIGKILL
    (leftover,) = place.iterdir()
    with scratch_folder() as folder:
        assert list(place.iterdir()) == [folder]
        assert folder != leftover
        assert folder.stat().st_mode & 0o077 == 0
    assert not list(place.iterdir())


def test_a_folder_in_use_is_not_deleted(place: Path) -> None:
    with scratch_folder() as first, scratch_folder() as second:
        assert first.is_dir() and second.is_dir()


def test_writing_deletes_old_temporary_files_but_not_those_of_a_current_writer(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in (".a.yml.17-ab.tmp", ".a.yml.18-ab.tmp", ".b.yml.17-ab.tmp"))
    for leftover in (old, young, other):
        leftover.write_text("x")
    long_ago = time.time() - STALE_AFTER - 10
    os.utime(old, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    write_bytes(tmp_path / "a.yml", b"new")
    assert {path.name for path in tmp_path.iterdir()} == {"a.yml", young.name, other.name}


def test_a_file_keeps_its_permissions_and_a_new_one_follows_the_umask(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("x")
    old.chmod(0o604)
    before = os.umask(0o027)
    try:
        write_bytes(old, b"y")
        write_bytes(tmp_path / "new", b"y")
    finally:
        os.umask(before)
    assert old.stat().st_mode & 0o777 == 0o604
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640
