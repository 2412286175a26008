"""What a training goes on from: a trained network whose labels and features the new one knows, and more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cnlu.features.vocabulary import Vocabularies, Vocabulary
from cnlu.model.ensemble import Ensemble
from cnlu.model.network import JointNetwork
from cnlu.runtime.labels import Labels
from cnlu.training.fit.dev_evaluator import Calibration


@dataclass(frozen=True)
class WarmStart:
    """A trained model, ready to hand its weights on."""

    network: Ensemble
    """Its members, without their encoder"""
    tags: Sequence[str]
    """In the order of its emissions"""
    labels: Labels
    vocabularies: Vocabularies
    calibration: Calibration
    digest: str
    """Of all of the model, so that a resumed run goes on from the same"""

    def initialize(self, network: Ensemble, tags: Sequence[str], labels: Labels, vocabularies: Vocabularies) -> None:
        """Fill `network`, which knows these, with what is known already; what is new stays as it was made.

        A feature that is new says nothing at first, as it did when it was unknown.
        """
        moves = self._moves(tags, labels, vocabularies)
        with torch.no_grad():
            for old, new in zip(self.network.networks(), network.networks(), strict=True):
                for projection in (new.characters, new.sentence):
                    projection.table.weight.zero_()
                _copy_weights(old, new, moves)

    def item_weights(self) -> Tensor | None:
        """Of the decision on groups; None where it had none."""
        return self.network.item_weights()

    def _moves(self, tags: Sequence[str], labels: Labels, vocabularies: Vocabularies) -> dict[str, Tensor]:
        """First part of a parameter's name -> where its old rows stand among the new ones."""
        own = self.labels
        return {
            "characters": _features(self.vocabularies.characters, vocabularies.characters),
            "sentence": _features(self.vocabularies.sentence, vocabularies.sentence),
            "emissions": _places(self.tags, tags),
            "crf": _places(self.tags, tags),
            "roles": _places(["", *own.role_names], ["", *labels.role_names]),
            "groups": _places(own.group_columns, labels.group_columns),
            "intents": _places(own.intents, labels.intents),
            "labels": _places(own.intents, labels.intents),
            "label_bias": _places(own.intents, labels.intents),
        }


def _copy_weights(old: JointNetwork, new: JointNetwork, moves: dict[str, Tensor]) -> None:
    parameters = dict(new.named_parameters())
    for name, parameter in old.named_parameters():
        part, target = name.partition(".")[0], parameters[name]
        value = parameter.to(target.device)
        if part in ("guess", "hidden"):  # of the masked-character loss, which no model directory keeps
            continue
        if part not in moves:
            target.copy_(value)
            continue
        places = moves[part].to(target.device)
        if name == "crf.transitions":
            target[places[:, None], places[None, :]] = value
        else:
            target[places] = value


def _features(old: Vocabulary, new: Vocabulary) -> Tensor:
    """0, no feature, stays 0."""
    return torch.tensor([0, *(new.ids[feature] for feature in old.ids)])


def _places(old: Sequence[str], new: Sequence[str]) -> Tensor:
    where = {name: i for i, name in enumerate(new)}
    return torch.tensor([where[name] for name in old], dtype=torch.long)
