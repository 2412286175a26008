"""Constrained decoding against brute force: every legal tag sequence of a tiny lattice, scored one by one."""

from __future__ import annotations

import itertools
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnlu.data.tags import TagSet
from cnlu.errors import ModelError
from cnlu.runtime import decode
from cnlu.runtime.decode import build_lattice, marginals, span_confidences, viterbi


@st.composite
def problems(draw: st.DrawFn, spread: float = 4.0, longest: int = 4) -> SimpleNamespace:
    """A tag set, random scores and a sentence of emissions."""
    tagset = TagSet(draw(st.sampled_from([["a"], ["a", "b-c"]])), draw(st.sampled_from(["BIO", "BILOU"])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, length = len(tagset.tags), draw(st.integers(1, longest))
    transitions, start, end = rng.normal(size=(count, count)), rng.normal(size=count), rng.normal(size=count)
    return SimpleNamespace(
        tagset=tagset,
        transitions=transitions,
        start=start,
        end=end,
        emissions=(rng.uniform(-1, 1, size=(length, count)) * spread).astype(np.float32),
        lattice=build_lattice(transitions, start, end, tagset),
    )


def _legal(tagset: TagSet, path: tuple[int, ...]) -> bool:
    moves = all(tagset.legal[a, b] for a, b in itertools.pairwise(path))
    return bool(tagset.legal_start[path[0]] and tagset.legal_end[path[-1]] and moves)


def _paths(problem: SimpleNamespace) -> dict[tuple[int, ...], float]:
    """Every legal sequence and its score."""
    scores, emissions = {}, problem.emissions.astype(float)
    for path in itertools.product(range(len(problem.tagset.tags)), repeat=len(emissions)):
        if _legal(problem.tagset, path):
            moves = sum(problem.transitions[a, b] for a, b in itertools.pairwise(path))
            here = sum(emissions[step, tag] for step, tag in enumerate(path))
            scores[path] = float(problem.start[path[0]] + moves + here + problem.end[path[-1]])
    return scores


def _probabilities(problem: SimpleNamespace) -> dict[tuple[int, ...], float]:
    scores = _paths(problem)
    top = max(scores.values())
    weights = {path: np.exp(score - top) for path, score in scores.items()}
    total = sum(weights.values())
    return {path: weight / total for path, weight in weights.items()}


def _all_spans(problem: SimpleNamespace) -> list[tuple[int, int, str]]:
    cuts = itertools.combinations(range(len(problem.emissions) + 1), 2)
    return [(start, end, kind) for start, end in cuts for kind in problem.tagset.entity_types]


@given(problems())
@settings(max_examples=60, deadline=None)
def test_viterbi_finds_the_best_legal_sequence(problem: SimpleNamespace) -> None:
    scores = _paths(problem)
    path = tuple(viterbi(problem.lattice, problem.emissions))
    assert scores[path] == pytest.approx(max(scores.values()), abs=1e-4)


def _assert_spans_agree(problem: SimpleNamespace) -> None:
    probabilities, spans = _probabilities(problem), _all_spans(problem)
    decoded = [(set(problem.tagset.decode(path)), probability) for path, probability in probabilities.items()]
    expected = [sum(probability for found, probability in decoded if span in found) for span in spans]
    assert span_confidences(problem.lattice, problem.emissions, spans) == pytest.approx(expected, abs=1e-6)


@given(problems())
@settings(max_examples=40, deadline=None)
def test_span_confidence_is_the_share_of_sequences_with_exactly_that_span(problem: SimpleNamespace) -> None:
    _assert_spans_agree(problem)


@given(problems(spread=50.0))
@settings(max_examples=20, deadline=None)
def test_span_confidence_holds_for_extreme_scores(problem: SimpleNamespace) -> None:
    _assert_spans_agree(problem)


@given(problems(spread=1000.0))
@settings(max_examples=20, deadline=None)
def test_span_confidence_holds_where_linear_space_underflows(problem: SimpleNamespace) -> None:
    _assert_spans_agree(problem)


@given(problems())
@settings(max_examples=20, deadline=None)
def test_linear_and_log_space_agree(problem: SimpleNamespace) -> None:
    scores = decode._bounded(problem.lattice, problem.emissions, np.float64)
    for linear, log in zip(
        decode._messages(problem.lattice, scores), decode._messages_log(problem.lattice, scores), strict=True
    ):
        np.testing.assert_allclose(linear, log, atol=1e-9)


@given(problems())
@settings(max_examples=20, deadline=None)
def test_marginals_are_the_share_of_sequences_with_that_tag(problem: SimpleNamespace) -> None:
    expected = np.zeros(problem.emissions.shape)
    for path, probability in _probabilities(problem).items():
        expected[np.arange(len(path)), path] += probability
    found = marginals(problem.lattice, problem.emissions)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not found[expected == 0].any()


@given(problems(spread=900.0, longest=40))
@settings(max_examples=40, deadline=None)
def test_no_illegal_sequence_can_come_out(problem: SimpleNamespace) -> None:
    assert _legal(problem.tagset, tuple(viterbi(problem.lattice, problem.emissions)))


@pytest.mark.parametrize("scheme", ["BIO", "BILOU"])
def test_extreme_emissions_cannot_force_an_illegal_sequence(scheme: str) -> None:
    tagset = TagSet(["a", "b"], scheme)
    zeros = np.zeros(len(tagset.tags))
    lattice = build_lattice(np.zeros((len(tagset.tags), len(tagset.tags))), zeros, zeros, tagset)
    for scream in ("I-a", "B-b"):
        emissions = np.full((5, len(tagset.tags)), -50, np.float32)
        emissions[:, tagset.tags.index(scream)] = 50
        path = viterbi(lattice, emissions)
        assert _legal(tagset, tuple(path))
        assert all(0 <= c <= 1 for c in span_confidences(lattice, emissions, tagset.decode(path)))


def test_no_characters_and_no_spans_give_nothing() -> None:
    tagset = TagSet(["a"], "BIO")
    lattice = build_lattice(np.zeros((3, 3)), np.zeros(3), np.zeros(3), tagset)
    assert viterbi(lattice, np.zeros((0, 3), np.float32)) == []
    assert span_confidences(lattice, np.zeros((0, 3), np.float32), []) == []
    assert marginals(lattice, np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_a_tag_set_without_types_tags_everything_outside() -> None:
    lattice = build_lattice(np.ones((1, 1)), np.zeros(1), np.zeros(1), TagSet([], "BIO"))
    assert viterbi(lattice, np.ones((4, 1), np.float32)) == [0, 0, 0, 0]
    assert marginals(lattice, np.ones((4, 1), np.float32)).tolist() == [[1.0]] * 4


def test_emissions_are_not_changed() -> None:
    tagset = TagSet(["a"], "BILOU")
    lattice = build_lattice(np.ones((5, 5)), np.ones(5), np.ones(5), tagset)
    emissions = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    before = emissions.copy()
    viterbi(lattice, emissions)
    span_confidences(lattice, emissions, [(0, 2, "a")])
    assert (emissions == before).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_scores_that_are_not_finite_are_a_model_error(value: float) -> None:
    tagset = TagSet(["a"], "BIO")
    lattice = build_lattice(np.zeros((3, 3)), np.zeros(3), np.zeros(3), tagset)
    emissions = np.zeros((2, 3), np.float32)
    emissions[1, 1] = value
    with pytest.raises(ModelError, match="not finite"):
        viterbi(lattice, emissions)
    with pytest.raises(ModelError, match="not finite"):
        span_confidences(lattice, emissions, [(0, 1, "a")])


def test_parameters_that_do_not_fit_are_a_model_error() -> None:
    with pytest.raises(ModelError, match="scores 2 tags"):
        build_lattice(np.zeros((2, 2)), np.zeros(2), np.zeros(2), TagSet(["a"], "BIO"))
    with pytest.raises(ModelError, match="not finite"):
        build_lattice(np.full((3, 3), np.nan), np.zeros(3), np.zeros(3), TagSet(["a"], "BIO"))


def _large(types: int, length: int, scale: float = 5.0) -> SimpleNamespace:
    tagset = TagSet([f"type{index}" for index in range(types)], "BILOU")
    rng, count = np.random.default_rng(7), 1 + 4 * types
    lattice = build_lattice(rng.normal(size=(count, count)), rng.normal(size=count), rng.normal(size=count), tagset)
    emissions = rng.normal(size=(length, count)).astype(np.float32) * scale
    return SimpleNamespace(tagset=tagset, lattice=lattice, emissions=emissions)


def test_five_thousand_characters_stay_exact() -> None:
    problem = _large(types=3, length=5000)
    found = marginals(problem.lattice, problem.emissions)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-9)
    path = viterbi(problem.lattice, problem.emissions)
    spans = problem.tagset.decode(path)
    confidences = span_confidences(problem.lattice, problem.emissions, spans)
    # A span cannot be likelier than its first tag; a one-character span is exactly as likely as its U tag.
    for (start, end, _), confidence in zip(spans, confidences, strict=True):
        assert confidence <= found[start, path[start]] + 1e-9
        if end == start + 1:
            assert confidence == pytest.approx(found[start, path[start]])


def test_a_short_sentence_with_many_tags_decodes_in_well_under_a_millisecond() -> None:
    problem = _large(types=24, length=12)
    spans = [(1, 3, "type1"), (5, 6, "type2")]

    def once() -> float:
        begin = time.perf_counter()
        viterbi(problem.lattice, problem.emissions)
        span_confidences(problem.lattice, problem.emissions, spans)
        return time.perf_counter() - begin

    # About 0.2 ms; the bound is wide because test machines are busy.
    assert min(once() for _ in range(50)) < 2e-3
