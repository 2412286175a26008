"""The corpus that preparation writes: its documents, words, lexicon matches and vocabulary."""

from __future__ import annotations

import gzip
import json
import lzma
import subprocess
import sys

import numpy as np
import pytest

from cnlu.text.near_duplicates import near_duplicate_keys
from cnlu.text.segment import Segmenter
from cnlu_pretrain.config import PrepareConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.corpus.shards import SPAN, SPAN_START
from cnlu_pretrain.prepare import deduplicate
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
from tests.pretrain.corpora import prepare_texts, sentences


def test_preparing_loads_neither_torch_nor_transformers():
    check = "import sys, cnlu_pretrain.prepare.prepare; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_blank_line_ends_a_document_and_running_text_is_split_into_sentences(tmp_path, tiny_encoder):
    corpus = prepare_texts(tmp_path, tiny_encoder, "我要买票。明天走\n去上海\n\n请问几点发车？\n")
    assert sentences(corpus) == [["我要买票。", "明天走", "去上海"], ["请问几点发车？"]]


def test_a_record_of_jsonl_is_a_document(tmp_path, tiny_encoder):
    records = '{"text": "我要买票\\n去上海"}\n{"text": "几点发车"}\n'
    corpus = prepare_texts(tmp_path, tiny_encoder, records, name="a.jsonl")
    assert sentences(corpus) == [["我要买票", "去上海"], ["几点发车"]]


@pytest.mark.parametrize(
    ("suffix", "compress"), [("txt.gz", gzip.compress), ("txt.xz", lzma.compress), ("txt.zst", None)]
)
def test_compressed_files_are_read(tmp_path, tiny_encoder, suffix, compress):
    if compress is None:
        compress = pytest.importorskip("zstandard", reason="zstandard is not installed").compress
    corpus = prepare_texts(tmp_path, tiny_encoder, compress("我要买票\n".encode()), name=suffix)
    assert sentences(corpus) == [["我要买票"]]


def test_files_in_folders_and_standard_input_are_read(tmp_path, tiny_encoder):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "a.txt").write_text("我要买票\n", "utf-8")
    command = [
        sys.executable,
        "-m",
        "cnlu",
        "pretrain",
        "prepare",
        "-",
        str(tmp_path / "deep"),
        "--encoder",
        str(tiny_encoder),
        "--out",
        str(tmp_path / "c"),
        "--set",
        "prepare.held_out=0",
    ]
    subprocess.run(command, input="几点发车\n".encode(), check=True, capture_output=True)
    assert sentences(open_corpus(tmp_path / "c")) == [["几点发车"], ["我要买票"]]


def test_lines_that_are_left_out_are_counted_by_reason(tmp_path, tiny_encoder):
    text = "我要买票\n好\nonly english words here\n我要买票\n" + "很长" * 50 + "\n"
    corpus = prepare_texts(tmp_path, tiny_encoder, text, max_length=80)
    assert corpus.manifest["left_out"] == {"duplicate": 1, "little Chinese": 1, "long": 1, "short": 1}
    assert corpus.manifest["left_out_examples"]["short"] == ["好"]


def test_a_duplicate_in_another_file_is_left_out_and_the_first_line_is_kept(tmp_path, tiny_encoder):
    corpus = prepare_texts(tmp_path, tiny_encoder, "我要买票\n", "几点发车\n我要买票\n")
    assert sentences(corpus) == [["我要买票"], ["几点发车"]]


def test_near_duplicates_are_left_out_with_the_setting_near_duplicates(tmp_path, tiny_encoder):
    line = "您好我想问一下明天从上海虹桥开往北京南的高铁票还有没有剩余的座位"
    text = f"{line}\n{line}呀\n今天中午车上卖的牛肉盒饭多少钱一份可以扫码支付吗\n"
    assert len(sentences(prepare_texts(tmp_path, tiny_encoder, text))[0]) == 3
    assert len(sentences(prepare_texts(tmp_path, tiny_encoder, text, near_duplicates=True))[0]) == 2


def test_lines_with_little_in_common_have_different_near_duplicate_keys():
    keys = near_duplicate_keys(["我想买一张明天去上海的票", "今天中午吃什么好呢大家说说"])
    assert not (keys[0] == keys[1]).any()


def test_words_are_those_of_the_segmenter(tmp_path, tiny_encoder):
    corpus = prepare_texts(tmp_path, tiny_encoder, "我想买明天下午去上海的火车票\n")
    arrays = corpus.read(corpus.shards[0])
    starts = [start for start, _ in Segmenter().spans("我想买明天下午去上海的火车票")]
    assert np.flatnonzero(arrays.flags & 1).tolist() == starts
    assert np.bincount(arrays.words).tolist() == np.diff([*starts, 14]).tolist()


def test_lexicon_matches_are_flagged_and_never_cut_a_number(tmp_path, tiny_encoder):
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("上海虹桥\tplace\n12号线\n\n# 注\n" + "长" * 99 + "\n", "utf-8")
    corpus = prepare_texts(tmp_path, tiny_encoder, "去上海虹桥坐112号线\n", request={"lexicon": [str(lexicon)]})
    flags = corpus.read(corpus.shards[0]).flags
    assert np.flatnonzero(flags & SPAN).tolist() == [1, 2, 3, 4]
    assert np.flatnonzero(flags & SPAN_START).tolist() == [1]
    assert len(corpus.manifest["lexicon"]["broken"]) == 1


def test_a_lookup_table_can_be_the_lexicon(tmp_path, tiny_encoder, checkout):
    lexicon = checkout / "corpora" / "railway" / "train" / "lookups.yml"
    corpus = prepare_texts(tmp_path, tiny_encoder, "我要去北京西玩\n", request={"lexicon": [str(lexicon)]})
    assert np.flatnonzero(corpus.read(corpus.shards[0]).flags & SPAN).tolist() == [3, 4, 5]


def test_held_out_text_is_the_configured_share(tmp_path, tiny_encoder, railway_lines):
    corpus = prepare_texts(tmp_path, tiny_encoder, "\n".join(railway_lines), held_out=0.1)
    held_out = sum(shard.tokens for shard in corpus.held_out)
    assert 0.05 < held_out / (held_out + corpus.tokens) < 0.15


def test_a_new_vocabulary_has_the_most_frequent_characters(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("买票买票买\n票G1\n", "utf-8")
    config = PrepareConfig(processes=1, held_out=0.0)
    prepare(PrepareRequest([str(path)], tmp_path / "c", config, new_vocab=20))
    pieces = json.loads(open_corpus(tmp_path / "c").tokenizer)["model"]["vocab"]
    assert list(pieces)[:7] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "买", "票"]
    assert {"g", "##g", "1", "##1"} <= set(pieces)


def test_added_tokens_follow_the_vocabulary_and_are_recorded_with_their_pieces(tmp_path, tiny_encoder):
    words = tmp_path / "words.txt"
    words.write_text("候补票\n龘\n买\n", "utf-8")
    corpus = prepare_texts(tmp_path, tiny_encoder, "我买候补票龘\n", request={"add_tokens": words})
    size = len(json.loads((tiny_encoder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    assert corpus.vocabulary == size + 2
    assert sentences(corpus) == [["我买候补票龘"]]
    pieces = corpus.manifest["added_tokens"]
    assert sorted(map(int, pieces)) == [size, size + 1]
    assert len(pieces[str(size + 1)]) == 3  # 候, 补, 票


def test_one_line_is_a_corpus(tmp_path, tiny_encoder):
    assert sentences(prepare_texts(tmp_path, tiny_encoder, "我要买票", held_out=0.02)) == [["我要买票"]]


def test_a_line_longer_than_a_block_is_cut_at_sentence_ends(tmp_path, tiny_encoder, monkeypatch):
    from cnlu_pretrain.prepare import sources

    monkeypatch.setattr(sources, "BLOCK", 1 << 14)
    text = "".join(f"第{i}次列车开始检票了。" for i in range(5000))
    corpus = prepare_texts(tmp_path, tiny_encoder, text, duplicates=False)
    lines = [sentence for document in sentences(corpus) for sentence in document]
    assert len(lines) == 5000 and {len(line.replace("##", "")) for line in lines} <= set(range(11, 16))


@pytest.mark.parametrize("largest", [1 << 22, 100, 7])
def test_repeats_are_found_however_few_keys_are_sorted_at_a_time(tmp_path, monkeypatch, largest):
    generator = np.random.default_rng(1)
    choices = generator.integers(0, 1 << 56, 300, dtype=np.uint64)  # all in one file
    keys = generator.choice(choices, (1000, 2))
    monkeypatch.setattr(deduplicate, "LARGEST", largest)
    files = deduplicate.KeyFiles(tmp_path / "keys")
    for start in range(0, 1000, 100):
        files.add(keys[start : start + 100], start)
    earlier = [bool({*keys[line]} & {*keys[:line].flatten()}) for line in range(1000)]
    assert files.repeats(1000, tmp_path / "repeats") == sum(earlier)
    assert np.fromfile(tmp_path / "repeats", bool).tolist() == earlier
