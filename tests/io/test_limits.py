"""All input is limited, errors name the limit, and reading takes time proportional to its length."""

from __future__ import annotations

import contextlib
import gzip
import json
import lzma
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from cnlu.data import unlabelled
from cnlu.data.limits import LONGEST_TEXT
from cnlu.data.load import load_data
from cnlu.data.markup import parse_markup
from cnlu.data.unlabelled import read_texts
from cnlu.errors import DataError
from cnlu.io import text_files
from cnlu.io.limits import LONGEST_LINE
from cnlu.runtime.cli import _lines

HEAD = "nlu:\n- intent: a\n  examples: |\n    - 你好\n"


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("nlu.yml", HEAD + "    - " + "长" * LONGEST_LINE),
        ("nlu.jsonl", '{"text": "好"}\n\n\n\n{"text": "' + "长" * LONGEST_LINE + '"}\n{"text": "好"}'),
        ("nlu.yml", HEAD.replace("    - 你好", "    - 你好\n" + "x" * (LONGEST_LINE + 1))),
    ],
)
def test_an_error_names_the_line_that_is_too_long_and_the_limit(tmp_path: Path, name: str, content: str) -> None:
    path = put(tmp_path / name, content)
    with pytest.raises(DataError, match=rf"{name}:5: this line is longer than 1,000,000 characters"):
        load_data(path)


def test_a_line_of_maximum_length_is_read(tmp_path: Path) -> None:
    record = json.dumps({"text": "好", "metadata": ""})
    line = record[:-2] + "x" * (LONGEST_LINE - len(record)) + record[-2:]
    assert len(line) == LONGEST_LINE
    assert len(load_data(put(tmp_path / "nlu.jsonl", line + "\n" + line)).examples) == 2


@pytest.mark.parametrize("name", ["nlu.yml", "nlu.jsonl"])
def test_a_text_that_is_too_long_makes_one_invalid_example(tmp_path: Path, name: str) -> None:
    text = "长" * (LONGEST_TEXT + 1)
    content = HEAD + f"    - {text}\n" if name.endswith("yml") else f'{{"text": "好"}}\n\n\n\n{{"text": "{text}"}}\n'
    path = put(tmp_path / name, content)
    with pytest.raises(DataError, match=rf"{name}:5: the text has 100,001 characters, more than the 100,000"):
        load_data(path)
    assert len(load_data(path, keep_invalid=True).examples) == 1


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "LARGEST_FILE", 1 << 20)
    path = tmp_path / "nlu.jsonl"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)  # a sparse file: it takes no space on the disk
    with pytest.raises(DataError, match=r"nlu.jsonl: the file is larger than 1 MB"):
        load_data(path)


def test_an_endless_device_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "LARGEST_FILE", 1 << 20)
    (tmp_path / "nlu.yml").symlink_to("/dev/zero")
    with pytest.raises(DataError, match=r"nlu.yml: the file is larger than 1 MB"):
        load_data(tmp_path / "nlu.yml")


def test_other_json_on_one_long_line_is_skipped_in_a_folder(tmp_path: Path) -> None:
    put(tmp_path / "report.json", '{"text": [' + "1," * LONGEST_LINE + "1]}")
    put(tmp_path / "nlu.yml", HEAD)
    assert len(load_data(tmp_path).examples) == 1


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress)])
def test_an_endless_compressed_line_is_refused_in_bounded_memory(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    content = "好\n".encode() + b"x" * (24 << 20)
    path = put(tmp_path / f"a.txt.{suffix}", pack(content))
    del content
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"a.txt.{suffix}:2: this line is longer than 4,000,000 bytes"):
            read_texts([path], 10, 1, [])
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_an_xz_file_that_needs_a_huge_dictionary_is_refused(tmp_path: Path) -> None:
    packed = bytearray(lzma.compress(b"x\n", check=lzma.CHECK_NONE))
    header, size = 12, 4 * (packed[12] + 1)
    # The dictionary's size follows the id of the filter LZMA2 and the size of its settings: 36 means 2^30.
    packed[packed.index(b"\x21\x01", header) + 2] = 36
    packed[header + size - 4 : header + size] = zlib.crc32(packed[header : header + size - 4]).to_bytes(4, "little")
    path = put(tmp_path / "a.txt.xz", bytes(packed))
    with pytest.raises(DataError, match=r"a.txt.xz: .*more than 256 MB of memory"):
        read_texts([path], 10, 1, [])


def test_an_xz_file_may_have_several_streams(tmp_path: Path) -> None:
    packed = lzma.compress("一\n".encode()) + bytes(8) + lzma.compress("二\n".encode()) + bytes(4)
    assert sorted(read_texts([put(tmp_path / "a.txt.xz", packed)], 10, 1, [])) == ["一", "二"]


def test_cnlu_parse_refuses_an_endless_line(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "好\n" + "x" * 4_000_001)
    with pytest.raises(DataError, match=r"a.txt:2: this line is longer than 4,000,000 bytes"):
        list(_lines(str(path)))


def test_the_total_length_of_sampled_texts_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlabelled, "MAX_CHARACTERS", 1000)
    path = put(tmp_path / "a.txt", "".join(f"{i:0500}\n" for i in range(9)))
    assert len(read_texts([path], 2, 1, [])) == 2
    with pytest.raises(DataError, match=r"more than 1,000 characters together; .*--max-texts"):
        read_texts([path], 3, 1, [])


UNCLOSED = ["[", "[a](", "[a](b:", "[a]{", "[a][", "[]", "[a][{", "[a]{b", "[x]（", "【x】("]


@pytest.mark.parametrize("piece", UNCLOSED)
def test_a_line_of_a_million_brackets_is_read_fast(piece: str) -> None:
    line = piece * (LONGEST_LINE // len(piece))
    start_time = time.process_time()
    with contextlib.suppress(DataError):
        parse_markup(line, "")
    assert time.process_time() - start_time < 5


def test_annotations_with_a_brace_that_never_closes_are_read_fast() -> None:
    start_time = time.process_time()
    parse_markup("[a][" + '{"entity": "b"}' + "{" * 500_000 + "]", "")
    assert time.process_time() - start_time < 5


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("keys.jsonl", '{"text": "好"' + "".join(f', "{i}": 1' for i in range(60_000)) + ', "59999": 1}'),
        ("one.yml", 'nlu:\n- intent: a\n  examples: "' + "".join(f"- {i}\\n" for i in range(50_000)) + '"\n'),
        ("coded.yml", 'nlu:\n- intent: a\n  examples: "' + "".join(f"- \\u597d{i}\\n" for i in range(40_000)) + '"\n'),
        ("folded.yml", "nlu:\n- intent: a\n  examples: >\n" + "    - 去吧\n\n" * 10_000),
        ("tables.yml", "nlu:\n" + "".join(f"- lookup: a\n  examples: '- {i}'\n" for i in range(10_000)) + HEAD[5:]),
    ],
)
def test_no_file_takes_quadratic_time(tmp_path: Path, name: str, content: str) -> None:
    path = put(tmp_path / name, content)
    start_time = time.process_time()
    load_data(path, keep_invalid=True)
    assert time.process_time() - start_time < 4  # well below a second; quadratic code took five and more


def test_spans_that_cover_the_text_too_many_times_are_refused(tmp_path: Path) -> None:
    spans = [{"start": 0, "end": 99_000, "entity": "a"}] * 15_000
    path = put(tmp_path / "nlu.jsonl", json.dumps({"text": "x" * 99_000, "entities": spans}))
    with pytest.raises(DataError, match=r"nlu.jsonl:1: the spans of its entities have more than 1,000,000 characters"):
        load_data(path)
