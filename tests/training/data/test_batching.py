from __future__ import annotations

import itertools
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

from cnlu.config import TrainingConfig
from cnlu.training.data.batching import plan_epoch


class Row(SimpleNamespace):
    def __len__(self) -> int:
        return self.length


def rows(lengths: list[int], intents: list[int] | None = None) -> list[Row]:
    return [Row(length=n, intent=i) for n, i in zip(lengths, intents or [0] * len(lengths), strict=True)]


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 9), st.integers(0, 2**32 - 1), st.integers(0, 99))
def test_every_row_comes_once_an_epoch(lengths: list[int], size: int, seed: int, epoch: int) -> None:
    batches = plan_epoch(rows(lengths), TrainingConfig(batch_size=size, seed=seed, balance=0), epoch)  # type: ignore[arg-type]
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    assert max(map(len, batches)) <= size


def test_batches_follow_from_seed_and_epoch_alone() -> None:
    given = rows(list(range(1, 50)))
    plan = lambda seed, epoch: plan_epoch(given, TrainingConfig(seed=seed, batch_size=4), epoch)  # type: ignore[arg-type]  # noqa: E731
    np.random.seed(0)
    first = plan(3, 7)
    np.random.seed(1)
    assert plan(3, 7) == first
    assert plan(3, 8) != first != plan(4, 7)


def test_batches_hold_similar_lengths() -> None:
    lengths = list(range(1, 201))
    batches = plan_epoch(rows(lengths), TrainingConfig(batch_size=10, balance=0), 0)  # type: ignore[arg-type]
    assert max(max(batch) - min(batch) for batch in batches) < 20


@pytest.mark.parametrize(("balance", "low", "high"), [(0.0, 10, 10), (1.0, 80, 120), (0.5, 20, 70)])
def test_balance_draws_rare_intents_more_often(balance: float, low: int, high: int) -> None:
    given = rows([5] * 200, [0] * 190 + [1] * 10)
    config = TrainingConfig(balance=balance)
    drawn = [Counter(given[i].intent for i in itertools.chain(*plan_epoch(given, config, e))) for e in range(20)]  # type: ignore[arg-type]
    assert all(sum(counts.values()) == 200 for counts in drawn)
    assert low <= np.mean([counts[1] for counts in drawn]) <= high
