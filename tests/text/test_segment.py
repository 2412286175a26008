from __future__ import annotations

import lzma
import os
import subprocess
import sys
import threading
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.errors import CnluError, UsageError
from cnlu.text import segment
from cnlu.text.segment import Segmenter

SENTENCE = "我想买一张明天下午去上海的火车票"
USER_WORDS = ("孙小圣", "去上海", "下午去", "一个三十", "天气预报员", "研究生命")
# Characters that often form words with each other, so that the cuts are not trivial.
COMMON = SENTENCE + "研究生命起源孙小圣一个三十分天气预报员北京西站不知道们了啊"
CHINESE = st.text(st.sampled_from(COMMON), max_size=25)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=25) | CHINESE
MIXED = st.lists(CHINESE | st.text("abＺé09７ .-\n，😀\ud800\x00㐂𠮷龥", max_size=4), max_size=5).map("".join)


@pytest.fixture(scope="module")
def jieba_words():
    return Segmenter(USER_WORDS, backend="jieba")


@pytest.fixture(scope="module")
def rjieba_words():
    pytest.importorskip("rjieba", reason="rjieba, the optional speed-up, is not installed")
    return Segmenter(USER_WORDS, backend="rjieba")


def cut(segmenter, text):
    return [text[start:end] for start, end in segmenter.spans(text)]


@given(text=ANY_TEXT | MIXED)
def test_words_cover_the_text_without_gaps_or_overlaps(jieba_words, text):
    spans = jieba_words.spans(text)
    assert [0, *(end for _, end in spans)] == [*(start for start, _ in spans), len(text)]
    assert all(start < end for start, end in spans)


@given(text=ANY_TEXT | MIXED)
def test_jieba_and_rjieba_give_the_same_words(jieba_words, rjieba_words, text):
    assert jieba_words.spans(text) == rjieba_words.spans(text)


@given(text=CHINESE)
def test_without_user_words_the_words_are_those_of_jieba(plain, reference, text):
    assert cut(plain, text) == (reference.lcut(text) if text else [])


@pytest.fixture(scope="module")
def plain():
    return Segmenter(backend="jieba")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """jieba with its own way of loading."""
    import jieba

    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = str(tmp_path_factory.mktemp("jieba"))
    tokenizer.initialize()
    return tokenizer


def test_the_dictionary_is_the_one_that_jieba_loads(reference):
    freq, total = segment._read_dictionary(segment._dictionary_path())
    assert freq == reference.FREQ
    assert total == reference.total - freq["B超"]  # the only word that the file has twice


@pytest.mark.parametrize("text", ["丈一西一西知生西知生西万", "丈一西一西" * 5, "西知生" * 4])
def test_both_backends_agree_on_equally_likely_segmentations(plain, rjieba_words, text):
    assert plain.spans(text) == rjieba_words.spans(text)


def test_both_backends_give_the_same_words_on_real_text(shared, plain):
    pytest.importorskip("rjieba", reason="rjieba, the optional speed-up, is not installed")
    corpus = shared / "text" / "general.txt.xz"
    if not corpus.is_file():
        pytest.skip(f"no real text at {corpus}")
    with lzma.open(corpus, "rt", encoding="utf-8") as lines:
        texts = [line.rstrip("\n") for line in islice(lines, 0, 60_000, 20)]
    words = [text[at : at + 2 + at % 4] for at, text in enumerate(texts[:2000]) if len(text) > at + 6]
    for user_words in ((), (*USER_WORDS, *words)):
        slow, fast = Segmenter(user_words, backend="jieba"), Segmenter(user_words, backend="rjieba")
        assert [t for t in texts if slow.spans(t) != fast.spans(t)] == []


def test_latin_letters_and_digits_form_runs_and_other_characters_are_single(plain):
    assert cut(plain, "坐G1024次,iPhone15 Pro！12.5元") == [
        "坐",
        "G",
        "1024",
        "次",
        ",",
        "iPhone",
        "15",
        " ",
        "Pro",
        "！",
        "12",
        ".",
        "5",
        "元",
    ]


def test_a_user_word_is_one_word(plain):
    text = "孙小圣明天去上海"
    assert "去上海" not in cut(plain, text)
    assert cut(Segmenter(["去上海", "孙小圣"], backend="jieba"), text) == ["孙小圣", "明天", "去上海"]


def test_user_words_without_effect_are_rejected():
    segmenter = Segmenter(["去上海", "iPhone手机", "沪", "去上海", "", "𠮷野家"])
    assert segmenter.rejected == ["", "iPhone手机", "沪", "𠮷野家"]
    assert segmenter.loaded == 1


def test_the_digest_depends_on_the_user_words_but_not_on_their_order_or_the_backend():
    digest = Segmenter(["去上海", "孙小圣"], backend="jieba").digest
    assert len(digest) == 64
    assert Segmenter(["孙小圣", "去上海", "沪"]).digest == digest
    assert Segmenter(["孙小圣"]).digest != digest


def test_an_unknown_backend_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="auto, jieba, rjieba"):
        Segmenter(backend="pkuseg")


def test_a_missing_rjieba_is_an_error_only_if_it_is_the_backend(monkeypatch):
    monkeypatch.setitem(sys.modules, "rjieba", None)
    assert cut(Segmenter(), "火车票") == ["火车票"]
    with pytest.raises(UsageError, match="pip install rjieba"):
        Segmenter(backend="rjieba")


def test_the_error_about_a_damaged_dictionary_names_it(monkeypatch, tmp_path):
    damaged = tmp_path / "dict.txt"
    damaged.write_text("火车 12 n\n火车票", encoding="utf-8")
    monkeypatch.setattr(segment, "_dictionary_path", lambda: damaged)
    with pytest.raises(CnluError, match=r"dict\.txt.*reinstall jieba"):
        Segmenter(backend="jieba").load()


def test_other_use_of_jieba_in_the_process_does_not_change_our_words(plain, monkeypatch):
    from jieba import finalseg

    text = "孙悟饭打怪"
    before = cut(plain, text)
    monkeypatch.setattr(finalseg, "Force_Split_Words", set(before))  # what jieba.del_word fills
    assert any(len(word) > 1 for word in before)
    assert cut(plain, text) == before


def test_threads_can_share_a_segmenter():
    segmenter = Segmenter(USER_WORDS, backend="jieba")
    results = []
    threads = [threading.Thread(target=lambda: results.append(cut(segmenter, SENTENCE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    assert all(result == results[0] for result in results)


def test_nothing_is_written_or_printed_and_the_global_dictionary_of_jieba_is_not_loaded(tmp_path, checkout):
    script = (
        "import sys\n"
        "import cnlu.text.chars, cnlu.text.normalize\n"
        "from cnlu.text.segment import Segmenter\n"
        "segmenter = Segmenter(['去上海'], backend='jieba')\n"
        "assert 'jieba' not in sys.modules, 'the constructor must not load jieba'\n"
        f"segmenter.spans({SENTENCE!r})\n"
        "import jieba\n"
        "assert not jieba.dt.initialized and not jieba.dt.FREQ\n"
    )
    folders = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME"), str(tmp_path))
    command = [sys.executable, "-c", script]
    env = {**os.environ, **folders}
    done = subprocess.run(command, env=env, cwd=checkout, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
