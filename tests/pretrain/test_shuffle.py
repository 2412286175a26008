"""The order of rows: every row once in a pass, from all shards at once, whatever the order of the shards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnlu.errors import CnluError
from cnlu_pretrain.batching.permutation import permuted
from cnlu_pretrain.batching.row_index import RowIndex
from cnlu_pretrain.batching.rows import Layout
from cnlu_pretrain.batching.stream import Position, Step, Stream
from cnlu_pretrain.config import MaskingConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.masking.masker import IGNORED, Masker
from cnlu_pretrain.masking.random_tokens import uniform_tokens
from tests.pretrain.corpora import prepare_texts

ROWS = 16


@pytest.fixture(scope="module")
def opened(corpus) -> Corpus:
    return open_corpus(corpus)


def stream_of(*corpora: Corpus, shares: tuple[float, ...] = (1.0,), length: int = 64, seed: int = 1) -> Stream:
    first = corpora[0]
    layout = Layout(first.special_tokens, length, "none")
    tokens = uniform_tokens(np.arange(5, first.vocabulary), first.vocabulary)
    masker = Masker(MaskingConfig(), seed=1, mask=first.mask, random_tokens=tokens)
    return Stream([RowIndex(one, layout) for one in corpora], layout, masker, seed=seed, rows=ROWS, shares=shares)


def rows_of(steps: list[Step]) -> list[bytes]:
    """The original tokens of each row."""
    return [row.tobytes() for step in steps for row in step.batch.tokens]


def passes(stream: Stream, count: int = 1) -> list[bytes]:
    """The rows of the first passes, a pass in each step."""
    stream.rows = stream.rows_per_pass
    steps = stream.steps(Position())
    return rows_of([next(steps) for _ in range(count)])


@pytest.mark.parametrize("size", [1, 2, 3, 10, 97, 1000])
def test_a_permutation_has_every_number_once(size):
    for key in (np.uint64(1), np.uint64(2**64 - 1)):
        assert sorted(permuted(np.arange(size), size, key).tolist()) == list(range(size))


def test_permutations_of_different_keys_are_unrelated():
    one, other = (permuted(np.arange(10_000), 10_000, np.uint64(key)) for key in (1, 2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 0.05
    assert (one == other).sum() < 10


def test_a_pass_has_every_row_once(opened):
    stream = stream_of(opened)
    layout = Layout(opened.special_tokens, 64, "none")
    index = RowIndex(opened, layout)
    every = Counter(passes(stream))
    assert sum(every.values()) == len(index) == sum(len(layout.rows(opened.read(shard))) for shard in opened.shards)
    assert Counter(passes(stream, 2)) == every + every


def test_every_pass_has_another_order(opened):
    stream = stream_of(opened)
    first, second, third = ({*rows_of([next(stream.steps(Position(epoch)))])} for epoch in range(3))
    assert max(len(first & second), len(first & third), len(second & third)) < ROWS / 4


def test_a_batch_has_rows_of_all_shards(opened):
    assert len(opened.shards) > 1
    shard_of = {
        row: shard.name for shard in opened.shards for row in passes(stream_of(replace(opened, shards=[shard])))
    }
    steps = stream_of(opened).steps(Position())
    for _ in range(10):
        assert {shard_of[row] for row in rows_of([next(steps)])} == {shard.name for shard in opened.shards}


def test_the_order_of_the_shards_has_no_effect(opened):
    reordered = replace(opened, shards=[*opened.shards[1:], opened.shards[0]])
    one, other = (stream_of(corpus).steps(Position()) for corpus in (opened, reordered))
    for _ in range(20):
        step, again = next(one), next(other)
        assert np.array_equal(step.masked.tokens, again.masked.tokens)
        assert np.array_equal(step.masked.labels, again.masked.labels)


def test_the_size_of_the_shards_does_not_change_what_a_pass_reads(tmp_path, tiny_encoder, railway_lines):
    text = "\n".join(railway_lines[:2000])
    counts = []
    for size in (3000, 1_000_000):
        corpus = prepare_texts(tmp_path, tiny_encoder, text, shard_tokens=size)
        rows = [np.frombuffer(row, np.int64) for row in passes(stream_of(corpus))]
        counts.append(np.bincount(np.concatenate(rows), minlength=corpus.vocabulary)[5:])
    assert np.array_equal(*counts)


def test_a_row_is_masked_differently_in_every_pass(opened):
    stream = stream_of(opened)
    stream.rows = stream.rows_per_pass
    steps = stream.steps(Position())
    masks: dict[bytes, set[bytes]] = {}
    for step in (next(steps), next(steps)):
        for tokens, labels in zip(step.batch.tokens, step.masked.labels, strict=True):
            masks.setdefault(tokens.tobytes(), set()).add((labels == IGNORED).tobytes())
    assert sum(len(different) == 2 for different in masks.values()) > 0.95 * len(masks)


def test_rows_that_cannot_be_written_name_the_folder(opened, tmp_path: Path):
    with pytest.raises(CnluError, match=r"missing: the packed rows cannot be written \(No such file or directory\)"):
        RowIndex(opened, Layout(opened.special_tokens, 64, "none"), tmp_path / "missing")


@pytest.fixture
def other(tmp_path, tiny_encoder, railway_lines) -> Callable[[int], Corpus]:
    """A further corpus of as many lines, all of which begin with the same word."""
    return lambda lines: prepare_texts(
        tmp_path, tiny_encoder, "\n\n".join(f"天气{i}{line}" for i, line in enumerate(railway_lines[:lines]))
    )


@pytest.mark.parametrize("lines", [40, 4000], ids=["smaller", "larger"])
def test_a_pass_has_exactly_the_shares_of_a_mix(opened, other, lines):
    mixed = stream_of(opened, other(lines), shares=(0.7, 0.3))
    own = Counter(passes(stream_of(opened)))
    rows = passes(mixed)
    assert len(rows) == mixed.rows_per_pass == round(sum(own.values()) / 0.7)
    ours = Counter(row for row in rows if row in own)
    assert ours == own


def test_the_rows_of_a_corpus_that_is_mixed_in_repeat_only_after_all_of_them(opened, other):
    small = other(200)
    theirs = Counter(passes(stream_of(small)))
    rows = [row for row in passes(stream_of(opened, small, shares=(0.5, 0.5)), 2) if row in theirs]
    assert len(rows) == 2 * len(passes(stream_of(opened)))
    times = [Counter(rows)[row] / theirs[row] for row in theirs]
    assert max(times) - min(times) <= 1


def test_a_mix_continues_from_any_of_its_positions(opened, other):
    stream = stream_of(opened, other(200), shares=(0.7, 0.3))
    steps = stream.steps(Position())
    whole = [next(steps) for _ in range(60)]
    for at in (0, 30, 55):
        again = next(stream.steps(whole[at].after))
        assert np.array_equal(again.masked.tokens, whole[at + 1].masked.tokens)
