"""Mask characters for the masked-character loss, and remove every feature that reveals them.

DIET (section 3, "Masking") masks tokens and predicts them. Here a character also occurs in its neighbours' n-grams, in
words and dictionary hits of any length, and in the sentence's features. Otherwise the prediction would be a
copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnlu.features.vocabulary import Vocabulary

RATE = 0.15  # share of the characters, as in DIET and BERT
REACH = 3  # distance of the widest template of _LOCAL
_OWN = ("c[0]=", "t[0]=", "py[0]=")  # templates of one character alone
_LOCAL = ("c[", "t[", "py[")  # templates within REACH, unlike words and dictionary hits


@dataclass(frozen=True)
class CharacterMasking:
    """Tables over character-feature ids."""

    character_class: Tensor
    """[ids]: 1 + the number of the character that a `c[0]=` feature names; 0 for other features"""
    own: Tensor
    """[ids]: 1 for features of one character alone"""
    local: Tensor
    """[ids]: 1 for features within REACH"""

    @classmethod
    def build(cls, vocabulary: Vocabulary, device: torch.device) -> CharacterMasking:
        character_class = torch.zeros(len(vocabulary), dtype=torch.long)
        own, local = torch.zeros(2, len(vocabulary), dtype=torch.int32)
        for feature, i in vocabulary.ids.items():
            own[i], local[i] = int(feature.startswith(_OWN)), int(feature.startswith(_LOCAL))
            if feature.startswith("c[0]="):
                character_class[i] = int(character_class.max()) + 1
        return cls(character_class.to(device), own.to(device), local.to(device))

    @property
    def characters(self) -> int:
        """Number of classes: 1 more than known characters, because class 0 is never a target."""
        return int(self.character_class.max()) + 1

    def hide(self, batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """(inputs with characters hidden, hide [B, L], target classes [B, L]) of a collated batch."""
        characters, mask = batch["characters"], batch["mask"]
        numbers = characters.long()
        target = self.character_class[numbers].amax(-1)
        hide = ((torch.rand(mask.shape, device=mask.device) < RATE) & (mask > 0) & (target > 0)).float()
        near = torch.nn.functional.max_pool1d(hide[:, None], 2 * REACH + 1, stride=1, padding=REACH)[:, 0]
        visible = characters * torch.where(near[..., None] > 0, self.own[numbers], self.local[numbers])
        visible = visible * (hide[..., None] == 0)
        inputs = {"characters": visible, "sentence": torch.zeros_like(batch["sentence"]), "mask": mask}
        return inputs, hide, target


def drop_values(batch: dict[str, Tensor], begins: Tensor, probability: float) -> dict[str, Tensor]:
    """The batch without the features of the characters of some entities, drawn with this probability.

    `begins` [T] is true for tags that begin an entity.
    """
    inside = batch["tags"] > 0
    number = (begins[batch["tags"]] & inside).cumsum(1)  # the number of the entity that a character is in
    drawn = torch.rand(len(number), number.shape[1] + 1, device=number.device) < probability
    dropped = inside & drawn.gather(1, number)
    return batch | {"characters": batch["characters"] * ~dropped[..., None]}
