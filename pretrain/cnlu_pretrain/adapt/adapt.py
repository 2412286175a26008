"""The steps of `cnlu adapt`: prepare, pretrain, compare, keep or reject."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cnlu.encoder.source import local_directory
from cnlu.errors import DataError, UsageError
from cnlu.interrupts import defer_signals
from cnlu.io.atomic_directory import check_out, replace_dir, resolve
from cnlu.io.text_files import write_bytes
from cnlu.progress import no_log
from cnlu_pretrain.adapt.budget import steps_within
from cnlu_pretrain.adapt.outcome import Outcome
from cnlu_pretrain.adapt.request import AdaptRequest
from cnlu_pretrain.adapt.state import State, folder_of, open_state
from cnlu_pretrain.config import PretrainConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.fine_tuning.fine_tuning import FineTuning, accuracy, fine_tune, gain
from cnlu_pretrain.prepare.prepare import PrepareRequest, prepare
from cnlu_pretrain.prepare.state import STATE as PREPARE_STATE
from cnlu_pretrain.run.checkpoint import checkpoints
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.resume import training_folder
from cnlu_pretrain.run.run import run

Log = Callable[[str], None]

ORIGINAL, ADAPTED = "original", "adapted"


def adapt(request: AdaptRequest, log: Log = no_log) -> Outcome:
    """Adapt the encoder to the text and write it where models on it get better; raises CnluError as its steps do.

    What is finished stays in ENCODER.adapt until the encoder is written, also when it is rejected.
    """
    check_out(request.out, request.force, "encoder", lambda folder: (folder / "config.json").exists())
    options = FineTuning(
        examples=request.examples, rounds=request.rounds, overrides=request.overrides, device=request.device
    )
    options.check()
    directory = local_directory(request.encoder)
    state = open_state(request)
    try:
        corpus = _prepare(request, state, directory, log)
        _pretrain(request, state, directory, corpus, log)
    except (DataError, UsageError):
        if not request.resume:  # corrected text or settings are others, so nothing here could be resumed
            shutil.rmtree(state.folder, ignore_errors=True)
        raise
    _compare(options, state, directory, log)
    original, adapted = state.rounds[ORIGINAL], state.rounds[ADAPTED]
    difference = gain(original, adapted, options)
    outcome = Outcome(
        gain=difference,
        original=accuracy(original),
        adapted=accuracy(adapted),
        steps=state.steps,
        written=request.out if request.keep_anyway or difference.outcome == "better" else None,
    )
    _finish(request, state, outcome, log)
    return outcome


def _prepare(request: AdaptRequest, state: State, directory: Path, log: Log) -> Corpus:
    """The corpus of the text without the sentences that models are tested on."""
    if not state.corpus.exists():
        log("1/3 preparing the text")
        part = state.corpus.with_name(f"{state.corpus.name}.part")
        wanted = PrepareRequest(
            request.texts,
            state.corpus,
            request.config.prepare,
            str(directory),
            exclude=request.examples.test or request.examples.data,
            resume=(part / PREPARE_STATE).exists(),
        )
        prepare(wanted, log)
    return open_corpus(state.corpus)


def _pretrain(request: AdaptRequest, state: State, directory: Path, corpus: Corpus, log: Log) -> None:
    """Train the encoder for about as long as asked, unless it is trained."""
    if state.encoder.exists():
        return
    job = RunRequest(
        corpus=state.corpus,
        out=state.encoder,
        config=request.config,
        encoder=str(directory),
        device=request.device,
    )
    if not state.steps:
        log("2/3 timing a few steps")
        state.steps = steps_within(request.minutes, job, corpus, state.folder)
        state.save()
    log(f"2/3 pretraining for {state.steps} steps, about {request.minutes:g} minutes at most")
    resumes = bool(checkpoints(training_folder(state.encoder)))
    run(replace(job, config=_planned(request, state.steps), max_steps=state.steps, resume=resumes), log)


def _planned(request: AdaptRequest, steps: int) -> PretrainConfig:
    """The settings for few steps: a new head trains alone for a quarter at most, and checkpoints are frequent."""
    settings = request.config.run
    settings = replace(
        settings,
        head_warmup=min(settings.head_warmup, steps // 4),
        checkpoint_every=min(settings.checkpoint_every, max(1, steps // 10)),
    )
    return replace(request.config, run=settings)


def _compare(options: FineTuning, state: State, directory: Path, log: Log) -> None:
    """Fine-tune models on both encoders, round by round; each finished one is stored."""
    encoders = {ORIGINAL: directory, ADAPTED: state.encoder}
    for number in range(1, options.number_of_rounds + 1):
        for name, encoder in encoders.items():
            done = state.rounds.setdefault(name, [])
            if len(done) >= number:
                continue
            log(f"3/3 comparing: round {number} of {options.number_of_rounds}, {name} encoder")
            done.append(fine_tune(encoder, options, number))
            state.save()


def _finish(request: AdaptRequest, state: State, outcome: Outcome, log: Log) -> None:
    """Move the encoder to its place and delete the folder of the adaptation, or leave both for --keep-anyway."""
    if outcome.written is None:
        log(f"{folder_of(request.out)}: keeps the adapted encoder; --resume --keep-anyway writes it without new work")
        return
    content = json.dumps(outcome.to_dict(), ensure_ascii=False, indent=1)
    write_bytes(state.encoder / "adaptation.json", content.encode())
    replace_dir(resolve(request.out), state.encoder)
    with defer_signals():
        shutil.rmtree(state.folder, ignore_errors=True)
