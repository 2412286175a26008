"""Files as blocks of whole lines, within a bound of memory."""

from __future__ import annotations

import gzip
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from cnlu.errors import DataError
from cnlu_pretrain.prepare import sources


@pytest.mark.parametrize("block", [5, 7, 64, 1 << 20])
@pytest.mark.parametrize("content", ["", "\n", "一\n二\n", "一\n\n二", "甲乙丙丁戊。" * 30 + "\n" + "己庚" * 40])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_blocks_joined_are_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, content: str, name: str
) -> None:
    monkeypatch.setattr(sources, "BLOCK", block)
    (tmp_path / name).write_bytes(content.encode())
    found = list(sources.blocks([tmp_path / name]))
    assert b"".join(one.data for one in found) == content.encode()
    assert all(one.data.endswith(b"\n") or one.cut or one.last for one in found)
    assert [one.line for one in found] == [1 + content.encode()[: one.offset].count(b"\n") for one in found]


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("xz", lzma.compress), ("zst", None)])
def test_a_packed_record_without_end_is_refused_within_a_bound_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, pack: Callable[[bytes], bytes] | None
) -> None:
    pack = pack or pytest.importorskip("zstandard").ZstdCompressor().compress
    monkeypatch.setattr(sources, "LONGEST_RECORD", 4 << 20)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(pack(b'{"text": "x"}\n' + b"x" * (40 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"a.jsonl.{suffix}:2: this line is longer than 4 MB"):
            list(sources.blocks([path]))
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def test_a_zst_file_that_asks_for_a_huge_window_is_refused(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    wide = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    unpacked = zstandard.ZstdCompressor(compression_params=wide).compressobj()  # of unknown size: the window counts
    (tmp_path / "a.txt.zst").write_bytes(unpacked.compress(b"x\n") + unpacked.flush())
    with pytest.raises(DataError, match=r"a.txt.zst: the file cannot be read"):
        list(sources.blocks([tmp_path / "a.txt.zst"]))
