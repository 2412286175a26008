"""Refuses settings without effect: each setting declares the conditions that it needs (`setting(..., needs=...)`).

A condition with a dot is about another setting: `model.layers` is met unless that setting is false, 0 or empty;
`model.intent_loss: similarity` and `run.schedule: linear | constant` are met by the listed values. A condition
without a dot is one of CIRCUMSTANCES; only the caller knows whether it is met.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from cnlu.errors import UsageError
from cnlu.i18n import _

CIRCUMSTANCES: Mapping[str, str] = {
    "annotations": "the training examples are annotated; a student's are not, because the teacher labels them",
    "continue": "training continues from a trained model: --from",
    "dev_choice": "there are enough dev examples to choose the best epoch",
    "dev_split": "the dev examples are split off the training data: no --dev",
    "encoder": "the model has a pretrained encoder: --encoder",
    "refit": "few examples are held out, and training ends on all of them",
    "store_examples": "the model directory stores training examples",
}
"""Condition that is not about another setting -> what it means."""


def refuse_without_effect(config: Any, unmet: Mapping[str, str], where: str = "") -> None:
    """Raises UsageError for the first setting without effect: it is not at its default and needs an unmet condition.

    `config`: a dataclass of sections. `unmet`: conditions that do not hold -> the problem, "has no effect with ...".
    `where`: the file that the settings come from.
    """
    for name, value, default, needs in _settings(config):
        problem = next((unmet[need] for need in needs if need in unmet), None)
        if problem is not None and value != default:
            raise UsageError(f"{where}: {name}" if where else name, problem, _("leave it out"))


def refuse_option(options: Mapping[str, object], problem: str, fix: str | None = None) -> None:
    """Raises UsageError for the first of these options, which have no effect, that is set: not None, False or []."""
    for option, value in options.items():
        if value is not None and value is not False and value != []:
            raise UsageError(option, problem, fix or _("leave it out"))


def unmet_settings(config: Any) -> dict[str, str]:
    """The conditions about other settings that do not hold, for `refuse_without_effect`.

    Only for settings that a user wrote: those of a saved model may hold the defaults of another version.
    """
    needs = dict.fromkeys(need for *_rest, needs in _settings(config) for need in needs if "." in need)
    unmet = {}
    for need in needs:
        name, _colon, accepted = need.partition(": ")
        section, _dot, setting = name.partition(".")
        value = _written(getattr(getattr(config, section), setting))
        holds = value in accepted.split(" | ") if accepted else value not in ("false", "0", "")
        if not holds:
            unmet[need] = _("has no effect with {setting}", setting=f"{name}: {value}")
    return unmet


def _settings(config: Any) -> Iterator[tuple[str, Any, Any, tuple[str, ...]]]:
    """(section.setting, its value, its default, the conditions it needs) of all settings that need any."""
    for section in dataclasses.fields(config):
        values = getattr(config, section.name)
        shared = section.metadata.get("needs", ())
        for f in dataclasses.fields(values):
            if needs := (*shared, *f.metadata.get("needs", ())):
                yield f"{section.name}.{f.name}", getattr(values, f.name), f.default, needs


def _written(value: Any) -> str:
    """A setting's value as YAML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
