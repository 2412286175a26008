"""Reading and sampling sentences without annotations."""

from __future__ import annotations

import gzip
import lzma
from collections import Counter
from pathlib import Path

import pytest

from cnlu.data.unlabelled import read_texts
from cnlu.errors import DataError


def read(*paths: Path, most: int = 1000, seed: int = 1) -> list[str]:
    return read_texts(paths, most, seed, [])


def write(path: Path, *lines: str) -> Path:
    content = "\n".join(lines).encode()
    packed = {".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, lambda plain: plain)(content)
    path.write_bytes(packed)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "a.txt.xz", "A.TXT"])
def test_a_text_file_has_one_text_per_line(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "\ufeff去北京", "", "  　", " 退票\r", "去北京", "一\u2028二")
    assert sorted(read(path)) == sorted(["去北京", "退票", "一\u2028二"])


def test_only_the_texts_of_examples_are_read_and_a_note_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"text": "去北京", "intent": "go"}', '{"text": " "}', '{"text": "你好"}')
    notes: list[str] = []
    assert sorted(read_texts([path], 10, 1, notes)) == ["你好", "去北京"]
    assert notes == [f"{path}: only its texts are used, not its annotations."]


def test_the_sample_depends_only_on_the_texts_and_the_seed(tmp_path: Path) -> None:
    texts = [f"第{i}句" for i in range(300)]
    first, second = write(tmp_path / "one.txt", *texts), write(tmp_path / "other.txt", *reversed(texts + texts[:50]))
    assert read(first, most=40) == read(second, most=40) == read(first, second, most=40)
    assert read(first, most=40) != read(first, most=40, seed=2)
    assert read(first, most=40) == read(first, most=300)[:40]


def test_repeats_do_not_make_a_text_likelier_to_be_sampled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", *["常见"] * 500, *(f"少见{i}" for i in range(9)))
    drawn = Counter(text for seed in range(400) for text in read(path, most=3, seed=seed))
    assert len(drawn) == 10 and sum(drawn.values()) == 1200
    assert all(80 < count < 165 for count in drawn.values())


def test_a_note_says_how_many_texts_are_sampled(tmp_path: Path) -> None:
    notes: list[str] = []
    read_texts([write(tmp_path / "a.txt", "一", "二", "三")], 2, 1, notes)
    assert notes == ["2 of the files' 3 texts (repeats included) are sampled."]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"\n \n", "there is no text"),
        ("a.txt", "一\n".encode() + b"\xc4\xe3", "a.txt:2: the line is not valid UTF-8"),
        ("a.txt.gz", gzip.compress("一".encode() * 999, mtime=0)[:-9], "cannot be read .*damaged"),
        ("a.txt.xz", b"no xz at all", "cannot be read .*damaged"),
        ("a.doc", b"", "files of this type are not read"),
    ],
)
def test_invalid_files_are_refused(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=expected) as caught:
        read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_the_error_about_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing.txt: there is no such file"):
        read(tmp_path / "missing.txt")
