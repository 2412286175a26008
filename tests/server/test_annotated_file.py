"""Caching the content of an annotated file loses nothing, whatever the file contains."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.rasa_yaml import read_yaml_text
from cnlu.data.schema import Example, NluData
from cnlu.errors import CnluError
from cnlu.server import annotate, annotated_text
from cnlu.server.annotate import AlreadyAnnotated, AnnotatedFile, DiskFull, append_example, check_file
from cnlu.server.corrections import Corrections
from cnlu.server.responses import ApiError
from tests.places import PYTHONPATH
from tests.server.annotations import EXISTING, example, read

PARTS = st.sampled_from(
    ["你好", "明天", "去", "a", "Z9", "\\u4f60", "\\", "# x", "- ", ": ", "😀", "'", '"', "|", " ", "\t"]
)
TEXTS = st.lists(PARTS, min_size=1, max_size=4).map("".join)
NAMES = st.sampled_from(["greet", "thanks", "book_ticket", "new", "yes", "faq/a"])
HEAD = "nlu:\n- intent: greet\n"
THANKS = "- intent: thanks\n  examples:"
LAYOUTS = [
    EXISTING,
    EXISTING.rstrip("\n"),
    EXISTING.replace("\n", "\r\n"),
    "",
    HEAD + "  examples: |-\n    - hi\n",
    HEAD + "  examples: |\n    - \\u4f60\n",
    HEAD + "  examples: |\n    - a\\b\n\n\n",
    HEAD + "  examples: |\n    - 好\n    # - 注\n     - 深\n" + THANKS + " >\n    - 谢谢\n",
    HEAD + "  metadata: {a: 1}\n  examples: |\n    - 你好\n" + THANKS + "\n  - text: |\n      - x\n",
    HEAD + "  examples: '- hi'\n" + THANKS + " \"- x\\n- y\"\n- intent: yes\n  examples: '- a\n\n    - b'\n",
    "nlu:\n- {intent: greet, examples: '- hi'}\n" + THANKS + "\n    |\n    - x\n",
]


@given(st.sampled_from(LAYOUTS), st.lists(st.tuples(TEXTS, NAMES), min_size=1, max_size=12), st.integers(1, 5))
def test_any_added_example_is_read_back_with_all_earlier_ones(
    layout: str, added: list[tuple[str, str]], together: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nlu.yml"
        path.write_bytes(layout.encode())
        expected = read(path) if layout else []
        file, examples = AnnotatedFile(path), [example(text, intent) for text, intent in added]
        for start in range(0, len(examples), together):
            part = examples[start : start + together]
            expected += [one for one, outcome in zip(part, file.add(part), strict=True) if outcome is None]
        found = read(path) if expected else []
    assert sorted(map(repr, map(plain, found))) == sorted(map(repr, map(plain, expected)))


def plain(one: Example) -> tuple[object, ...]:
    return one.text, one.intent, one.entities, one.metadata


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(EXISTING, encoding="utf-8")
    file, readings = AnnotatedFile(path), []

    def counted(text: str, *given: Any) -> NluData:
        readings.append(len(text))
        return read_yaml_text(text, *given)

    monkeypatch.setattr(annotated_text, "read_yaml_text", counted)
    for number in range(10):
        assert file.add([example(f"嗨{number}"), example(f"喂{number}", "book_ticket")]) == [None, None]
    assert len(readings) == 1
    path.write_text(path.read_text("utf-8").replace("嗨3", "手改的"), encoding="utf-8")
    assert isinstance(file.add([example("手改的")])[0], AlreadyAnnotated)
    assert len(readings) == 2


def test_changes_by_others_between_two_corrections_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    mine, yours = AnnotatedFile(path), AnnotatedFile(path)
    for number in range(4):
        assert mine.add([example(f"我{number}")]) == [None]
        assert yours.add([example(f"你{number}", f"intent_{number}")]) == [None]
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(f"- intent: by_hand_{number}\n  examples: |\n    - 手写{number}\n")
    expected = [f"{who}{number}" for number in range(4) for who in ("我", "你", "手写")]
    assert sorted(one.text for one in read(path)) == sorted(expected)


def test_a_byte_order_mark_is_preserved(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(EXISTING, encoding="utf-8-sig")
    append_example(path, example("嗨"))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf# ")


KILLED = """
import os, signal, sys
from pathlib import Path
from cnlu.data.schema import Example
from cnlu.server.annotate import append_example
os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
append_example(Path(sys.argv[1]), Example("这句话是秘密", "greet"))
"""


def test_leftovers_of_a_killed_writer_are_private_and_removed_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(EXISTING, encoding="utf-8")
    path.chmod(0o600)
    subprocess.run([sys.executable, "-c", KILLED, str(path)], env={**os.environ, "PYTHONPATH": PYTHONPATH})
    (left,) = [one for one in tmp_path.iterdir() if one != path and one.stat().st_size]
    assert left.stat().st_mode & 0o077 == 0
    check_file(path)
    assert {one.name for one in tmp_path.iterdir()} == {"nlu.yml", ".nlu.yml.lock"}
    assert path.read_text("utf-8") == EXISTING


def test_a_lock_that_is_never_released_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotate, "LOCK_TIMEOUT", 0.05)
    path = tmp_path / "nlu.yml"
    with open(tmp_path / ".nlu.yml.lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(CnluError, match="has locked it"):
            append_example(path, example("嗨"))


def test_corrections_beyond_the_queue_are_refused_and_the_others_saved(tmp_path: Path) -> None:
    async def storm() -> list[object]:
        corrections = Corrections(AnnotatedFile(tmp_path / "nlu.yml"), max_queued=5)
        return await asyncio.gather(
            *(corrections.save(example(f"第{number}句")) for number in range(8)), return_exceptions=True
        )

    with ThreadPoolExecutor(1) as thread:  # where no other test's browser has left an event loop running
        outcomes = thread.submit(asyncio.run, storm()).result()
    assert outcomes[:5] == [None] * 5
    refused = [(one.status, one.headers) for one in outcomes[5:] if isinstance(one, ApiError)]
    assert refused == [(503, {"Retry-After": "1"})] * 3
    assert len(read(tmp_path / "nlu.yml")) == 5


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_a_full_disk_is_reported_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "nlu.yml"
    file = AnnotatedFile(path)
    assert file.add([example("你好")]) == [None]
    before, real = path.read_bytes(), os.fsync

    def full(handle: int) -> None:
        with open("/dev/full", "w") as stream:
            stream.write("x")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        file.add([example("嗨"), example("喂", "other")])
    assert path.read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"nlu.yml", ".nlu.yml.lock"}
    monkeypatch.setattr(os, "fsync", real)
    assert file.add([example("嗨")]) == [None]
    assert [one.text for one in read(path)] == ["你好", "嗨"]


def test_a_file_that_cannot_be_written_now_is_503_and_later_it_works(tiny_model: Path, serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "notes").mkdir()
    path = tmp_path / "notes" / "nlu.yml"
    server = serve(tiny_model, "--annotate", path)
    (tmp_path / "notes").rename(tmp_path / "away")
    answer = server.client.post("/annotate", json={"text": "你好", "intent": "greet"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_saved")
    assert str(path) not in answer.text
    server.wait_for(f"could not be saved: {re.escape(str(path))}")
    (tmp_path / "away").rename(tmp_path / "notes")
    assert server.client.post("/annotate", json={"text": "你好", "intent": "greet"}).json()["saved"]
