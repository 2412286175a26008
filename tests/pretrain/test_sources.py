"""Files are read as blocks of whole lines, in bounded memory."""

from __future__ import annotations

import gzip
import lzma
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from cnlu.errors import DataError
from cnlu_pretrain.prepare import sources


@pytest.mark.parametrize("size", [5, 7, 64, 1 << 20])
@pytest.mark.parametrize("content", ["", "\n", "一\n二\n", "一\n\n二", "甲乙丙丁戊。" * 30 + "\n" + "己庚" * 40])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_joined_blocks_equal_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, content: str, name: str
) -> None:
    monkeypatch.setattr(sources, "BLOCK", size)
    (tmp_path / name).write_bytes(content.encode())
    blocks = list(sources.blocks([tmp_path / name]))
    assert b"".join(block.data for block in blocks) == content.encode()
    assert all(block.data.endswith(b"\n") or block.cut or block.last for block in blocks)
    lines = [1 + content.encode()[: block.offset].count(b"\n") for block in blocks]
    assert [block.line for block in blocks] == lines


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gzip.compress), ("xz", lzma.compress), ("zst", None)])
def test_a_compressed_line_that_is_too_long_is_refused_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, compress: Callable[[bytes], bytes] | None
) -> None:
    compress = compress or pytest.importorskip("zstandard").ZstdCompressor().compress
    monkeypatch.setattr(sources, "LONGEST_RECORD", 4 << 20)
    path = tmp_path / f"a.jsonl.{suffix}"
    path.write_bytes(compress(b'{"text": "x"}\n' + b"x" * (40 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=rf"a.jsonl.{suffix}:2: this line is longer than 4 MB"):
            list(sources.blocks([path]))
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


def test_a_zst_file_with_a_huge_window_is_refused(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    wide = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True)
    compressor = zstandard.ZstdCompressor(compression_params=wide).compressobj()  # without the size: the window counts
    (tmp_path / "a.txt.zst").write_bytes(compressor.compress(b"x\n") + compressor.flush())
    with pytest.raises(DataError, match=r"a.txt.zst: the file cannot be read"):
        list(sources.blocks([tmp_path / "a.txt.zst"]))
