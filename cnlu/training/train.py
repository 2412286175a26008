"""From the user's files to a model directory: the steps of `cnlu train`, in order."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cnlu.config import Config, ModelConfig
from cnlu.data.load import load_data
from cnlu.data.schema import Example, NluData
from cnlu.data.split import stratified_split
from cnlu.errors import DataError, ModelError, UsageError
from cnlu.features.build import build_extractor
from cnlu.features.extract import Extractor
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import Sizes
from cnlu.runtime.labels import Labels
from cnlu.runtime.model_dir import check_out, write_model_dir
from cnlu.training.checkpoint import Checkpoint, State
from cnlu.training.dev import Dev
from cnlu.training.export import export_onnx, round_tables
from cnlu.training.loop import Run, fit, planned_epochs
from cnlu.training.masking import Masker
from cnlu.training.rows import Vocabularies, training_rows

Say = Callable[[str], None]


@dataclass
class Request:
    """What the user asked for on the command line."""

    data: Sequence[str | Path]
    out: Path
    config: Config
    dev: Sequence[str | Path] = ()
    device: str | None = None
    """cpu or cuda; None takes CUDA when it is there"""
    resume: bool = False
    force: bool = False
    quiet: bool = False


@dataclass
class Trained:
    """What training leaves in memory, beside the directory it wrote."""

    network: Ensemble
    extractor: Extractor
    vocabularies: Vocabularies
    labels: Labels
    dev_metrics: dict[str, Any] | None
    notes: list[str] = field(default_factory=list)


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
    data, train_examples, dev_examples = _examples(request, say)
    labels = Labels.collect(train_examples)
    extractor = build_extractor(config, data.lookups, data.regexes)
    for line in _told(data, extractor, config):
        say(line)
    rows, vocabularies = training_rows(train_examples, extractor, labels, config)
    if not rows:
        raise DataError("All training examples are empty texts; write some text into them.")
    network, masker = _network(config, labels, vocabularies, device)
    dev = Dev(dev_examples, extractor, vocabularies, labels, config, data.synonyms) if dev_examples else None
    say(
        f"{len(train_examples)} examples, {len(labels.intents)} intents, {len(labels.entities)} entity types, "
        f"{len(dev_examples)} dev examples; {len(vocabularies.characters) - 1} character features, "
        f"{len(vocabularies.sentence) - 1} sentence features; device {device.type}, "
        f"{planned_epochs(config.training, len(rows))} epochs at most"
    )
    checkpoint = Checkpoint.beside(request.out, config.to_dict(), train_examples + dev_examples, data)
    run = Run(network, rows, config.training, dev.frame_accuracy if dev else None, checkpoint, device, masker,
              request.quiet)  # fmt: skip
    try:
        state = fit(run, request.resume)
        round_tables(network)
        _check_finite(network)
        temperature, metrics = dev.calibrate(network) if dev else (1.0, None)
        story = _story(state, temperature, metrics, config)
        write_model_dir(
            request.out,
            _files(config, labels, data, vocabularies, network, story),
            {"segmenter": extractor.segmenter.digest if config.features.words else None},
            request.force,
        )
    except KeyboardInterrupt:
        say(
            "interrupted; the same command with --resume goes on from the last saved state."
            if checkpoint.exists()
            else "interrupted before a state was saved; nothing was written."
        )
        raise
    checkpoint.clear()
    say(_summary(request.out, state, metrics))
    return Trained(network, extractor, vocabularies, labels, metrics, data.notes)


def _device(wanted: str | None) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "--device cuda: PyTorch finds no CUDA device here; use --device cpu or install a CUDA build."
        )
    return torch.device(wanted or ("cuda" if torch.cuda.is_available() else "cpu"))


def _examples(request: Request, say: Say) -> tuple[NluData, list[Example], list[Example]]:
    """Everything read, the training part and the dev part (given, or split off)."""
    data = load_data(list(request.data))
    training, model = request.config.training, request.config.model
    if request.dev:
        dev = load_data(list(request.dev)).examples
        train_part = data.examples
    else:
        train_part, dev = stratified_split(data.examples, training.dev_fraction, training.seed)
    usable, dev = _usable(train_part, model), _usable(dev, model)
    if len(usable) < len(train_part):
        say(f"note: {len(train_part) - len(usable)} examples without any text are left out.")
    if not any(example.intent is not None or example.entities for example in usable):
        what = "no example has an intent or an entity"
        if not model.intent_weight or not model.entity_weight:
            name = "entity" if model.intent_weight else "intent"
            what = f"nothing is left to learn, for model.{name}_weight is 0"
        raise DataError(f"{', '.join(map(str, request.data))}: {what}; annotate some first.")
    if not dev:
        say(
            "note: no dev examples (too few, or training.dev_fraction is 0): the last epoch is kept, uncalibrated."
        )
    return data, usable, dev


def _usable(examples: Sequence[Example], model: ModelConfig) -> list[Example]:
    """Examples with text, without annotations whose loss is switched off: nothing untrained may answer later."""
    usable = [example for example in examples if example.text.strip()]
    if not model.intent_weight:
        usable = [replace(example, intent=None) for example in usable]
    if not model.entity_weight:
        usable = [replace(example, entities=()) for example in usable]
    return usable


def _check_finite(network: Ensemble) -> None:
    if not all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters()):
        raise ModelError("Training diverged: weights are no longer numbers; lower training.learning_rate.")


def _told(data: NluData, extractor: Extractor, config: Config) -> list[str]:
    """What the reader and the dictionaries have to say."""
    lines = [f"note: {note}" for note in data.notes]
    lexicon = extractor.lexicon
    if data.lookups or data.regexes:
        role = {
            "hint": "as hints to the model",
            "extractor": "as hints and as extractors",
            "off": "switched off",
        }
        lines.append(f"dictionaries: {lexicon.loaded} lookup entries and regexes loaded, {len(lexicon.rejected)} "
                     f"rejected, used {role[config.features.lexicon]}")  # fmt: skip
    return lines + [f"note: {line}" for line in [*lexicon.rejected, *lexicon.notes]]


def _network(
    config: Config, labels: Labels, vocabularies: Vocabularies, device: torch.device
) -> tuple[Ensemble, Masker | None]:
    masker = Masker.build(vocabularies.characters, device) if config.model.masked_tokens else None
    sizes = Sizes(
        len(vocabularies.characters), len(vocabularies.sentence), len(labels.intents), len(labels.role_names),
        len(labels.group_names), masker.characters if masker else 0,
    )  # fmt: skip
    return Ensemble(config.model, sizes, labels.tag_set(config.model.tagging)).to(device), masker


def _story(
    state: State, temperature: float, metrics: dict[str, Any] | None, config: Config
) -> dict[str, Any]:
    return {"temperature": temperature, "seed": config.training.seed, "best_epoch": state.best_epoch,
            "history": state.history, "dev": metrics}  # fmt: skip


def _files(
    config: Config,
    labels: Labels,
    data: NluData,
    vocabularies: Vocabularies,
    network: Ensemble,
    story: dict[str, Any],
) -> dict[str, bytes]:
    """The content of the model directory."""
    tagger = io.BytesIO()
    np.save(tagger, network.tagger().cpu().numpy(), allow_pickle=False)
    lexicon = {"lookups": data.lookups, "regexes": data.regexes, "synonyms": data.synonyms}
    return {
        "config.json": _json(config.to_dict()),
        "labels.json": _json(labels.to_dict()),
        "lexicon.json": _json(lexicon),
        "character_features.tsv": vocabularies.characters.to_text().encode(),
        "sentence_features.tsv": vocabularies.sentence.to_text().encode(),
        "tagger.npy": tagger.getvalue(),
        "model.onnx": export_onnx(network),
        "training.json": _json(story),
    }


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=True, indent=1) + "\n").encode()


def _summary(out: Path, state: State, metrics: dict[str, Any] | None) -> str:
    if metrics is None:
        return f"{out}: written after {state.epoch} epochs"
    parts = [f"frames {metrics['frame_accuracy']:.3f}"]
    if metrics["intent"]:
        parts.append(f"intents {metrics['intent']['accuracy']:.3f}, ECE {metrics['intent']['ece']:.3f}")
    if metrics["entity"]:
        parts.append(f"entity F1 {metrics['entity']['f1']:.3f}")
    return f"{out}: written; best of {state.epoch} epochs was {state.best_epoch}; on dev: {', '.join(parts)}"
