"""The steps of `cnlu pretrain run`, in order."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.interrupts import defer_signals
from cnlu.io.atomic_directory import check_out
from cnlu.progress import no_log
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.run.build import build_run
from cnlu_pretrain.run.checkpoint import Progress, checkpoints, progress_of
from cnlu_pretrain.run.device import accelerator_for
from cnlu_pretrain.run.loop import Run, fit
from cnlu_pretrain.run.mix import open_corpora
from cnlu_pretrain.run.model import load_run_model
from cnlu_pretrain.run.output import write_result
from cnlu_pretrain.run.request import RunRequest
from cnlu_pretrain.run.resume import checkpoint_folder, extends, initial_state, training_folder
from cnlu_pretrain.similar.table import BUNDLED_TABLE, SimilarWords, load_table


def run(request: RunRequest, log: Callable[[str], None] = no_log) -> None:
    """Train an encoder; raises CnluError for whatever the user can fix.

    Checkpoints stay in ENCODER.training until the encoder is written; the last one is written with it.
    """
    resumed_from = checkpoint_folder(request)
    corpora = _check(request, resumed_from)
    similar = _similar(request, corpora[0])
    model = load_run_model(request, corpora)
    corpora = model.corpora
    accelerator = accelerator_for(request.device, request.config.run, unused_parameters=model.head_is_new)
    main_log = log if accelerator.is_main_process else no_log
    for note in model.notes:
        main_log(note)
    folder = training_folder(request.out)
    with _kept_for_resuming(folder, accelerator.is_main_process):
        folder.mkdir(parents=True, exist_ok=True)
        job = build_run(
            request,
            corpora,
            similar=similar,
            model=model,
            accelerator=accelerator,
            folder=folder,
            resumed=progress_of(resumed_from) if request.resume else Progress(),
            log=main_log,
        )
        state = initial_state(request, job, resumed_from)
        accelerator.wait_for_everyone()
        _announce(request, corpora, job)
        fit(job, state)
        if accelerator.is_main_process:
            write_result(request, corpora, job, state)
            main_log(
                f"{request.out}: written after {state.step} steps and {state.tokens} tokens; use it with: cnlu train "
                f"DATA --encoder {request.out}"
            )
    accelerator.wait_for_everyone()
    accelerator.end_training()


def _check(request: RunRequest, resumed_from: Path) -> list[Corpus]:
    """Check the request before anything is loaded; returns the opened corpora, that of the run first."""
    force = request.force or extends(request, resumed_from)
    check_out(request.out, force, "encoder", lambda folder: (folder / "config.json").exists())
    if request.probe:
        request.probe.check()
    corpora = open_corpora(request.corpus, request.mix)
    if request.teacher is not None:
        _check_distillable(request, corpora[0])
    return corpora


def _check_distillable(request: RunRequest, corpus: Corpus) -> None:
    """Raises UsageError if the corpus does not fill one step: a student of so little text answers at random."""
    step = request.config.run.batch_tokens
    if corpus.tokens < step:
        raise UsageError(
            request.corpus,
            _("has {tokens} tokens, too few to distill from: one step takes {step}", tokens=corpus.tokens, step=step),
            _("prepare more text, at least some millions of tokens, or lower run.batch_tokens"),
        )


@contextlib.contextmanager
def _kept_for_resuming(folder: Path, main: bool) -> Iterator[None]:
    """After Ctrl-C, keep the folder only where it has a checkpoint."""
    try:
        yield
    except KeyboardInterrupt:
        if main and not checkpoints(folder):
            with defer_signals():
                shutil.rmtree(folder, ignore_errors=True)
        raise


def _announce(request: RunRequest, corpora: list[Corpus], job: Run) -> None:
    accelerator = job.accelerator
    lengths = ", then ".join(f"{phase.last} steps of {phase.length} tokens a row" for phase in job.phases)
    precision = "float32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision
    mixed = "".join(
        f", mixed with {one.share:.1%} of {one.corpus} ({corpus.tokens} tokens)"
        for one, corpus in zip(request.mix, corpora[1:], strict=True)
    )
    job.log(
        f"{request.corpus}: {corpora[0].tokens} tokens{mixed}; {lengths}; {accelerator.num_processes} process(es) on "
        f"{accelerator.device.type}, {precision}"
    )


def _similar(request: RunRequest, corpus: Corpus) -> SimilarWords | None:
    needed = request.config.masking.replacement == "similar"
    if not needed and request.similar is not None:
        raise UsageError(
            "--similar",
            _("has no effect without masking.replacement=similar"),
            _("set that, or leave the table out"),
        )
    return SimilarWords(load_table(request.similar or BUNDLED_TABLE), corpus.tokenizer) if needed else None
