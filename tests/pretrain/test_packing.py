"""Packed rows: nearly full, every token in one of them, and the same for any number of processes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.errors import UsageError
from cnlu.text.tokens import SpecialTokens
from cnlu_pretrain import rng
from cnlu_pretrain.batching.check_pairs import check_pairs
from cnlu_pretrain.batching.packing import EMPTY, chunks, pack
from cnlu_pretrain.batching.pairs import pair_rows
from cnlu_pretrain.batching.row_index import RowIndex
from cnlu_pretrain.batching.rows import NO_ORDER, Layout, assemble
from cnlu_pretrain.batching.stream import Position, Step, Stream
from cnlu_pretrain.config import MaskingConfig, PrepareConfig
from cnlu_pretrain.corpus.corpus import open_corpus
from cnlu_pretrain.corpus.shards import WORD, Arrays
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.masking.random_tokens import uniform_tokens
from cnlu_pretrain.masking.units import SPECIAL
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare

SPECIAL_TOKENS = SpecialTokens(before=[2], after=[3], summary=0, pad=0, unknown=1, limit=512)
SENTENCES = st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=9), min_size=1, max_size=12)


def arrays_of(documents: list[list[int]]) -> Arrays:
    """Tokens 100, 101, ... in sentences of the given lengths."""
    sentences = np.array([size for document in documents for size in document], np.uint32)
    count = int(sentences.sum())
    return Arrays(
        np.arange(100, 100 + count),
        np.full(count, WORD, np.uint8),
        sentences,
        np.array([len(document) for document in documents], np.uint32),
    )


@given(documents=SENTENCES, room=st.integers(3, 40))
def test_each_token_is_in_one_row_and_no_row_is_too_long(documents, room):
    arrays = arrays_of(documents)
    rows = pack(arrays.sentences, arrays.documents, room)
    covered = np.concatenate([np.arange(a, a + n) for a, n in zip(rows.start, rows.size, strict=True)])
    assert sorted(covered.tolist()) == list(range(len(arrays.tokens)))
    for first, end in zip(rows.first[:-1], rows.first[1:], strict=True):
        assert rows.size[first:end].sum() + (end - first - 1) <= room


@given(documents=SENTENCES, room=st.integers(1, 80))
def test_a_chunk_has_all_the_sentences_of_one_document_that_fit(documents, room):
    arrays = arrays_of(documents)
    first, end = chunks(arrays.sentences, arrays.documents, room)
    assert first.tolist() == [0, *end[:-1].tolist()] and end[-1] == len(arrays.sentences)
    document_of = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    total = np.append(0, np.cumsum(arrays.sentences.astype(int)))
    for a, b in zip(first, end, strict=True):
        assert len(set(document_of[a:b])) == 1
        assert b - a == 1 or total[b] - total[a] <= room
        next_fits = b < len(document_of) and document_of[b] == document_of[a] and total[b + 1] - total[a] <= room
        assert not next_fits


@pytest.mark.parametrize("sizes", [(3, 40), (1, 8), (40, 70)])
def test_less_than_two_percent_is_padding(sizes):
    generator = np.random.default_rng(1)
    arrays = arrays_of([generator.integers(*sizes, 12).tolist() for _ in range(2000)])
    rows = pack(arrays.sentences, arrays.documents, 126)
    used = rows.size.sum() + (np.diff(rows.first) - 1).sum() + 2 * len(rows)
    assert 1 - used / (128 * len(rows)) < 0.02
    assert EMPTY < 0.02


def test_less_than_two_percent_of_the_sentences_are_cut():
    generator = np.random.default_rng(1)
    arrays = arrays_of([generator.integers(3, 40, 12).tolist() for _ in range(2000)])
    assert pack(arrays.sentences, arrays.documents, 126).cut < 0.02 * len(arrays.sentences)


def test_a_packed_row_has_special_tokens_at_its_ends_and_separators_between_its_texts():
    arrays = arrays_of([[3], [2], [4]])
    layout = Layout(SPECIAL_TOKENS, 16, "none")
    rows = layout.rows(arrays)
    batch = assemble(arrays, rows, np.array([0]), layout, rng.keys(0, 0, np.array([0])))
    tokens = batch.tokens[0].tolist()
    assert tokens == [2, 105, 106, 107, 108, 3, 100, 101, 102, 3, 103, 104, 3, 0, 0, 0]
    assert (batch.flags[0] == SPECIAL).tolist() == [t < 100 for t in tokens]
    assert batch.mask[0].tolist() == [True] * 13 + [False] * 3
    assert batch.order.tolist() == [NO_ORDER]


def test_half_of_the_sentence_pairs_are_in_reverse_order_and_labelled_so():
    arrays = arrays_of([[5, 4]] * 400)
    layout = Layout(SPECIAL_TOKENS, 16, "sop")
    rows = layout.rows(arrays)
    batch = assemble(arrays, rows, np.arange(400), layout, rng.keys(0, 0, np.arange(400)))
    reversed_pairs = batch.tokens[:, 1] > batch.tokens[np.arange(400), np.argmax(batch.kinds, 1)]
    assert reversed_pairs.astype(int).tolist() == batch.order.tolist()
    assert 0.4 < reversed_pairs.mean() < 0.6
    assert (batch.kinds.sum(1) == np.where(reversed_pairs, 6, 5)).all()  # the second piece and its [SEP]


def test_half_of_the_next_sentences_follow_in_the_text_and_are_labelled_so():
    arrays = arrays_of([[5, 4]] * 400)
    layout = Layout(SPECIAL_TOKENS, 16, "nsp")
    rows = layout.rows(arrays)
    batch = assemble(arrays, rows, np.arange(400), layout, rng.keys(0, 0, np.arange(400)))
    follows = batch.tokens[:, 7] == batch.tokens[:, 5] + 1
    assert (follows == (batch.order == 0)).all()
    assert 0.4 < follows.mean() < 0.6


def test_a_row_of_one_sentence_has_no_order_label():
    arrays = arrays_of([[5]])
    layout = Layout(SPECIAL_TOKENS, 16, "sop")
    batch = assemble(arrays, layout.rows(arrays), np.array([0]), layout, rng.keys(0, 0, np.array([0])))
    assert batch.order.tolist() == [NO_ORDER] and not batch.kinds.any()


@given(documents=SENTENCES, room=st.integers(4, 40))
def test_pairs_have_each_token_once_and_are_adjacent_in_one_document(documents, room):
    arrays = arrays_of(documents)
    rows = pair_rows(arrays, room, room + 1, 1)
    covered = np.concatenate([np.arange(a, a + n) for a, n in zip(rows.start, rows.size, strict=True)])
    assert sorted(covered.tolist()) == list(range(len(arrays.tokens)))
    bounds = np.append(0, np.cumsum([sum(document) for document in documents]))
    for row, document in enumerate(rows.document):
        start, size = (array[rows.first[row] : rows.first[row + 1]] for array in (rows.start, rows.size))
        assert size.sum() + len(size) - 1 <= room + 1
        if document >= 0:
            assert len(size) == 2 and start[0] + size[0] == start[1]
            assert bounds[document] <= start[0] and start[1] + size[1] <= bounds[document + 1]


def test_nearly_all_rows_of_running_text_are_pairs():
    generator = np.random.default_rng(1)
    documents = [generator.integers(3, 60, generator.integers(1, 12)).tolist() for _ in range(2000)]
    rows = Layout(SPECIAL_TOKENS, 64, "sop").rows(arrays_of(documents))
    assert (np.diff(rows.first) == 2).mean() > 0.95


def test_a_random_second_piece_is_from_another_document():
    arrays = arrays_of([[5, 4] * 6] * 5)
    bounds = np.append(100, 100 + np.cumsum([54] * 5))
    layout = Layout(SPECIAL_TOKENS, 14, "nsp")
    rows = layout.rows(arrays)
    indices = np.resize(np.arange(len(rows)), 2000)
    batch = assemble(arrays, rows, indices, layout, rng.keys(0, 0, np.arange(2000)))
    documents = [{int(np.searchsorted(bounds, t, "right")) for t in row if t >= 100} for row in batch.tokens]
    random = batch.order == 1
    assert 0.4 < random.mean() < 0.6
    assert [len(sources) == 2 for sources in documents] == random.tolist()


@pytest.mark.parametrize("objective", ["sop", "nsp"])
def test_an_order_objective_on_utterances_is_refused(objective, tiny_encoder, tmp_path):
    (tmp_path / "text.txt").write_text("\n\n".join(f"我要买{i}张去北京的票" for i in range(500)), "utf-8")
    prepare(PrepareRequest([str(tmp_path / "text.txt")], tmp_path / "c", PrepareConfig(processes=1), str(tiny_encoder)))
    utterances = open_corpus(tmp_path / "c")
    with pytest.raises(UsageError, match=r"objectives\.order: .* only 0\.0% of the corpus's rows"):
        check_pairs(utterances, Layout(utterances.special_tokens, 64, objective))


@pytest.fixture(scope="module")
def streams(corpus):
    opened = open_corpus(corpus)
    size = len(json.loads(opened.tokenizer)["model"]["vocab"])
    masker = Masker(MaskingConfig(), seed=1, mask=opened.mask, random_tokens=uniform_tokens(np.arange(5, size), size))

    def stream_of(rank: int = 0, world: int = 1) -> Stream:
        layout = Layout(opened.special_tokens, 64, "none")
        return Stream([RowIndex(opened, layout)], layout, masker, seed=1, rows=24, rank=rank, world=world)

    return stream_of


def take(stream: Stream, count: int, position: Position | None = None):
    steps = stream.steps(position or Position())
    return [next(steps) for _ in range(count)]


def masked_rows(step: Step) -> list[bytes]:
    """The tokens and labels of each row, sorted."""
    return sorted(
        np.stack([step.masked.tokens, step.masked.labels], 1)[row].tobytes() for row in range(len(step.masked.tokens))
    )


def test_two_processes_share_the_rows_of_one_process(streams):
    whole = take(streams(), 70)  # more than one pass over the corpus
    shared = [take(streams(rank, 2), 70) for rank in (0, 1)]
    for step, *parts in zip(whole, *shared, strict=True):
        assert [len(part.masked.tokens) for part in parts] == [12, 12]
        assert masked_rows(step) == sorted(masked_rows(parts[0]) + masked_rows(parts[1]))


def test_a_stream_continues_from_any_of_its_positions(streams):
    whole = take(streams(), 60)
    for at in (0, 7, 40):
        later = take(streams(), 5, whole[at].after)
        for expected, step in zip(whole[at + 1 :], later, strict=False):
            assert (step.masked.tokens == expected.masked.tokens).all()
            assert step.after == expected.after
