"""Text and corpora that are damaged or unusable: what is left out and what is refused."""

from __future__ import annotations

import gzip
import json
import os

import pytest

from cnlu.errors import CnluError, DataError
from cnlu_pretrain.config import PrepareConfig, SimilarConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
from tests.pretrain.corpora import prepare_texts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "there is no text"),
        ("票\n".encode(), "left out"),
        ("我要买票\n".encode("gb18030"), "0-text.txt:1: byte 0 .*not valid UTF-8.*iconv"),
        (b"\x7fELF\x00\x01", "binary"),
        ("我要买票\n".encode() + b"\xff\xfe", "0-text.txt:2: byte 13"),
    ],
)
def test_unusable_text_is_refused_with_its_file_and_line(tmp_path, tiny_encoder, text, message):
    with pytest.raises(DataError, match=message):
        prepare_texts(tmp_path, tiny_encoder, text)
    assert not list(tmp_path.glob("corpus*"))


def test_an_invalid_record_is_refused_with_its_file_and_line(tmp_path, tiny_encoder):
    with pytest.raises(DataError, match=r"a.jsonl:2: .*not valid JSON"):
        prepare_texts(tmp_path, tiny_encoder, '{"text": "我要买票"}\n{"text": \n', name="a.jsonl")


def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path, tiny_encoder):
    with pytest.raises(DataError, match="damaged or cut off"):
        prepare_texts(tmp_path, tiny_encoder, gzip.compress(os.urandom(5000))[:-200], name="a.txt.gz")


def test_a_shard_that_is_cut_off_is_refused(tmp_path, tiny_encoder):
    corpus = prepare_texts(tmp_path, tiny_encoder, "我要买票\n")
    path = corpus.folder / "00000.tokens"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(CnluError, match="00000.tokens.*cut off or damaged"):
        open_corpus(corpus.folder)


def test_a_corpus_of_an_older_format_is_refused(tmp_path, tiny_encoder):
    corpus = prepare_texts(tmp_path, tiny_encoder, "我要买票\n")
    path = corpus.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "format": 1}), "utf-8")
    with pytest.raises(CnluError, match="older cnlu; prepare the corpus again"):
        open_corpus(corpus.folder)


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_only_the_line_with_a_nul_byte_is_left_out_and_it_is_counted(tmp_path, tiny_encoder, suffix):
    lines = [f"第{i}次列车开始检票" for i in range(1000)]
    lines[500] = "第500次\0列车开始检票"
    if suffix == ".jsonl":
        lines = [f'{{"text": "{line}"}}' for line in lines]
        lines[501] = '{"text": "第501次\\u0000列车"}'
    source = tmp_path / f"text{suffix}"
    source.write_text("\n".join([*lines, ""]), "utf-8")
    prepare(PrepareRequest([str(source)], tmp_path / "corpus", PrepareConfig(processes=1), str(tiny_encoder)))
    manifest = open_corpus(tmp_path / "corpus").manifest
    dropped = 1 if suffix == ".txt" else 2
    assert manifest["left_out"] == {"NUL byte": dropped} and manifest["counts"]["lines"] == 1000
    assert "次\0列车" in manifest["left_out_examples"]["NUL byte"][0]


def test_a_file_that_ends_in_nul_bytes_after_a_power_cut_is_read(tmp_path, tiny_encoder):
    corpus = prepare_texts(tmp_path, tiny_encoder, ("我要买票\n" * 1000).encode() + bytes(4096), duplicates=False)
    assert corpus.manifest["left_out"] == {"NUL byte": 1}


@pytest.mark.parametrize("content", [bytes(5000), bytes(range(8)) * 100, "buy a ticket\n".encode("utf-16-le") * 50])
def test_a_file_that_is_mostly_nul_or_control_bytes_is_binary(tmp_path, tiny_encoder, content):
    with pytest.raises(DataError, match=r"0-text.txt:1: .* so this is binary or UTF-16"):
        prepare_texts(tmp_path, tiny_encoder, content)


def test_words_are_not_learned_from_a_line_with_a_nul_byte(tmp_path):
    from cnlu_pretrain.similar.contexts import count_contexts

    (tmp_path / "a.txt").write_text("我要买票\n我要\0退票\n", "utf-8")
    words = count_contexts([str(tmp_path / "a.txt")], SimilarConfig(min_count=1)).words
    assert "我要" in words and "退票" not in words
