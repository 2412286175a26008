"""The log lines of a training: its data, its schedule and its result."""

from __future__ import annotations

from pathlib import Path

from cnlu.config import Config
from cnlu.config.needs import refuse_without_effect
from cnlu.i18n import _
from cnlu.io.messages import shown
from cnlu.training.data.dataset import Dataset, dictionary_notes
from cnlu.training.data.out_of_fold import all_members
from cnlu.training.inputs import Features, TrainingInputs
from cnlu.training.package import Fitted
from cnlu.training.request import Log

SHOWN = 3
"""Number of augmented examples of a kind that are shown"""


def log_dataset(inputs: TrainingInputs, features: Features, config: Config, schedule: str, log: Log) -> None:
    """Logs the data of the training; `schedule` is the end of the line, such as the device and the epochs."""
    dataset, labels, vocabularies = inputs.dataset, inputs.labels, features.vocabularies
    for note in dataset.data.notes:
        log(f"note: {note}")
    for line in dictionary_notes(dataset.data, features.extractor.lexicon, config):
        log(line)
    augmented = "".join(f" and {len(new)} {kind}" for kind, new in features.augmented.items() if new)
    log(
        f"{len(dataset.train)} examples{augmented}, "
        f"{len(labels.intents)} intents, {len(labels.entities)} entity types, "
        f"{len(dataset.dev)} dev examples; {len(vocabularies.characters) - 1} character features, "
        f"{len(vocabularies.sentence) - 1} sentence features; {schedule}"
    )
    for kind, new in features.augmented.items():
        if new:
            log(f"{kind}, such as: {' '.join(shown(example.text) for example in new[:SHOWN])}")


def log_last_epoch_kept(dataset: Dataset, config: Config, keeps_calibration: bool, log: Log) -> None:
    """Logs why dev does not choose the epoch: on few examples, the best epoch is a matter of luck.

    Raises UsageError if training.patience is set, which then has no effect.
    """
    training = config.training
    reason = _("has no effect with fewer dev examples than training.min_dev ({least})", least=training.min_dev)
    refuse_without_effect(config, {"dev_choice": reason})
    out_of_fold = set(dataset.held_out_by) - {0, all_members(config.model.members)}
    calibrated = "as before" if keeps_calibration else f"on {len(dataset.calibration_examples()[0])} examples"
    log(
        f"note: fewer dev examples than training.min_dev ({training.min_dev}) are too few to choose an epoch: the "
        f"last is kept, calibrated {calibrated}"
        f"{', each by a network that left it out' if out_of_fold and not keeps_calibration else ''}"
        f"{'; then training continues on all' if dataset.held_out_by else ''}."
    )


def log_summary(out: Path, fitted: Fitted, *, best_epoch: bool, out_of_fold: bool, log: Log) -> None:
    """Logs where the model is, which epoch was kept, and the dev metrics."""
    state, metrics = fitted.state, fitted.dev_metrics
    written = f"best of {state.epoch} epochs was {state.best_epoch}" if best_epoch else f"after {state.epoch} epochs"
    if metrics is None:
        log(f"{out}: written {written}")
        return
    parts = [f"frames {metrics['frame_accuracy']:.3f}"]
    if metrics["intent"]:
        parts.append(f"intents {metrics['intent']['accuracy']:.3f}, ECE {metrics['intent']['ece']:.3f}")
    if metrics["entity"]:
        parts.append(f"entity F1 {metrics['entity']['f1']:.3f}")
    where = "left out" if out_of_fold else "on dev"
    log(f"{out}: written{';' if best_epoch else ''} {written}; {where}: {', '.join(parts)}")
