"""How many steps fit into the minutes of an adaptation."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.run import run

MOST_PASSES = 100
"""Passes over a small text, as for task-adaptive pretraining (Gururangan et al. 2020, arXiv 2004.10964, section 4)"""
_TIMED_STEPS = 4


def steps_within(minutes: float, request: RunRequest, corpus: Corpus, folder: Path) -> int:
    """The steps that take `minutes`, but at most MOST_PASSES passes; times a few steps of the run in `folder`."""
    config = request.config.run
    timed = replace(
        config, head_warmup=0, log_every=_TIMED_STEPS, evaluate_tokens=16, checkpoint_every=_TIMED_STEPS, long_length=0
    )
    out = folder / "speed"
    request = replace(
        request, out=out, config=replace(request.config, run=timed), max_steps=_TIMED_STEPS, resume=False, force=True
    )
    run(request)
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text("utf-8").splitlines()]
    speed = next(line["tokens_per_second"] for line in lines if "tokens_per_second" in line)
    shutil.rmtree(out)
    step = config.batch_tokens // config.length * config.length
    return max(1, min(int(minutes * 60 * speed / step), MOST_PASSES * corpus.tokens // step))
