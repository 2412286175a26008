"""The number of steps, the lengths of rows and the learning rates of a run."""

from __future__ import annotations

from cnlu_pretrain.config import RunConfig
from cnlu_pretrain.run.optimizer import learning_rates, rate_at
from cnlu_pretrain.run.schedule import phase_lengths, planned_steps


def test_the_learning_rate_rises_during_the_warm_up_and_then_falls():
    config = RunConfig(warmup=0.1)
    rates = [rate_at(step, 100, config) for step in range(100)]
    assert rates[0] < 0.2 and max(rates) == rates[10] == 1.0 and rates[-1] < 0.02


def test_the_triangular_learning_rate_is_highest_at_half_of_the_steps():
    rates = [rate_at(step, 100, RunConfig(schedule="triangle")) for step in range(100)]
    assert rates.index(max(rates)) == 50


def test_the_number_of_steps_follows_from_the_passes_unless_it_is_given():
    assert planned_steps(1000, 100, RunConfig(passes=3), None) == 30
    assert planned_steps(1000, 100, RunConfig(), 7) == 7


def test_long_rows_have_their_share_of_the_steps_at_the_end():
    assert phase_lengths(8, RunConfig(long_length=512, long_share=0.25)) == [(128, 6), (512, 8)]


def test_the_encoder_has_its_own_warm_up_after_that_of_a_new_head():
    config = RunConfig(warmup=0.1)
    rates = [learning_rates(step, plan=[100], head_warmup=50, config=config) for step in range(100)]
    encoder = [rate.encoder for rate in rates]
    assert encoder[:50] == [0.0] * 50
    assert 0 < encoder[50] < 0.2 and max(encoder) == encoder[55] == 1.0, encoder[49:56]
    assert encoder[50:56] == sorted(encoder[50:56]) and encoder[-1] < 0.03
    assert [rate.head for rate in rates] == [rate_at(step, 100, config) for step in range(100)]
    shorter = learning_rates(3, plan=[4], head_warmup=50, config=config)
    assert shorter.encoder == 0.0 and shorter.head > 0
