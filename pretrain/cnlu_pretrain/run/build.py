"""Builds everything that the training loop works with."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from cnlu.encoder.transformers_logging import silent_transformers
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.batching.check_pairs import check_pairs
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.batching.row_index import RowIndex
from cnlu_pretrain.batching.rows import Layout
from cnlu_pretrain.batching.stream import Stream
from cnlu_pretrain.config import RunConfig
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.encoder.save import write_encoder
from cnlu_pretrain.evaluation.held_out import HeldOut
from cnlu_pretrain.evaluation.nlu_probe import Examples, frame_accuracy
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import Pretrainer
from cnlu_pretrain.run.checkpoint import Progress
from cnlu_pretrain.run.loop import Phase, Run
from cnlu_pretrain.run.mix import shares_of
from cnlu_pretrain.run.model import RunModel
from cnlu_pretrain.run.optimizer import build_optimizer
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.schedule import extended_plan, planned_lengths, planned_steps, without_reporting
from cnlu_pretrain.similar.table import SimilarWords


def build_run(
    request: RunRequest,
    corpora: list[Corpus],
    *,
    similar: SimilarWords | None,
    model: RunModel,
    accelerator: Accelerator,
    folder: Path,
    resumed: Progress,
    log: Callable[[str], None],
) -> Run:
    """Model, optimizer and data on the device of `accelerator`; `corpora`: that of the run, then those mixed in.

    Raises UsageError for settings that do not fit.
    """
    config, plain = request.config.run, model.plain
    module, optimizer = _on_device(plain, config, accelerator)
    phases, plan = _phases(request, corpora, similar, accelerator=accelerator, resumed=resumed, folder=folder)
    if not phases[0].held_out:
        log("warning: no text is held out, so nothing shows whether the encoder improves; see prepare.held_out")
    return Run(
        accelerator=accelerator,
        module=module,
        plain=plain,
        plan=plan,
        optimizer=optimizer,
        phases=phases,
        config=config,
        masking_rate=request.config.masking.rate,
        head_warmup=config.head_warmup if model.head_is_new else 0,
        folder=folder,
        fingerprint=_fingerprint(request, corpora),
        log=log,
        probe=_probe(request.probe, corpora[0], model, folder) if request.probe else None,
        as_written=model.average.applied if model.average else contextlib.nullcontext,
    )


def _on_device(plain: Pretrainer, config: RunConfig, accelerator: Accelerator) -> tuple[Any, Any]:
    """(the module, compiled if the settings say so; the optimizer) as `accelerator` wraps them."""
    with silent_transformers():
        plain.to(accelerator.device)
        optimizer = build_optimizer(plain, config, accelerator.device, plain.encoder_parameters)
        module, optimizer = accelerator.prepare(plain, optimizer)
    if config.compile:
        module = torch.compile(module, dynamic=False)  # each length of rows has code of its own
    return module, optimizer


def _phases(
    request: RunRequest,
    corpora: list[Corpus],
    similar: SimilarWords | None,
    *,
    accelerator: Accelerator,
    resumed: Progress,
    folder: Path,
) -> tuple[list[Phase], list[int]]:
    """(the phases, the plan of steps as in `State`)."""
    config, corpus = request.config.run, corpora[0]
    random_tokens = random_tokens_of(*corpora, shares=shares_of(request.mix))
    masking = request.config.masking
    masker = Masker(masking, seed=config.seed, mask=corpus.mask, random_tokens=random_tokens, similar=similar)
    phases: list[Phase] = []
    plan: list[int] = []
    for length in dict.fromkeys((config.length, config.long_length or config.length)):
        layout = Layout(corpus.special_tokens, length, request.config.objectives.order, config.isolate)
        for one in corpora:
            check_pairs(one, layout)
        stream = _stream(request, corpora, layout, masker, accelerator=accelerator, folder=folder)
        if not plan:
            steps = planned_steps(stream.rows_per_pass, stream.rows, config, request.max_steps)
            plan = extended_plan(resumed.plan, resumed.step, steps)
        if last := planned_lengths(plan, config).get(length):
            held_out = HeldOut(corpus, layout, own=masker, random_tokens=random_tokens, tokens=config.evaluate_tokens)
            phases.append(Phase(length, last, stream, held_out))
    return phases, plan


def _stream(
    request: RunRequest,
    corpora: list[Corpus],
    layout: Layout,
    masker: Masker,
    *,
    accelerator: Accelerator,
    folder: Path,
) -> Stream:
    config, quiet = request.config.run, not accelerator.is_main_process
    return Stream(
        [RowIndex(corpus, layout, folder, quiet=quiet) for corpus in corpora],
        layout,
        masker,
        seed=config.seed,
        rows=_rows(config, layout.length, accelerator.num_processes),
        shares=shares_of(request.mix),
        rank=accelerator.process_index,
        world=accelerator.num_processes,
    )


def _rows(config: RunConfig, length: int, processes: int) -> int:
    """Rows of a step, a multiple of the number of processes; with run.compile, also of the number of equal parts."""
    rows = config.batch_tokens // length // processes * processes
    if not rows:
        raise UsageError(
            "run.batch_tokens",
            _(
                "{tokens} is less than one row of {length} tokens for each of {processes} processes",
                tokens=config.batch_tokens,
                length=length,
                processes=processes,
            ),
            _("raise it or shorten the rows"),
        )
    equal = processes * (config.accumulate if config.compile else 1)
    if rows < equal:
        raise UsageError(
            "run.accumulate",
            _(
                "a step of {rows} rows has no {parts} parts of the same size, which run.compile needs",
                rows=rows // processes,
                parts=config.accumulate,
            ),
            _("lower it or raise run.batch_tokens"),
        )
    return rows // equal * equal


def _fingerprint(request: RunRequest, corpora: list[Corpus]) -> str:
    """A hash of everything that determines the result, except for the number of steps; a resumed run has the same."""
    config = request.config
    sections: tuple[Any, ...] = (
        config.masking,
        config.objectives,
        config.encoder,
        config.distill,
        without_reporting(config.run),
    )
    inputs = [
        corpora[0].fingerprint,
        [sorted(json.dumps(shard.to_dict(), sort_keys=True) for shard in corpus.shards) for corpus in corpora],
        [one.share for one in request.mix],
        str(request.encoder),
        str(request.teacher),
        *(asdict(section) for section in sections),
    ]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _probe(examples: Examples, corpus: Corpus, model: RunModel, folder: Path) -> Callable[[], float]:
    as_written = model.average.applied if model.average else contextlib.nullcontext

    def probe() -> float:
        encoder = folder / "probed"
        shutil.rmtree(encoder, ignore_errors=True)
        encoder.mkdir()
        with as_written():
            write_encoder(encoder, model.plain.trained_model, corpus)
        return frame_accuracy(encoder, examples)

    return probe
