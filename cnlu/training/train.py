"""From the user's files to a model directory: the steps of `cnlu train`, in order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cnlu.config import Config
from cnlu.errors import DataError, ModelError, UsageError
from cnlu.features.build import build_extractor
from cnlu.features.extract import Extractor
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.labels import Labels
from cnlu.runtime.model_dir import check_out, write_model_dir
from cnlu.training.checkpoint import Checkpoint, State
from cnlu.training.dev import Dev
from cnlu.training.export import round_tables
from cnlu.training.gather import Gathered, dictionary_story, gather
from cnlu.training.loop import Run, fit, planned_epochs
from cnlu.training.masking import Masker
from cnlu.training.model_files import model_files
from cnlu.training.request import Request, Say
from cnlu.training.rows import Row, Vocabularies, training_rows


@dataclass
class Trained:
    """What training leaves in memory, beside the directory it wrote."""

    network: Ensemble
    extractor: Extractor
    vocabularies: Vocabularies
    labels: Labels
    dev_metrics: dict[str, Any] | None


def train(request: Request, say: Say = lambda line: None) -> Trained:
    """Train and write the model directory; `say` gets the story, a line at a time.

    Raises UsageError, DataError or ModelError, each one sentence with its mend; an existing model at `out`
    stays as it was until the new one is whole.
    """
    config = request.config
    check_out(request.out, request.force)
    device = _device(request.device)
    torch.set_num_threads(config.training.threads)
    torch.manual_seed(config.training.seed)
    found = gather(request, say)
    labels = Labels.collect(found.train)
    extractor = build_extractor(config, found.data.lookups, found.data.regexes)
    rows, vocabularies = training_rows(found.train, extractor, labels, config)
    if not rows:
        raise DataError("All training examples are empty texts; write some text into them.")
    _tell(found, extractor, labels, vocabularies, rows, config, device, say)
    network, masker = _network(config, labels, vocabularies, device)
    dev = Dev(found.dev, extractor, vocabularies, labels, config, found.data.synonyms) if found.dev else None
    checkpoint = Checkpoint.beside(request.out, config.to_dict(), found.train + found.dev, found.data)
    score = dev.frame_accuracy if dev else None
    run = Run(network, rows, config.training, score, checkpoint, device, masker, request.quiet)
    with _resumable(checkpoint, say):
        state = fit(run, request.resume)
        round_tables(network)
        _check_finite(network)
        temperature, metrics = dev.calibrate(network) if dev else (1.0, None)
        story = {"temperature": temperature, "seed": config.training.seed, "best_epoch": state.best_epoch,
                 "history": state.history, "dev": metrics}  # fmt: skip
        files = model_files(config, labels, found.data, vocabularies, network, story)
        segmenter = extractor.segmenter.digest if config.features.words else None
        write_model_dir(request.out, files, {"segmenter": segmenter}, request.force)
    checkpoint.clear()
    say(_summary(request.out, state, metrics))
    return Trained(network, extractor, vocabularies, labels, metrics)


def _device(wanted: str | None) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: PyTorch finds no CUDA device here; use --device cpu or install a CUDA build.")
    return torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))


def _tell(
    found: Gathered, extractor: Extractor, labels: Labels, vocabularies: Vocabularies, rows: list[Row],
    config: Config, device: torch.device, say: Say,
) -> None:  # fmt: skip
    """What is about to be trained, on what."""
    for line in [f"note: {note}" for note in found.data.notes] + dictionary_story(
        found.data, extractor.lexicon, config
    ):
        say(line)
    say(
        f"{len(found.train)} examples, {len(labels.intents)} intents, {len(labels.entities)} entity types, "
        f"{len(found.dev)} dev examples; {len(vocabularies.characters) - 1} character features, "
        f"{len(vocabularies.sentence) - 1} sentence features; device {device.type}, "
        f"{planned_epochs(config.training, len(rows))} epochs at most"
    )


def _network(
    config: Config, labels: Labels, vocabularies: Vocabularies, device: torch.device
) -> tuple[Ensemble, Masker | None]:
    masker = Masker.build(vocabularies.characters, device) if config.model.masked_tokens else None
    sizes = Sizes(
        len(vocabularies.characters), len(vocabularies.sentence), len(labels.intents), len(labels.role_names),
        len(labels.group_names), masker.characters if masker else 0,
    )  # fmt: skip
    return Ensemble(config.model, sizes, labels.tag_set(config.model.tagging)).to(device), masker


@contextlib.contextmanager
def _resumable(checkpoint: Checkpoint, say: Say) -> Iterator[None]:
    """Says what an interruption leaves behind."""
    try:
        yield
    except KeyboardInterrupt:
        if checkpoint.exists():
            say("interrupted; the same command with --resume goes on from the last saved state.")
        else:
            say("interrupted before a state was saved; nothing was written.")
        raise


def _check_finite(network: Ensemble) -> None:
    if not all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters()):
        raise ModelError("Training diverged: weights are no longer numbers; lower training.learning_rate.")


def _summary(out: Path, state: State, metrics: dict[str, Any] | None) -> str:
    if metrics is None:
        return f"{out}: written after {state.epoch} epochs"
    parts = [f"frames {metrics['frame_accuracy']:.3f}"]
    if metrics["intent"]:
        parts.append(f"intents {metrics['intent']['accuracy']:.3f}, ECE {metrics['intent']['ece']:.3f}")
    if metrics["entity"]:
        parts.append(f"entity F1 {metrics['entity']['f1']:.3f}")
    return f"{out}: written; best of {state.epoch} epochs was {state.best_epoch}; on dev: {', '.join(parts)}"
