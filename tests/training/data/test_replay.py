"""The examples stored in a model directory for continued training."""

from __future__ import annotations

import gzip

import pytest

from cnlu.data.schema import Example
from cnlu.errors import DataError
from cnlu.training.data import replay
from cnlu.training.data.replay import replay_examples, replay_files, sample_by_intent
from tests.training.small import EXAMPLES

HELD_OUT = [Example(text, "bye") for text in ("再见", "拜拜", "回头见", "下次聊")]


def test_stored_examples_come_back_unchanged() -> None:
    files = replay_files(EXAMPLES, HELD_OUT, 100, 1)
    assert replay_examples(files) == (EXAMPLES, HELD_OUT)
    assert replay_files(EXAMPLES, HELD_OUT, 100, 1) == files


def test_a_sample_of_the_examples_keeps_the_same_share_of_each_intent() -> None:
    many = [*(Example(f"去{i}", "go") for i in range(100)), Example("再见", "bye"), Example("拜拜", "bye")]
    kept = sample_by_intent(many, 10, 1)
    assert len(kept) == 10 and sum(e.intent == "bye" for e in kept) == 2
    assert kept == [e for e in many if e in kept]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b" " * 5000), "more than 0 MB unpacked"),
        (b"no gzip", "cannot be unpacked"),
        (gzip.compress(b"abc" * 99)[:-9], "cannot be unpacked"),
        (gzip.compress(b"\xff"), "cannot be unpacked"),
    ],
    ids=["too much", "no gzip", "cut", "no text"],
)
def test_damaged_or_oversized_stored_examples_are_refused(
    monkeypatch: pytest.MonkeyPatch, content: bytes, message: str
) -> None:
    monkeypatch.setattr(replay, "_MAX_BYTES", 1000)
    with pytest.raises(DataError, match=message):
        replay_examples({replay.TRAINED: content})
