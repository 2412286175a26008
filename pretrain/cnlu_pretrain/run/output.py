"""The finished encoder on disk, with its model card, log and probe page."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cnlu.errors import CnluError
from cnlu.i18n import _
from cnlu.interrupts import defer_signals
from cnlu.io.atomic_directory import replace_dir, resolve
from cnlu_pretrain.corpus.corpus import Corpus
from cnlu_pretrain.encoder.save import write_encoder
from cnlu_pretrain.evaluation.page import page, results_of, warning
from cnlu_pretrain.run.checkpoint import State, checkpoints
from cnlu_pretrain.run.loop import Run
from cnlu_pretrain.run.model_card import write_card
from cnlu_pretrain.run.request import RunRequest

TRAINING = "training"
"""Folder in the encoder's directory with the last checkpoint, from which the run can be extended"""


def write_result(request: RunRequest, corpora: list[Corpus], job: Run, state: State) -> None:
    """Write the encoder atomically, then delete the checkpoints; raises CnluError where it cannot be written."""
    out = resolve(request.out)
    new = out.with_name(f".{out.name}.writing")
    try:
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        _fill(new, request, corpora, job, state)
        replace_dir(out, new)
    except OSError as error:
        raise CnluError(
            request.out,
            _("the encoder cannot be written ({reason})", reason=error.strerror),
            _("free space and continue with --resume; the last checkpoint is kept"),
        ) from error
    finally:
        with defer_signals():
            shutil.rmtree(new, ignore_errors=True)
    with defer_signals():
        shutil.rmtree(job.folder, ignore_errors=True)


def _fill(new: Path, request: RunRequest, corpora: list[Corpus], job: Run, state: State) -> None:
    corpus = corpora[0]
    with job.as_written():
        write_encoder(new, job.plain.trained_model, corpus)
    metadata: dict[str, Any] = {
        "steps": state.step,
        "tokens": state.tokens,
        "encoder": request.encoder,
        "teacher": request.teacher,
        "corpus": corpus.manifest["counts"],
        "sources": corpus.manifest["sources"],
        "mix": [
            {"share": one.share, "corpus": other.manifest["counts"], "sources": other.manifest["sources"]}
            for one, other in zip(request.mix, corpora[1:], strict=True)
        ],
        "settings": asdict(request.config),
        "history": state.history,
    }
    results = results_of(state.history)
    if request.probe:
        (new / "probe.html").write_text(page(results, f"Probe of {request.out.name}"), "utf-8")
    if sentence := warning(results):
        job.log(f"warning: {sentence}")
        metadata["warning"] = sentence
    (new / "pretraining.json").write_text(json.dumps(metadata, ensure_ascii=False, indent=1), "utf-8")
    shutil.copyfile(job.folder / "log.jsonl", new / "log.jsonl")
    final = checkpoints(job.folder)[-1]
    shutil.copytree(final, new / TRAINING / final.name)
    if (job.folder / "tensorboard").exists():
        shutil.copytree(job.folder / "tensorboard", new / "tensorboard")
    write_card(new, metadata)
