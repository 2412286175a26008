"""Text to a corpus: what is kept, how it is cut, that nothing depends on processes or interruptions."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from cnlu.errors import CnluError, DataError, UsageError
from cnlu.text.near_duplicates import near_duplicate_keys
from cnlu.text.segment import Segmenter
from cnlu_pretrain.config import PrepareConfig, SimilarConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.corpus.shards import SPAN, SPAN_START, concatenate
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare


def made(tmp_path: Path, encoder: Path, *texts: str | bytes, name: str = "text.txt", **more) -> Corpus:
    """A corpus of the given files; settings by name, further arguments of the request under `request`."""
    request = more.pop("request", {})
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}-{name}"
        content = text if isinstance(text, bytes) else text.encode()
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)
        paths.append(str(path))
    out = tmp_path / "corpus"
    config = PrepareConfig(**{"processes": 1, "held_out": 0.0, **more})
    prepare(PrepareRequest(paths, out, config, str(encoder), force=True, **request))
    return open_corpus(out)


def sentences(corpus: Corpus) -> list[list[str]]:
    """By document, the tokens of each sentence joined."""
    names = {i: piece for piece, i in json.loads(corpus.tokenizer)["model"]["vocab"].items()}
    names |= {token["id"]: token["content"] for token in json.loads(corpus.tokenizer)["added_tokens"]}
    arrays = concatenate([corpus.read(shard) for shard in corpus.shards], corpus.token_type)
    bounds = np.append(0, np.cumsum(arrays.sentences.astype(int)))
    texts = ["".join(names[t] for t in arrays.tokens[a:b]) for a, b in pairwise(bounds)]
    ends = np.append(0, np.cumsum(arrays.documents.astype(int)))
    return [texts[a:b] for a, b in pairwise(ends)]


def files(corpus: Corpus) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in corpus.folder.iterdir() if path.name != "manifest.json"}


def test_preparing_loads_neither_torch_nor_transformers():
    check = "import sys, cnlu_pretrain.prepare.prepare; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_blank_line_ends_a_document_and_running_text_is_divided(tmp_path, tiny_encoder):
    corpus = made(tmp_path, tiny_encoder, "我要买票。明天走\n去上海\n\n请问几点发车？\n")
    assert sentences(corpus) == [["我要买票。", "明天走", "去上海"], ["请问几点发车？"]]


def test_a_record_of_jsonl_is_a_document(tmp_path, tiny_encoder):
    corpus = made(tmp_path, tiny_encoder, '{"text": "我要买票\\n去上海"}\n{"text": "几点发车"}\n', name="a.jsonl")
    assert sentences(corpus) == [["我要买票", "去上海"], ["几点发车"]]


@pytest.mark.parametrize(("suffix", "pack"), [("txt.gz", gzip.compress), ("txt.xz", lzma.compress), ("txt.zst", None)])
def test_compressed_files_hold_the_same(tmp_path, tiny_encoder, suffix, pack):
    if pack is None:
        pack = pytest.importorskip("zstandard", reason="zstandard is not installed").compress
    assert sentences(made(tmp_path, tiny_encoder, pack("我要买票\n".encode()), name=suffix)) == [["我要买票"]]


def test_folders_are_searched_and_standard_input_is_read(tmp_path, tiny_encoder):
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


def test_lines_are_left_out_for_reasons_that_are_counted(tmp_path, tiny_encoder):
    text = "我要买票\n好\nonly english words here\n我要买票\n" + "很长" * 50 + "\n"
    corpus = made(tmp_path, tiny_encoder, text, max_length=80)
    assert corpus.manifest["left_out"] == {"duplicate": 1, "little Chinese": 1, "long": 1, "short": 1}
    assert corpus.manifest["left_out_examples"]["short"] == ["好"]


def test_a_repeat_in_another_file_is_left_out_and_the_first_stays(tmp_path, tiny_encoder):
    assert sentences(made(tmp_path, tiny_encoder, "我要买票\n", "几点发车\n我要买票\n")) == [["我要买票"], ["几点发车"]]


def test_near_duplicates_are_left_out_where_asked(tmp_path, tiny_encoder):
    line = "您好我想问一下明天从上海虹桥开往北京南的高铁票还有没有剩余的座位"
    text = f"{line}\n{line}呀\n今天中午车上卖的牛肉盒饭多少钱一份可以扫码支付吗\n"
    assert len(sentences(made(tmp_path, tiny_encoder, text))[0]) == 3
    assert len(sentences(made(tmp_path, tiny_encoder, text, near_duplicates=True))[0]) == 2


def test_lines_that_share_little_share_no_key():
    keys = near_duplicate_keys(["我想买一张明天去上海的票", "今天中午吃什么好呢大家说说"])
    assert not (keys[0] == keys[1]).any()


def test_words_are_the_segmenter_s(tmp_path, tiny_encoder):
    corpus = made(tmp_path, tiny_encoder, "我想买明天下午去上海的火车票\n")
    arrays = corpus.read(corpus.shards[0])
    starts = [start for start, _ in Segmenter().spans("我想买明天下午去上海的火车票")]
    assert np.flatnonzero(arrays.flags & 1).tolist() == starts
    assert np.bincount(arrays.words).tolist() == np.diff([*starts, 14]).tolist()


def test_hits_of_the_lexicon_are_marked_and_never_cut_a_number(tmp_path, tiny_encoder):
    lexicon = tmp_path / "words.txt"
    lexicon.write_text("上海虹桥\tplace\n12号线\n\n# 注\n" + "长" * 99 + "\n", "utf-8")
    corpus = made(tmp_path, tiny_encoder, "去上海虹桥坐112号线\n", request={"lexicon": [str(lexicon)]})
    flags = corpus.read(corpus.shards[0]).flags
    assert np.flatnonzero(flags & SPAN).tolist() == [1, 2, 3, 4]
    assert np.flatnonzero(flags & SPAN_START).tolist() == [1]
    assert len(corpus.manifest["lexicon"]["broken"]) == 1


def test_lookup_tables_serve_as_lexicon(tmp_path, tiny_encoder, checkout):
    lexicon = checkout / "corpora" / "railway" / "train" / "lookups.yml"
    corpus = made(tmp_path, tiny_encoder, "我要去北京西玩\n", request={"lexicon": [str(lexicon)]})
    assert np.flatnonzero(corpus.read(corpus.shards[0]).flags & SPAN).tolist() == [3, 4, 5]


def test_processes_and_blocks_change_nothing(tmp_path, tiny_encoder, railway_lines, monkeypatch):
    from cnlu_pretrain.prepare import sources

    monkeypatch.setattr(sources, "BLOCK", 20_000)
    text = "\n".join(railway_lines)
    alone = files(made(tmp_path, tiny_encoder, text, shard_tokens=20_000, held_out=0.1))
    assert files(made(tmp_path, tiny_encoder, text, shard_tokens=20_000, held_out=0.1, processes=2)) == alone
    assert sum(name.endswith(".tokens") and name[0] == "0" for name in alone) >= 3


def test_a_killed_preparation_resumed_gives_the_same_files(tmp_path, tiny_encoder, railway_lines, monkeypatch):
    from cnlu_pretrain.prepare import shard_writer as room
    from cnlu_pretrain.prepare import sources

    monkeypatch.setattr(sources, "BLOCK", 20_000)
    text = "\n".join(railway_lines)
    whole = files(made(tmp_path, tiny_encoder, text, shard_tokens=10_000))
    write, calls = room._write, []

    def dies(*arguments):
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        calls.append(1)
        write(*arguments)

    monkeypatch.setattr(room, "_write", dies)
    with pytest.raises(CnluError, match="No space left.*--resume"):
        made(tmp_path, tiny_encoder, text, shard_tokens=10_000)
    monkeypatch.setattr(room, "_write", write)
    assert files(made(tmp_path, tiny_encoder, text, shard_tokens=10_000, request={"resume": True})) == whole


def test_ctrl_c_leaves_what_was_complete(tmp_path, tiny_encoder):
    text = tmp_path / "big.txt"
    text.write_text("".join(f"第{i}次列车从上海开往北京现在开始检票了\n" for i in range(200_000)), "utf-8")
    command = [
        sys.executable,
        "-m",
        "cnlu",
        "pretrain",
        "prepare",
        str(text),
        "--encoder",
        str(tiny_encoder),
        "--out",
        str(tmp_path / "c"),
        "--set",
        "prepare.shard_tokens=20000",
        "--set",
        "prepare.processes=1",
    ]
    run = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    state = tmp_path / "c.part" / "state.json"
    for _ in range(600):
        if state.exists() and json.loads(state.read_text("utf-8"))["shards"]:
            break
        time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130 and "continue with --resume" in said and "Traceback" not in said
    assert not (tmp_path / "c").exists()


def test_held_out_text_stands_nowhere_else(tmp_path, tiny_encoder, railway_lines):
    corpus = made(tmp_path, tiny_encoder, "\n".join(railway_lines), held_out=0.1)
    held = sum(shard.tokens for shard in corpus.held_out)
    assert 0.05 < held / (held + corpus.tokens) < 0.15


def test_a_new_vocabulary_holds_the_most_frequent_characters(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("买票买票买\n票G1\n", "utf-8")
    config = PrepareConfig(processes=1, held_out=0.0)
    prepare(PrepareRequest([str(path)], tmp_path / "c", config, new_vocab=20))
    pieces = json.loads(open_corpus(tmp_path / "c").tokenizer)["model"]["vocab"]
    assert list(pieces)[:7] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "买", "票"]
    assert {"g", "##g", "1", "##1"} <= set(pieces)


def test_added_tokens_follow_the_old_ones_and_know_their_pieces(tmp_path, tiny_encoder):
    words = tmp_path / "words.txt"
    words.write_text("候补票\n龘\n买\n", "utf-8")
    corpus = made(tmp_path, tiny_encoder, "我买候补票龘\n", request={"add_tokens": words})
    size = len(json.loads((tiny_encoder / "tokenizer.json").read_text("utf-8"))["model"]["vocab"])
    assert corpus.vocabulary == size + 2
    assert sentences(corpus) == [["我买候补票龘"]]
    pieces = corpus.manifest["added_tokens"]
    assert sorted(map(int, pieces)) == [size, size + 1]
    assert len(pieces[str(size + 1)]) == 3  # 候, 补, 票


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "there is no text"),
        ("票\n".encode(), "left out"),
        ("我要买票\n".encode("gb18030"), "0-text.txt:1: byte 0 .*not valid UTF-8.*iconv"),
        (b"\x7fELF\x00\x01", "binary"),
        ("我要买票\n".encode() + b"\xff\xfe", "0-text.txt:2: byte 13"),
    ],
)
def test_text_that_is_none_is_refused_with_its_place(tmp_path, tiny_encoder, text, says):
    with pytest.raises(DataError, match=says):
        made(tmp_path, tiny_encoder, text)
    assert not list(tmp_path.glob("corpus*"))


def test_one_line_is_a_corpus(tmp_path, tiny_encoder):
    assert sentences(made(tmp_path, tiny_encoder, "我要买票", held_out=0.02)) == [["我要买票"]]


def test_a_line_of_50_megabytes_is_cut_at_sentence_ends(tmp_path, tiny_encoder, monkeypatch):
    from cnlu_pretrain.prepare import sources

    monkeypatch.setattr(sources, "BLOCK", 1 << 14)
    corpus = made(tmp_path, tiny_encoder, "".join(f"第{i}次列车开始检票了。" for i in range(5000)), duplicates=False)
    found = [one for document in sentences(corpus) for one in document]
    assert len(found) == 5000 and {len(one.replace("##", "")) for one in found} <= set(range(11, 16))


def test_a_broken_record_is_named(tmp_path, tiny_encoder):
    with pytest.raises(DataError, match=r"a.jsonl:2: .*not valid JSON"):
        made(tmp_path, tiny_encoder, '{"text": "我要买票"}\n{"text": \n', name="a.jsonl")


def test_a_cut_off_archive_is_named(tmp_path, tiny_encoder):
    with pytest.raises(DataError, match="damaged or cut off"):
        made(tmp_path, tiny_encoder, gzip.compress(os.urandom(5000))[:-200], name="a.txt.gz")


def test_a_cut_off_shard_is_refused(tmp_path, tiny_encoder):
    corpus = made(tmp_path, tiny_encoder, "我要买票\n")
    path = corpus.folder / "00000.tokens"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(CnluError, match="00000.tokens.*cut off or damaged"):
        open_corpus(corpus.folder)


def test_resuming_with_other_settings_is_refused(tmp_path, tiny_encoder, monkeypatch):
    from cnlu_pretrain.prepare import prepare as room

    monkeypatch.setattr(
        room, "_finish", lambda *_, **named: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(CnluError, match="No space left"):
        made(tmp_path, tiny_encoder, "我要买票\n")
    with pytest.raises(UsageError, match="other text, settings or tokenizer"):
        made(tmp_path, tiny_encoder, "我要买票\n", min_length=3, request={"resume": True})


@pytest.mark.parametrize("suffix", [".txt", ".jsonl"])
def test_a_nul_byte_costs_its_line_alone_and_is_counted(tmp_path, tiny_encoder, suffix):
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


def test_a_file_with_a_tail_of_nul_bytes_as_a_power_cut_leaves_it_is_read(tmp_path, tiny_encoder):
    corpus = made(tmp_path, tiny_encoder, ("我要买票\n" * 1000).encode() + bytes(4096), duplicates=False)
    assert corpus.manifest["left_out"] == {"NUL byte": 1}


@pytest.mark.parametrize("content", [bytes(5000), bytes(range(8)) * 100, "buy a ticket\n".encode("utf-16-le") * 50])
def test_a_file_that_is_mostly_nul_or_control_bytes_is_binary(tmp_path, tiny_encoder, content):
    with pytest.raises(DataError, match=r"0-text.txt:1: .* so this is binary or UTF-16"):
        made(tmp_path, tiny_encoder, content)


def test_words_are_not_learned_from_a_line_with_a_nul_byte(tmp_path):
    from cnlu_pretrain.similar.contexts import count_contexts

    (tmp_path / "a.txt").write_text("我要买票\n我要\0退票\n", "utf-8")
    words = count_contexts([str(tmp_path / "a.txt")], SimilarConfig(min_count=1)).words
    assert "我要" in words and "退票" not in words


def test_a_corpus_of_an_older_format_is_refused(tmp_path, tiny_encoder):
    corpus = made(tmp_path, tiny_encoder, "我要买票\n")
    path = corpus.folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "format": 1}), "utf-8")
    with pytest.raises(CnluError, match="older cnlu; prepare the corpus again"):
        open_corpus(corpus.folder)
