"""Masking: whole units at the exact rate, no favoured position or word length, independent of the batch."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnlu.errors import UsageError
from cnlu_pretrain import rng
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.config import MaskingConfig, SimilarConfig
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


@cache
def masker(strategy="ngram", **more) -> Masker:
    return Masker(
        MaskingConfig(strategy=strategy, **more), seed=7, mask=MASK, random_tokens=uniform_tokens(ORDINARY, 3000)
    )


def rows(count: int, width: int, seed: int = 0, special_tokens: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Random tokens and flags of words of natural lengths between [CLS] and [SEP].

    `special_tokens` is the share of further special tokens within the rows.
    """
    generator = np.random.default_rng(seed)
    lengths = generator.choice(LENGTHS, (count, width), p=SHARES)
    first = np.cumsum(lengths, 1) - lengths
    row, word = np.nonzero(first < width)
    flags = np.zeros((count, width), np.uint8)
    flags[row, first[row, word]] = WORD
    inside = generator.random((count, width)) < 0.1
    starts = inside & ((flags & WORD) != 0)
    flags[starts] |= SPAN_START | SPAN
    flags[:, 0] = flags[:, -1] = SPECIAL
    flags[generator.random((count, width)) < special_tokens] = SPECIAL
    return generator.choice(ORDINARY, (count, width)), flags


def words_of(flags: np.ndarray) -> list[list[tuple[int, int]]]:
    """The words of each row as (first token, one past the last token), from a loop over the tokens."""
    rows_of_words = []
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
        rows_of_words.append([(start, end) for start, end in words])
    return rows_of_words


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_share_of_masked_tokens_is_the_configured_rate(strategy):
    tokens, flags = rows(600, 128, special_tokens=0.02)
    labels = masker(strategy)(tokens, flags, 0, np.arange(600)).labels
    assert abs((labels != IGNORED).sum() / (flags != SPECIAL).sum() - 0.15) < 0.003


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_position_in_a_row_is_favoured(strategy):
    tokens, flags = rows(1500, 102)
    mask, samples = masker(strategy), np.arange(1500)
    masked = np.mean([mask(tokens, flags, epoch, samples).labels != IGNORED for epoch in range(4)], 0)
    deciles = masked[:, 1:-1].reshape(1500, 10, 10).mean((0, 2))
    assert np.abs(deciles - 0.15).max() < 0.01


@pytest.mark.parametrize("strategy", ["word", "ngram", "span", "entity"])
def test_no_word_length_is_favoured(strategy):
    tokens, flags = rows(400, 128)
    mask, samples = masker(strategy), np.arange(400)
    masked = np.mean([mask(tokens, flags, epoch, samples).labels != IGNORED for epoch in range(25)], 0)
    rates: dict[int, list[float]] = {}
    for row, words in zip(masked, words_of(flags), strict=True):
        for start, end in words:
            rates.setdefault(end - start, []).append(row[start])
    for length in LENGTHS:
        assert abs(np.mean(rates[length]) - 0.15) < 0.01, length


@settings(max_examples=30)
@given(
    strategy=st.sampled_from(["word", "ngram", "span"]),
    seed=st.integers(0, 99),
    width=st.integers(4, 40),
    rate=st.floats(0.05, 0.6),
)
def test_a_word_is_masked_whole_or_not_at_all_and_special_tokens_never(strategy, seed, width, rate):
    tokens, flags = rows(6, width, seed, special_tokens=0.1)
    labels = masker(strategy, rate=rate)(tokens, flags, 0, np.arange(6)).labels
    assert (labels[flags == SPECIAL] == IGNORED).all()
    for row, words in zip(labels != IGNORED, words_of(flags), strict=True):
        assert all(len(set(row[start:end].tolist())) == 1 for start, end in words)


def test_a_lexicon_match_is_masked_as_one_unit():
    flags = np.full((500, 12), WORD, np.uint8)
    flags[:, 4] |= SPAN_START | SPAN
    flags[:, 5:7] |= SPAN
    tokens = np.full(flags.shape, 50)
    masked = masker("entity", rate=0.3)(tokens, flags, 0, np.arange(500)).labels != IGNORED
    assert (masked[:, 4] == masked[:, 5]).all() and (masked[:, 5] == masked[:, 6]).all()
    assert (masked[:, 3] != masked[:, 4]).any() and (masked[:, 6] != masked[:, 7]).any()


@settings(max_examples=20)
@given(split=st.integers(1, 15), strategy=st.sampled_from(STRATEGIES))
def test_the_mask_of_a_row_does_not_depend_on_the_other_rows_of_the_batch(split, strategy):
    tokens, flags = rows(16, 60)
    samples = np.arange(100, 116)
    whole = masker(strategy)(tokens, flags, 3, samples)
    parts = [masker(strategy)(tokens[s], flags[s], 3, samples[s]) for s in (slice(0, split), slice(split, 16))]
    assert (whole.tokens == np.concatenate([part.tokens for part in parts])).all()
    assert (whole.labels == np.concatenate([part.labels for part in parts])).all()


def test_another_epoch_and_another_seed_mask_other_tokens():
    tokens, flags = rows(8, 128)
    first, again, later = (masker()(tokens, flags, epoch, np.arange(8)).labels for epoch in (0, 0, 1))
    assert (first == again).all() and (first != later).any()
    other_seed = Masker(MaskingConfig(), seed=8, mask=MASK, random_tokens=uniform_tokens(ORDINARY, 3000))
    assert (first != other_seed(tokens, flags, 0, np.arange(8)).labels).any()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_masked_tokens_are_replaced_random_or_kept_at_80_10_10_percent(strategy):
    tokens, flags = rows(2500, 128)
    masked = masker(strategy)(tokens, flags, 0, np.arange(2500))
    actions = masked.mask_action
    for action, share in ((REPLACED, 0.8), (RANDOM, 0.1), (KEPT, 0.1)):
        assert abs((actions[actions != OPEN] == action).mean() - share) < 0.012
    assert (masked.tokens[actions == REPLACED] == MASK).all()
    assert (masked.tokens[actions == KEPT] == tokens[actions == KEPT]).all()
    assert np.isin(masked.tokens[actions == RANDOM], ORDINARY).all()
    assert (masked.tokens[actions == OPEN] == tokens[actions == OPEN]).all()
    assert (masked.labels[actions != OPEN] == tokens[actions != OPEN]).all()


@pytest.mark.parametrize(("strategy", "per"), [("word", "token"), ("ngram", "word"), ("span", "unit")])
def test_the_mask_action_is_drawn_per_token_word_or_unit_as_in_the_papers(strategy, per):
    tokens, flags = rows(600, 128)
    masked = masker(strategy)(tokens, flags, 0, np.arange(600))
    mixed_words = [
        len(set(actions[start:end].tolist())) > 1
        for actions, words in zip(masked.mask_action, words_of(flags), strict=True)
        for start, end in words
    ]
    units, actions = masked.unit.reshape(-1), masked.mask_action.reshape(-1)
    uniform_units = [len(set(actions[units == unit].tolist())) == 1 for unit in np.unique(units[units >= 0])[:300]]
    assert any(mixed_words) == (per == "token")
    assert all(uniform_units) == (per == "unit")


def test_n_grams_have_the_lengths_of_macbert():
    flags = np.full((400, 514), WORD, np.uint8)
    flags[:, 0] = flags[:, -1] = SPECIAL
    unit = masker()(np.full(flags.shape, 50), flags, 0, np.arange(400)).unit
    _, sizes = np.unique(unit[unit >= 0], return_counts=True)
    shares = np.bincount(sizes, minlength=5)[1:5] / len(sizes)
    assert np.abs(shares - [0.4, 0.3, 0.2, 0.1]).max() < 0.015


def test_spans_have_the_mean_length_of_spanbert():
    probabilities = np.array(geometric(0.2, 10)) / sum(geometric(0.2, 10))
    assert abs((probabilities * np.arange(1, 11)).sum() - 3.8) < 0.01  # the paper's mean


def unit_shares(config: MaskingConfig, segments: list[int], seed: int, longest: int) -> np.ndarray:
    """The share of each length among the masked units; `segments` are the numbers of words between special tokens."""
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
def test_n_grams_have_the_configured_lengths_in_sentences_of_any_length(shares, words, seed):
    config = MaskingConfig(ngram_shares=" ".join(map(str, shares)))
    actual = unit_shares(config, words, seed, len(shares))
    assert np.abs(actual - np.array(shares) / sum(shares)).max() < 0.03


@pytest.mark.parametrize(("words", "shares"), [(3, [4, 3, 2, 0]), (2, [4, 3, 0, 0]), (1, [1, 0, 0, 0])])
def test_a_sentence_shorter_than_the_longest_n_gram_has_the_shares_of_the_n_grams_that_fit(words, shares):
    actual = unit_shares(MaskingConfig(), [words] * 8, 1, 4)
    assert np.abs(actual - np.array(shares) / sum(shares)).max() < 0.02


def test_with_n_grams_of_one_length_only_the_last_of_a_sentence_is_shorter():
    config = MaskingConfig(ngram_shares="0 0 0 1")
    assert np.abs(unit_shares(config, [8], 1, 4) - [0, 0, 0, 1]).max() < 0.01
    assert np.abs(unit_shares(config, [10], 1, 4) - [0, 1 / 3, 0, 2 / 3]).max() < 0.03


@pytest.fixture(scope="module")
def similar(tokenizer) -> SimilarWords:
    neighbours = {"价格": [("价钱", 0.9), ("票价", 0.8)], "买": [("购", 0.9)], "候补": [("排队", 0.7)]}
    return SimilarWords(build_table(neighbours, SimilarConfig()), tokenizer)


def test_similar_words_replace_whole_words_and_mask_replaces_a_word_without_similar_ones(tokenizer, similar):
    ids = json.loads(tokenizer)["model"]["vocab"]
    names = {i: piece for piece, i in ids.items()}
    text = ["价", "格", "买", "候", "补", "天"] * 20
    tokens = np.tile([ids[ch] for ch in text], (300, 1))
    flags = np.tile(np.array([WORD, 0, WORD, WORD, 0, WORD] * 20, np.uint8), (300, 1))
    mask = Masker(
        MaskingConfig(replacement="similar"),
        seed=1,
        mask=ids["[MASK]"],
        random_tokens=uniform_tokens(np.arange(5, len(ids)), len(ids)),
        similar=similar,
    )
    masked = mask(tokens, flags, 0, np.arange(300))
    replaced = np.argwhere(masked.mask_action == REPLACED)
    words = {"".join(names[i] for i in masked.tokens[row, at : at + 2]) for row, at in replaced if text[at] == "价"}
    assert words == {"价钱", "票价"}
    pairs = {(text[at], names[masked.tokens[row, at]]) for row, at in replaced if text[at] in "买天"}
    assert pairs == {("买", "购"), ("天", "[MASK]")}


def test_similar_replacement_of_single_tokens_is_refused():
    with pytest.raises(UsageError, match="whole words"):
        MaskingConfig(strategy="token", replacement="similar")


def test_shares_of_replaced_and_random_above_one_are_refused():
    with pytest.raises(UsageError, match="above 1"):
        MaskingConfig(replaced=0.9, random=0.2)


def test_random_tokens_have_the_kind_of_the_original_and_the_frequencies_of_the_text(corpus):
    opened = open_corpus(corpus)
    text = np.concatenate([opened.read(shard).tokens for shard in opened.shards]).astype(np.int64)
    random = random_tokens_of(opened)
    pieces = {i: piece for piece, i in json.loads(opened.tokenizer)["model"]["vocab"].items()}
    han = np.array(["一" <= pieces[i] <= "龥" for i in range(len(pieces))])
    original = np.resize(text, 200_000)
    drawn = random.draw(original, rng.bits(rng.keys(1, 0, np.zeros(1, int)), rng.TOKEN, np.arange(len(original))))
    assert (han[drawn] == han[original]).all()
    shares = [np.bincount(ids[han[ids]], minlength=len(pieces)) / han[ids].sum() for ids in (original, drawn)]
    assert np.abs(shares[0] - shares[1]).max() < 0.005


def test_a_kind_without_usable_counts_still_has_random_tokens():
    random = random_tokens(np.array([0, 0, 0, 1, 1, 2]), np.array([9, 5, 0, 7, 0, 3]), np.arange(5))
    bits = rng.bits(rng.keys(1, 0, np.zeros(1, int)), rng.TOKEN, np.arange(3000))
    assert set(random.draw(np.zeros(3000, int), bits)) == {0, 1}  # not the id that the text lacks
    assert set(random.draw(np.full(3000, 3), bits)) == {3, 4}  # the only id in the text would replace itself
    assert set(random.draw(np.full(3000, 5), bits)) == {0, 1}  # an id that is never drawn: the most frequent kind
