"""The steps of `cnlu pretrain probe`, and of the probe of each checkpoint of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cnlu.config.files import build_config
from cnlu.encoder.source import local_directory
from cnlu.errors import UsageError
from cnlu.io.text_files import write_bytes
from cnlu_pretrain.batching.replacement_tokens import ordinary_ids
from cnlu_pretrain.batching.rows import Layout
from cnlu_pretrain.config import MaskingConfig, PretrainConfig
from cnlu_pretrain.corpus.corpus import Corpus, open_corpus
from cnlu_pretrain.encoder.load import load_encoder
from cnlu_pretrain.evaluation.held_out import HeldOut
from cnlu_pretrain.evaluation.nlu_probe import Examples, frame_accuracy
from cnlu_pretrain.evaluation.page import Point, page, warning
from cnlu_pretrain.masking.masker import Masker
from cnlu_pretrain.objectives.losses import Pretrainer

Log = Callable[[str], None]


@dataclass(frozen=True)
class ProbeRequest:
    """What was asked of `cnlu pretrain probe`."""

    encoders: Sequence[str]
    corpus: Path
    out: Path
    config: PretrainConfig
    examples: Examples | None = None
    force: bool = False


def probe(request: ProbeRequest, log: Log) -> None:
    """Measure encoders side by side and write the page; raises CnluError for whatever the user can mend."""
    if request.out.exists() and not request.force:
        raise UsageError(f"{request.out}: exists already; choose another --out or replace it with --force.")
    if request.out.is_dir():
        raise UsageError(f"{request.out}: is a folder; name a file with --out.")
    if request.examples:
        request.examples.check()
    corpus = open_corpus(request.corpus)
    points: list[Point] = []
    for number, encoder in enumerate(request.encoders):
        directory = local_directory(encoder)
        about = _about(directory)
        point = _measured(directory, corpus, request.config, about)
        if request.examples:
            point["frames"] = frame_accuracy(directory, request.examples)
        points.append(Point(directory.name, int(about.get("steps", number)), **point))
        log(told(points[-1]))
    write_bytes(request.out, page(points, f"Probe on {request.corpus.name}").encode())
    if sentence := warning(points):
        log(f"warning: {sentence}")
    log(f"{request.out}: written")


def told(point: Point) -> str:
    """A point as a line for the terminal."""
    shown = {"guessed rightly": point.reference_masking, "as in the run": point.own, "NLU frames": point.frames}
    found = ", ".join(f"{name} {value:.1%}" for name, value in shown.items() if value is not None)
    return f"{point.name}: {found}"


def _about(directory: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((directory / "pretraining.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _measured(directory: Path, corpus: Corpus, config: PretrainConfig, about: dict[str, Any]) -> dict[str, Any]:
    """Accuracy and loss on the corpus's held-out text, hidden as in the run that made the encoder, where that is
    known."""
    masking = config.masking
    if "settings" in about:
        known = build_config({"masking": about["settings"]["masking"]}, str(directory), PretrainConfig)
        masking = known.masking
    if masking.replacement == "similar":  # the table is not at hand
        masking = MaskingConfig(strategy=masking.strategy, rate=masking.rate)
    loaded = load_encoder(str(directory), corpus, config.run)
    layout = Layout(corpus.special_tokens, config.run.length, "none")
    ordinary = ordinary_ids(corpus)
    held_out = HeldOut(corpus, layout, Masker(masking, 0, corpus.mask, ordinary), ordinary, config.run.evaluate_tokens)
    if not held_out:
        raise UsageError(
            f"{corpus.folder}: holds no held-out text to measure on; prepare it with prepare.held_out above 0."
        )
    plain = Pretrainer(loaded.model, PretrainConfig().objectives, str(directory))
    found = held_out.measure(plain, torch.device("cpu"))
    own = found["own"]["masked"]
    return {
        "yardstick": found["yardstick"]["masked"]["accuracy"],
        "own": own["accuracy"],
        "loss": own["loss"],
        "frames": None,
    }
