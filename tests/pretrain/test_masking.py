"""Masks: whole units, an even share, no favoured place or length, the same however rows are batched."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnlu.errors import UsageError
from cnlu_pretrain import rng
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.corpus.shards import SPAN, SPAN_START, WORD
from cnlu_pretrain.masking.masker import IGNORED, KEPT, OPEN, RANDOM, REPLACED, Masker
from cnlu_pretrain.masking.random_tokens import random_tokens, uniform_tokens
from cnlu_pretrain.masking.units import SPECIAL, geometric
from cnlu_pretrain.similar.build_table import build_table
from cnlu_pretrain.similar.table import SimilarWords

MASK, ORDINARY = 4, np.arange(10, 3000)
STRATEGIES = ("token", "word", "ngram", "span", "entity")
LENGTHS, SHARES = (1, 2, 3, 4), (0.45, 0.4, 0.1, 0.05)  # about those of Chinese words


def masker(strategy="ngram", **more) -> Masker:
    return Masker(
        MaskingConfig(strategy=strategy, **more), seed=7, mask=MASK, random_tokens=uniform_tokens(ORDINARY, 3000)
    )


def rows(count: int, width: int, seed: int = 0, special_tokens: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Random tokens and flags of words of natural lengths, [CLS] and [SEP] at the ends, perhaps marks between."""
    generator = np.random.default_rng(seed)
    flags = np.zeros((count, width), np.uint8)
    for row in flags:
        at = 0
        while at < width:
            row[at] = WORD
            at += generator.choice(LENGTHS, p=SHARES)
    inside = generator.random((count, width)) < 0.1
    starts = inside & ((flags & WORD) != 0)
    flags[starts] |= SPAN_START | SPAN
    flags[:, 0] = flags[:, -1] = SPECIAL
    flags[generator.random((count, width)) < special_tokens] = SPECIAL
    return generator.choice(ORDINARY, (count, width)), flags


def words_of(flags: np.ndarray) -> list[list[tuple[int, int]]]:
    """By row, the words as (first, one past the last), reckoned one by one."""
    found = []
    for row in flags:
        words: list[list[int]] = []
        before_special = True
        for i, flag in enumerate(row):
            if flag & SPECIAL:
                before_special = True
            elif before_special or flag & WORD:
                words.append([i, i + 1])
                before_special = False
            else:
                words[-1][1] = i + 1
        found.append([(a, b) for a, b in words])
    return found


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_realised_rate_is_the_one_asked_for(strategy):
    tokens, flags = rows(600, 128, special_tokens=0.02)
    labels = masker(strategy)(tokens, flags, 0, np.arange(600)).labels
    assert abs((labels != IGNORED).sum() / (flags != SPECIAL).sum() - 0.15) < 0.003


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_place_in_a_row_is_favoured(strategy):
    tokens, flags = rows(1500, 102)
    hidden = np.mean([masker(strategy)(tokens, flags, e, np.arange(1500)).labels != IGNORED for e in range(4)], 0)
    deciles = hidden[:, 1:-1].reshape(1500, 10, 10).mean((0, 2))
    assert np.abs(deciles - 0.15).max() < 0.01


@pytest.mark.parametrize("strategy", ["word", "ngram", "span", "entity"])
def test_no_length_of_word_is_favoured(strategy):
    tokens, flags = rows(400, 128)
    hide, samples = masker(strategy), np.arange(400)
    hidden = np.mean([hide(tokens, flags, epoch, samples).labels != IGNORED for epoch in range(25)], 0)
    chances: dict[int, list[float]] = {}
    for row, words in zip(hidden, words_of(flags), strict=True):
        for start, end in words:
            chances.setdefault(end - start, []).append(row[start])
    for length in LENGTHS:
        assert abs(np.mean(chances[length]) - 0.15) < 0.01, length


@settings(max_examples=30)
@given(
    strategy=st.sampled_from(["word", "ngram", "span"]),
    seed=st.integers(0, 99),
    width=st.integers(4, 40),
    rate=st.floats(0.05, 0.6),
)
def test_a_word_is_hidden_whole_or_not_at_all_and_marks_never(strategy, seed, width, rate):
    tokens, flags = rows(6, width, seed, special_tokens=0.1)
    labels = masker(strategy, rate=rate)(tokens, flags, 0, np.arange(6)).labels
    assert (labels[flags == SPECIAL] == IGNORED).all()
    for row, words in zip(labels != IGNORED, words_of(flags), strict=True):
        assert all(len(set(row[start:end].tolist())) == 1 for start, end in words)


def test_a_hit_of_the_lexicon_is_one_unit():
    flags = np.full((500, 12), WORD, np.uint8)
    flags[:, 4] |= SPAN_START | SPAN
    flags[:, 5:7] |= SPAN
    tokens = np.full(flags.shape, 50)
    hidden = masker("entity", rate=0.3)(tokens, flags, 0, np.arange(500)).labels != IGNORED
    assert (hidden[:, 4] == hidden[:, 5]).all() and (hidden[:, 5] == hidden[:, 6]).all()
    assert (hidden[:, 3] != hidden[:, 4]).any() and (hidden[:, 6] != hidden[:, 7]).any()


@settings(max_examples=20)
@given(split=st.integers(1, 15), strategy=st.sampled_from(STRATEGIES))
def test_a_row_is_hidden_the_same_way_whatever_stands_beside_it(split, strategy):
    tokens, flags = rows(16, 60)
    samples = np.arange(100, 116)
    whole = masker(strategy)(tokens, flags, 3, samples)
    parts = [masker(strategy)(tokens[s], flags[s], 3, samples[s]) for s in (slice(0, split), slice(split, 16))]
    assert (whole.tokens == np.concatenate([part.tokens for part in parts])).all()
    assert (whole.labels == np.concatenate([part.labels for part in parts])).all()


def test_another_pass_and_another_seed_hide_other_tokens():
    tokens, flags = rows(8, 128)
    first, again, later = (masker()(tokens, flags, epoch, np.arange(8)).labels for epoch in (0, 0, 1))
    assert (first == again).all() and (first != later).any()
    other = Masker(MaskingConfig(), seed=8, mask=MASK, random_tokens=uniform_tokens(ORDINARY, 3000))(
        tokens, flags, 0, np.arange(8)
    ).labels
    assert (first != other).any()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_of_what_is_hidden_80_10_10(strategy):
    tokens, flags = rows(2500, 128)
    found = masker(strategy)(tokens, flags, 0, np.arange(2500))
    hidden = found.mask_action[found.mask_action != OPEN]
    for mask_action, share in ((REPLACED, 0.8), (RANDOM, 0.1), (KEPT, 0.1)):
        assert abs((hidden == mask_action).mean() - share) < 0.012
    assert (found.tokens[found.mask_action == REPLACED] == MASK).all()
    assert (found.tokens[found.mask_action == KEPT] == tokens[found.mask_action == KEPT]).all()
    assert np.isin(found.tokens[found.mask_action == RANDOM], ORDINARY).all()
    assert (found.tokens[found.mask_action == OPEN] == tokens[found.mask_action == OPEN]).all()
    assert (found.labels[found.mask_action != OPEN] == tokens[found.mask_action != OPEN]).all()


@pytest.mark.parametrize(("strategy", "per"), [("word", "token"), ("ngram", "word"), ("span", "unit")])
def test_each_paper_s_choice_of_what_is_replaced_together(strategy, per):
    tokens, flags = rows(600, 128)
    found = masker(strategy)(tokens, flags, 0, np.arange(600))
    mixed_words = [
        len(set(mask_action[a:b].tolist())) > 1
        for mask_action, words in zip(found.mask_action, words_of(flags), strict=True)
        for a, b in words
    ]
    units = found.unit.reshape(-1)
    fates = {u: set(found.mask_action.reshape(-1)[units == u].tolist()) for u in np.unique(units[units >= 0])[:300]}
    assert any(mixed_words) == (per == "token")
    assert all(len(one) == 1 for one in fates.values()) == (per == "unit")


def test_n_grams_are_as_long_as_macbert_says():
    flags = np.full((400, 514), WORD, np.uint8)
    flags[:, 0] = flags[:, -1] = SPECIAL
    unit = masker()(np.full(flags.shape, 50), flags, 0, np.arange(400)).unit
    _, sizes = np.unique(unit[unit >= 0], return_counts=True)
    shares = np.bincount(sizes, minlength=5)[1:5] / len(sizes)
    assert np.abs(shares - [0.4, 0.3, 0.2, 0.1]).max() < 0.015


def test_spans_are_as_long_as_spanbert_says():
    chances = np.array(geometric(0.2, 10)) / sum(geometric(0.2, 10))
    assert abs((chances * np.arange(1, 11)).sum() - 3.8) < 0.01  # the paper's mean


def unit_shares(config: MaskingConfig, segments: list[int], seed: int, longest: int) -> np.ndarray:
    """The share of the masked units of each length, for rows of segments of these numbers of words."""
    row = [SPECIAL, *(flag for size in segments for flag in [*[WORD] * size, SPECIAL])]
    flags = np.tile(np.array(row, np.uint8), (8_000 // len(row) + 1, 1))
    mask = Masker(config, seed=seed, mask=MASK, random_tokens=uniform_tokens(ORDINARY, 3000))
    sizes: list[int] = []
    for epoch in range(10):
        unit = mask(np.full(flags.shape, 50), flags, epoch, np.arange(len(flags))).unit
        sizes += np.unique(unit[unit >= 0], return_counts=True)[1].tolist()
    return np.bincount(sizes, minlength=longest + 1)[1:] / len(sizes)


@settings(max_examples=12, deadline=None)
@given(
    shares=st.lists(st.integers(1, 9), min_size=1, max_size=5).map(lambda shares: sorted(shares, reverse=True)),
    words=st.lists(st.integers(5, 50), min_size=1, max_size=6),
    seed=st.integers(0, 99),
)
def test_n_grams_have_the_configured_lengths_however_short_the_sentences_are(shares, words, seed):
    config = MaskingConfig(ngram_shares=" ".join(map(str, shares)))
    found = unit_shares(config, words, seed, len(shares))
    assert np.abs(found - np.array(shares) / sum(shares)).max() < 0.03


@pytest.mark.parametrize(("words", "shares"), [(3, [4, 3, 2, 0]), (2, [4, 3, 0, 0]), (1, [1, 0, 0, 0])])
def test_a_sentence_shorter_than_the_longest_n_gram_has_the_shares_of_those_that_fit(words, shares):
    found = unit_shares(MaskingConfig(), [words] * 8, 1, 4)
    assert np.abs(found - np.array(shares) / sum(shares)).max() < 0.02


def test_n_grams_of_one_length_leave_one_shorter_rest():
    config = MaskingConfig(ngram_shares="0 0 0 1")
    assert np.abs(unit_shares(config, [8], 1, 4) - [0, 0, 0, 1]).max() < 0.01
    assert np.abs(unit_shares(config, [10], 1, 4) - [0, 1 / 3, 0, 2 / 3]).max() < 0.03


@pytest.fixture(scope="module")
def similar(tokenizer) -> SimilarWords:
    found = {"价格": [("价钱", 0.9), ("票价", 0.8)], "买": [("购", 0.9)], "候补": [("排队", 0.7)]}
    return SimilarWords(build_table(found, _all_words()), tokenizer)


def _all_words():
    from cnlu_pretrain.config import SimilarConfig

    return SimilarConfig()


def test_similar_words_replace_whole_words_and_mask_stands_where_there_are_none(tokenizer, similar):
    ids = json.loads(tokenizer)["model"]["vocab"]
    text = ["价", "格", "买", "候", "补", "天"] * 20
    tokens = np.tile([ids[ch] for ch in text], (300, 1))
    flags = np.tile(np.array([WORD, 0, WORD, WORD, 0, WORD] * 20, np.uint8), (300, 1))
    hide = Masker(
        MaskingConfig(replacement="similar"),
        seed=1,
        mask=ids["[MASK]"],
        random_tokens=uniform_tokens(np.arange(5, len(ids)), len(ids)),
        similar=similar,
    )
    found = hide(tokens, flags, 0, np.arange(300))
    names = {i: piece for piece, i in ids.items()}
    put = {
        "".join(names[t] for t in found.tokens[r, c : c + 2])
        for r, c in np.argwhere(found.mask_action == REPLACED)
        if text[c] == "价"
    }
    assert put == {"价钱", "票价"}
    put = {
        (text[c], names[found.tokens[r, c]]) for r, c in np.argwhere(found.mask_action == REPLACED) if text[c] in "买天"
    }
    assert put == {("买", "购"), ("天", "[MASK]")}


def test_similar_words_for_single_tokens_are_refused():
    with pytest.raises(UsageError, match="whole words"):
        MaskingConfig(strategy="token", replacement="similar")


def test_shares_above_one_are_refused():
    with pytest.raises(UsageError, match="above 1"):
        MaskingConfig(replaced=0.9, random=0.2)


def test_random_tokens_are_of_the_kind_of_the_original_and_as_frequent_as_in_the_text(corpus):
    found = open_corpus(corpus)
    text = np.concatenate([found.read(shard).tokens for shard in found.shards]).astype(np.int64)
    draws = random_tokens_of(found)
    pieces = {i: piece for piece, i in json.loads(found.tokenizer)["model"]["vocab"].items()}
    han = np.array(["一" <= pieces[i] <= "龥" for i in range(len(pieces))])
    original = np.resize(text, 200_000)
    drawn = draws.draw(original, rng.bits(rng.keys(1, 0, np.zeros(1, int)), rng.TOKEN, np.arange(len(original))))
    assert (han[drawn] == han[original]).all()
    shares = [np.bincount(ids[han[ids]], minlength=len(pieces)) / han[ids].sum() for ids in (original, drawn)]
    assert np.abs(shares[0] - shares[1]).max() < 0.005


def test_a_kind_that_the_text_does_not_hold_still_has_random_tokens():
    draws = random_tokens(np.array([0, 0, 0, 1, 1, 2]), np.array([9, 5, 0, 7, 0, 3]), np.arange(5))
    bits = rng.bits(rng.keys(1, 0, np.zeros(1, int)), rng.TOKEN, np.arange(3000))
    assert set(draws.draw(np.zeros(3000, int), bits)) == {0, 1}  # never the id that the text does not hold
    assert set(draws.draw(np.full(3000, 3), bits)) == {3, 4}  # one id in the text would replace itself
    assert set(draws.draw(np.full(3000, 5), bits)) == {0, 1}  # not ordinary: the most frequent kind
