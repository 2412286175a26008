"""Tags and spans: encoding and decoding are exact inverses, and only legal tags follow each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.data.schema import Entity
from cnlu.data.tags import TagSet
from cnlu.errors import UsageError

TYPES = ["city", "B-x", "日期"]
SCHEMES = pytest.mark.parametrize("scheme", ["BIO", "BILOU"])


def spans(draw: st.DrawFn, length: int) -> list[tuple[int, int, str]]:
    """Non-overlapping spans, many of them adjacent."""
    drawn, at = [], 0
    while at < length:
        end = draw(st.integers(at, min(length, at + 4)))
        if end > at and draw(st.integers(0, 3)):
            drawn.append((at, end, draw(st.sampled_from(TYPES))))
        at = max(end, at + 1)
    return drawn


def entity(start: int, end: int, kind: str = "city") -> Entity:
    return Entity(start, end, kind, "")


@SCHEMES
@given(data=st.data(), length=st.integers(0, 20))
def test_decode_is_the_inverse_of_encode(scheme: str, data: st.DataObject, length: int) -> None:
    tags = TagSet(TYPES, scheme)
    chosen = st.composite(lambda draw: spans(draw, length))()
    expected = data.draw(chosen)
    ids, dropped = tags.encode(length, [entity(*span) for span in expected])
    assert tags.decode(ids) == expected and not dropped and len(ids) == length
    if ids:
        assert tags.legal_start[ids[0]] and tags.legal_end[ids[-1]] and tags.legal[ids[:-1], ids[1:]].all()


@SCHEMES
@given(data=st.data())
def test_encode_is_the_inverse_of_decode_on_legal_sequences(scheme: str, data: st.DataObject) -> None:
    tags = TagSet(TYPES, scheme)
    ids: list[int] = []
    while data.draw(st.integers(0, 12)) or (ids and not tags.legal_end[ids[-1]]):
        allowed = tags.legal[ids[-1]] if ids else tags.legal_start
        ids.append(int(data.draw(st.sampled_from(np.flatnonzero(allowed).tolist()))))
    assert tags.encode(len(ids), [entity(*span) for span in tags.decode(ids)]) == (ids, [])


@SCHEMES
@given(st.data())
def test_any_sequence_decodes_to_non_overlapping_spans_inside_it(scheme: str, data: st.DataObject) -> None:
    tags = TagSet(TYPES, scheme)
    ids = data.draw(st.lists(st.integers(0, len(tags.tags) - 1), max_size=12))
    bounds = [bound for start, end, _ in tags.decode(ids) for bound in (start, end)]
    assert bounds == sorted(bounds) and all(0 <= bound <= len(ids) for bound in bounds)
    assert all(start < end for start, end, _ in tags.decode(ids))


def test_the_legal_transitions_of_bio() -> None:
    tags = TagSet(["a", "b"], "BIO")
    assert tags.tags == ["O", "B-a", "I-a", "B-b", "I-b"]
    assert tags.legal_start.tolist() == [True, True, False, True, False]
    assert tags.legal_end.all()
    assert tags.legal.astype(int).tolist() == [
        [1, 1, 0, 1, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 1, 1],
        [1, 1, 0, 1, 1],
    ]


def test_the_legal_transitions_of_bilou() -> None:
    tags = TagSet(["a"], "BILOU")
    assert tags.tags == ["O", "B-a", "I-a", "L-a", "U-a"]
    assert tags.legal_start.tolist() == tags.legal[0].tolist() == [True, True, False, False, True]
    assert tags.legal_end.tolist() == [True, False, False, True, True]
    assert tags.legal.astype(int).tolist() == [
        [1, 1, 0, 0, 1],
        [0, 0, 1, 1, 0],
        [0, 0, 1, 1, 0],
        [1, 1, 0, 0, 1],
        [1, 1, 0, 0, 1],
    ]


@SCHEMES
def test_the_longest_then_earliest_of_overlapping_entities_is_kept(scheme: str) -> None:
    tags = TagSet(TYPES, scheme)
    short, long, tie = entity(0, 2), entity(1, 4), entity(2, 5, "日期")
    ids, dropped = tags.encode(6, [short, tie, long])
    assert tags.decode(ids) == [(1, 4, "city")] and sorted(dropped, key=lambda e: e.start) == [short, tie]


@SCHEMES
def test_entities_that_do_not_fit_are_returned(scheme: str) -> None:
    tags = TagSet(TYPES, scheme)
    beyond, unknown = entity(2, 5), entity(0, 1, "elsewhere")
    ids, dropped = tags.encode(4, [beyond, unknown])
    assert ids == [0, 0, 0, 0] and dropped == [beyond, unknown]


def test_without_types_the_only_tag_is_o() -> None:
    tags = TagSet([])
    assert tags.tags == ["O"] and tags.legal.tolist() == [[True]] and tags.decode([0, 0]) == []


@pytest.mark.parametrize(("types", "scheme"), [(["a"], "IOB"), (["a", "a"], "BIO")])
def test_an_unknown_scheme_or_a_repeated_type_is_refused(types: list[str], scheme: str) -> None:
    with pytest.raises(UsageError):
        TagSet(types, scheme)
