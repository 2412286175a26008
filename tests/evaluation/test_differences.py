"""Differences between frames, and their kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.evaluation.differences import KINDS, differences
from cnlu.evaluation.frames import Frame, RoleSpan, frame_is_right

PLACE: RoleSpan = (1, 3, "place", "to", None)
span = st.tuples(st.integers(0, 4), st.integers(5, 8), st.sampled_from("ab"), st.sampled_from([None, "r"]), st.none())
spans = st.frozensets(span, max_size=4)
frames = st.builds(Frame, st.sampled_from(["p", "q", None]), spans)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((1, 3, "place", "from", None), "role"),
        ((1, 3, "place", "to", "1"), "role"),
        ((1, 3, "date", None, None), "type"),
        ((0, 3, "place", "to", None), "boundaries"),
        ((2, 5, "date", None, None), "type"),
        (None, "missed"),
    ],
)
def test_an_annotation_is_compared_with_the_overlapping_answer(found: RoleSpan | None, kind: str) -> None:
    (one,) = differences(Frame("a", frozenset([PLACE])), Frame("a", frozenset([found] if found else [])))
    assert (one.kind, one.gold, one.predicted) == (kind, PLACE, found)


def test_an_answer_that_overlaps_no_annotation_is_invented() -> None:
    extra: RoleSpan = (3, 5, "place", None, None)
    (one,) = differences(Frame(None, frozenset([PLACE])), Frame("any", frozenset([PLACE, extra])))
    assert (one.kind, one.gold, one.predicted) == ("invented", None, extra)


@given(frames, frames)
def test_every_differing_span_is_reported_once(gold: Frame, predicted: Frame) -> None:
    found = differences(gold, predicted)
    assert {one.kind for one in found} <= set(KINDS)
    annotated, answered = (
        [span for span in side if span] for side in ([one.gold for one in found], [one.predicted for one in found])
    )
    assert sorted(annotated, key=repr) == sorted(gold.entities - predicted.entities, key=repr)
    assert sorted(answered, key=repr) == sorted(predicted.entities - gold.entities, key=repr)
    assert bool(found) != frame_is_right(gold, predicted)
