"""The steps of `cnlu pretrain probe`: compare encoders."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from cnlu.config.files import build_config
from cnlu.encoder.source import local_directory
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.io.text_files import write_bytes
from cnlu_pretrain.batching.replacement_tokens import random_tokens_of
from cnlu_pretrain.batching.rows import Layout
from cnlu_pretrain.config import MaskingConfig, PretrainConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.evaluation.held_out import HeldOut
from cnlu_pretrain.evaluation.nlu_probe import Examples, frame_accuracy
from cnlu_pretrain.evaluation.page import ProbeResult, page, warning
from cnlu_pretrain.fine_tuning.fine_tuning import ROUNDS, FineTuning, Round, accuracy, fine_tune, gain
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import Pretrainer

Log = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ProbeRequest:
    """The options of `cnlu pretrain probe`."""

    encoders: Sequence[str]
    corpus: Path
    out: Path
    config: PretrainConfig
    examples: Examples | None = None
    rounds: int = ROUNDS
    """Models that are fine-tuned on each encoder; 0: none"""
    overrides: Sequence[str] = ()
    """Settings of `cnlu train` for these models"""
    force: bool = False


def probe(request: ProbeRequest, log: Log) -> None:
    """Evaluate encoders side by side and write the page; raises CnluError for whatever the user can fix."""
    if request.out.exists() and not request.force:
        raise UsageError(
            request.out, _("the file exists already"), _("choose another --out or replace it with --force")
        )
    if request.out.is_dir():
        raise UsageError(request.out, _("this is a directory"), _("name a file with --out"))
    options = None
    if request.examples:
        request.examples.check()
        options = FineTuning(examples=request.examples, rounds=request.rounds, overrides=request.overrides)
    if options and request.rounds:
        options.check()
    corpus = open_corpus(request.corpus)
    directories = [local_directory(encoder) for encoder in request.encoders]
    results: list[ProbeResult] = []
    for number, directory in enumerate(directories):
        metadata = _metadata(directory)
        measured = _measure(directory, corpus, request.config, metadata)
        frames = frame_accuracy(directory, request.examples) if request.examples else None
        step = int(metadata.get("steps", number))
        results.append(ProbeResult(name=directory.name, step=step, frames=frames, **measured))
        log(summary(results[-1]))
    sentences: list[str] = []
    if options and request.rounds:
        results, sentences = _fine_tuned(directories, results, options, log)
    write_bytes(request.out, page(results, f"Probe on {request.corpus.name}", sentences).encode())
    if sentence := warning(results):
        log(f"warning: {sentence}")
    log(f"{request.out}: written")


def _fine_tuned(
    directories: Sequence[Path], results: Sequence[ProbeResult], options: FineTuning, log: Log
) -> tuple[list[ProbeResult], list[str]]:
    """(The results with the accuracy after fine-tuning, the difference of each encoder to the first in a sentence)."""
    numbers = range(1, options.number_of_rounds + 1)
    rounds: list[list[Round]] = []
    for directory in directories:
        log(f"{directory.name}: fine-tuning {len(numbers)} models")
        rounds.append([fine_tune(directory, options, number) for number in numbers])
    complete = [replace(result, fine_tuned=accuracy(tuned)) for result, tuned in zip(results, rounds, strict=True)]
    first, *others = complete
    sentences = [
        _("{encoder} against {first}, fine-tuned: {gain}", encoder=r.name, first=first.name, gain=difference.describe())
        for r, tuned in zip(others, rounds[1:], strict=True)
        for difference in [gain(rounds[0], tuned, options)]
    ]
    for result in complete:
        log(f"{result.name}: NLU frames, fine-tuned {result.fine_tuned:.1%}")
    for sentence in sentences:
        log(sentence)
    return complete, sentences


def summary(result: ProbeResult) -> str:
    """A result as a line for the terminal."""
    figures = {"whole words": result.reference, "as in the run": result.own, "NLU frames": result.frames}
    return f"{result.name}: " + ", ".join(f"{name} {value:.1%}" for name, value in figures.items() if value is not None)


def _metadata(directory: Path) -> dict[str, Any]:
    """The content of pretraining.json; empty for an encoder that cnlu did not write."""
    try:
        metadata: dict[str, Any] = json.loads((directory / "pretraining.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return metadata


def _measure(directory: Path, corpus: Corpus, config: PretrainConfig, metadata: dict[str, Any]) -> dict[str, float]:
    """Accuracy and loss on the held-out text, with the masking of the run that trained the encoder, if known."""
    masking = config.masking
    if "settings" in metadata:
        known = build_config({"masking": metadata["settings"]["masking"]}, str(directory), PretrainConfig)
        masking = known.masking
    if masking.replacement == "similar":  # its table is not available here
        masking = MaskingConfig(strategy=masking.strategy, rate=masking.rate)
    loaded = load_encoder(str(directory), corpus, config.run)
    layout = Layout(corpus.special_tokens, config.run.length, "none")
    random_tokens = random_tokens_of(corpus)
    own = Masker(masking, seed=0, mask=corpus.mask, random_tokens=random_tokens)
    held_out = HeldOut(corpus, layout, own=own, random_tokens=random_tokens, tokens=config.run.evaluate_tokens)
    if not held_out:
        raise UsageError(
            corpus.folder, _("the corpus has no held-out text"), _("prepare it with prepare.held_out above 0")
        )
    module = Pretrainer(loaded.model, PretrainConfig().objectives, str(directory))
    measured = held_out.measure(module, torch.device("cpu"))
    reference, masked = measured["reference"]["masked"], measured["own"]["masked"]
    return {"reference": reference["accuracy"], "own": masked["accuracy"], "loss": masked["loss"]}
