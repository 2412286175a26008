"""Warm start: copy the weights of a trained network into one with the same labels and features, and more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnlu.features.vocabulary import Vocabularies, Vocabulary
from cnlu.model.ensemble import Ensemble
from cnlu.runtime.calibration import Calibration
from cnlu.runtime.labels import Labels


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """The part of a trained model that training starts from."""

    weights: Mapping[str, Tensor]
    """By parameter name, as in `Ensemble.named_parameters`; without the encoder"""
    item_weights: Tensor | None
    """The weights of the grouping CRF; None if the model has none"""
    tags: Sequence[str]
    """The tags, in the order of the model's emissions"""
    labels: Labels
    vocabularies: Vocabularies
    calibration: Calibration
    digest: str
    """Hash of the model directory, so that a resumed run continues from the same model"""

    def initialize(self, network: Ensemble, tags: Sequence[str], labels: Labels, vocabularies: Vocabularies) -> None:
        """Copy the weights into `network`, which has these labels and features; weights of new labels stay random.

        A new feature gets a row of zeros, so that it contributes nothing, like an unknown feature before.
        """
        rows = self._new_rows(tags, labels, vocabularies)
        parameters = dict(network.named_parameters())
        with torch.no_grad():
            for member in network.networks():
                for projection in (member.characters, member.sentence):
                    projection.table.weight.zero_()
            for name, value in self.weights.items():
                _copy(name.split(".")[2:], value, parameters[name], rows)

    def _new_rows(self, tags: Sequence[str], labels: Labels, vocabularies: Vocabularies) -> dict[str, Tensor]:
        """First part of a parameter's name -> the new row of each old row."""
        old = self.labels
        return {
            "characters": _feature_rows(self.vocabularies.characters, vocabularies.characters),
            "sentence": _feature_rows(self.vocabularies.sentence, vocabularies.sentence),
            "emissions": _rows(self.tags, tags),
            "crf": _rows(self.tags, tags),
            "roles": _rows(["", *old.role_names], ["", *labels.role_names]),
            "groups": _rows(old.group_columns, labels.group_columns),
            "intents": _rows(old.intents, labels.intents),
            "labels": _rows(old.intents, labels.intents),
            "label_bias": _rows(old.intents, labels.intents),
        }


def _copy(name: Sequence[str], value: Tensor, target: Tensor, rows: Mapping[str, Tensor]) -> None:
    """`name`: the parts of the parameter's name within its member."""
    value = value.to(target.device)
    if name[0] not in rows:
        target.copy_(value)
        return
    indices = rows[name[0]].to(target.device)
    if name[-1] == "transitions":
        target[indices[:, None], indices[None, :]] = value
    else:
        target[indices] = value


def _feature_rows(old: Vocabulary, new: Vocabulary) -> Tensor:
    """The new row of each old row; row 0, for no feature, stays row 0."""
    return torch.tensor([0, *(new.ids[feature] for feature in old.ids)])


def _rows(old: Sequence[str], new: Sequence[str]) -> Tensor:
    row_of = {name: i for i, name in enumerate(new)}
    return torch.tensor([row_of[name] for name in old], dtype=torch.long)
