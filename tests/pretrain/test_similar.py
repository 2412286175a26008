"""Tables of similar words: their sources, their files and the substitutes that masking draws."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cnlu.cli import main
from cnlu.errors import DataError, UsageError
from cnlu_pretrain.config import SimilarConfig
from cnlu_pretrain.similar.build_table import build_table
from cnlu_pretrain.similar.part_of_speech import parts_of_speech
from cnlu_pretrain.similar.sources import read_cilin, read_tsv
from cnlu_pretrain.similar.table import SimilarWords, load_table
from cnlu_pretrain.similar.vectors import Vectors, neighbours, read_vectors

WORDS = ["买票", "购票", "退票", "车站", "站", "abc"]
VALUES = np.array([[1, 0, 0], [0.95, 0.1, 0], [0.5, 1, 0], [0, 0, 1], [1, 0, 0], [1, 0, 0]], np.float32)


def write_file(tmp_path: Path, text: str | bytes, name: str = "f.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def word2vec(binary: bool) -> bytes:
    lines = [b"6 3\n"]
    for word, vector in zip(WORDS, VALUES, strict=True):
        if binary:
            lines.append(word.encode() + b" " + vector.tobytes() + b"\n")
        else:
            lines.append(f"{word} {' '.join(map(str, vector))}\n".encode())
    return b"".join(lines)


@pytest.mark.parametrize("binary", [False, True])
def test_word2vec_files_are_read_as_text_and_binary(tmp_path, binary):
    vectors = read_vectors(write_file(tmp_path, word2vec(binary)), 100)
    assert vectors.words == WORDS[:5]
    assert np.allclose(vectors.values, VALUES[:5])


def test_a_vector_file_that_is_cut_off_is_refused(tmp_path):
    with pytest.raises(DataError, match="cut off or damaged"):
        read_vectors(write_file(tmp_path, word2vec(True)[:-10]), 100)


def test_neighbours_are_the_most_similar_of_the_same_length():
    table = neighbours(Vectors(WORDS[:5], VALUES[:5]), SimilarConfig(min_cosine=0.4))
    assert [word for word, _ in table["买票"]] == ["购票", "退票"]
    assert "站" not in table and "车站" not in table


def test_only_the_synonym_groups_of_cilin_give_neighbours(tmp_path):
    text = "Aa01A01= 价格 价钱\nAa01A02# 车站 火车\nAa01A03@ 天\n买票 购票 订票\n孤\n"
    source = read_cilin(write_file(tmp_path, text))
    assert source.neighbours["买票"] == [("购票", 1.0), ("订票", 1.0)]
    assert "车站" not in source.neighbours and len(source.broken) == 1


def test_invalid_lines_of_a_list_are_reported_with_their_line_numbers(tmp_path):
    source = read_tsv(write_file(tmp_path, "价格\t价钱\t0.9\n价格\n价格\t票价\tx\n买 票\t购票\n价格\t费用\n"))
    assert source.neighbours == {"价格": [("费用", 1.0), ("价钱", 0.9)]}
    assert [line.split(":")[1] for line in source.broken] == ["2", "3", "4"]


def test_antonyms_words_of_other_lengths_and_words_that_are_not_chinese_are_left_out():
    candidates = {"打开": [("关上", 0.9), ("开启", 0.8), ("开", 0.9), ("open", 0.9)]}
    table = build_table(candidates, SimilarConfig(), {("打开", "关上"), ("关上", "打开")})
    assert table.neighbours_of("打开") == [("开启", pytest.approx(0.8))]


def test_a_loaded_table_equals_the_saved_one(tmp_path):
    table = build_table({"价格": [("价钱", 0.9)], "买": [("购", 0.7)]}, SimilarConfig())
    table.save(tmp_path / "t.npz")
    loaded = load_table(tmp_path / "t.npz")
    assert loaded.words == table.words and loaded.neighbours_of("价格") == [("价钱", pytest.approx(0.9, abs=1e-3))]


def test_the_installed_table_has_neighbours_for_most_everyday_words(capsys):
    words = ["火车", "电影", "明天", "喜欢", "便宜", "上海", "买", "贵"]
    assert main(["pretrain", "similar", "--show", *words]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert sum("no similar words" not in line for line in shown) >= 6 and shown[0].startswith("火车: ")


def test_a_file_that_is_not_a_table_is_refused(tmp_path):
    with pytest.raises(DataError, match="not a table of similar words"):
        load_table(write_file(tmp_path, "x", "t.npz"))
    with pytest.raises(UsageError, match="no such table"):
        load_table(tmp_path / "missing.npz")


def test_substitutes_are_neighbours_of_the_same_length_and_a_word_without_neighbours_has_none(tokenizer):
    similar = SimilarWords(build_table({"价格": [("价钱", 0.9)], "买": [("购", 0.7)]}, SimilarConfig()), tokenizer)
    ids = json.loads(tokenizer)["model"]["vocab"]
    tokens = np.array([ids[ch] for ch in "价格买天车站长"])
    lengths = np.array([2, 1, 1, 2, 1])
    bits = np.arange(1, 6, dtype=np.uint64) << np.uint64(60)
    substitutes = similar.substitutes(tokens, lengths, np.array([True, True, True, False, True]), bits, bits)
    names = {i: piece for piece, i in ids.items()}
    assert "".join(names[i] for i in substitutes[:3]) == "价钱购"
    assert (substitutes[3:] == -1).all()
    unknown = similar.substitutes(tokens[:3], np.array([3]), np.array([True]), bits[:1], bits[:1])
    assert (unknown == -1).all()


def test_the_command_writes_a_table_and_shows_neighbours(tmp_path, capsys):
    source, out = write_file(tmp_path, "价格 价钱 费用\n"), tmp_path / "t.npz"
    assert main(["pretrain", "similar", "--cilin", str(source), "--out", str(out), "--show", "价格", "医生"]) == 0
    output = capsys.readouterr().out
    assert "价格: 价钱 1.00, 费用 1.00" in output and "医生: no similar words" in output
    assert main(["pretrain", "similar", "--table", str(out), "--show", "费用"]) == 0
    assert main(["pretrain", "similar", "--cilin", str(source), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--antonyms"])
def test_what_only_a_new_table_can_have_needs_a_source(tmp_path, option, capsys):
    path = tmp_path / "file"
    assert main(["pretrain", "similar", option, str(path), "--show", "价格"]) == 2
    assert "exactly one source" in capsys.readouterr().err and not path.exists()


def test_words_with_the_same_contexts_in_a_text_are_neighbours_and_words_that_occur_together_are_not(tmp_path):
    lines = [
        f"我{verb}一张{when}{place}的{thing}"
        for verb in ("想买", "想要", "要订")
        for when in ("今天", "明天", "后天")
        for place in ("北京", "上海", "广州", "成都")
        for thing in ("车票", "机票")
    ] * 10
    source, out = write_file(tmp_path, "\n".join(lines)), tmp_path / "t.npz"
    for path in (out, tmp_path / "again.npz"):
        assert main(["pretrain", "similar", "--text", str(source), "--out", str(path)]) == 0
    table = load_table(out)
    cities = [word for word, _ in table.neighbours_of("北京")]
    assert len(cities) == 2 and set(cities) <= {"上海", "广州", "成都"}
    assert {word for word, _ in table.neighbours_of("明天")} <= {"今天", "后天"}
    assert [word for word, _ in table.neighbours_of("车票")] == ["机票"]
    assert out.read_bytes() == (tmp_path / "again.npz").read_bytes()


def test_parts_of_speech_separate_places_verbs_nouns_and_function_words():
    verb, place, other_place, noun, of, horse, unknown = parts_of_speech(
        ["播放", "北京", "上海", "酒店", "的", "马", "咕嘟嘟咚"]
    )
    assert place == other_place and len({verb, place, noun, of, horse}) == 5 and unknown == -1
