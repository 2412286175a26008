"""Hidden characters for the masked-character loss: what is hidden leaves no trace elsewhere in the input.

DIET (section 3, "Masking") hides tokens and guesses them. Here a character also shows in its neighbours' n-grams, in
words and dictionary hits however long, and in the sentence's features, so those are taken away too; otherwise
guessing would be copying.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnlu.features.vocabulary import Vocabulary

RATE = 0.15  # of the characters, as DIET and BERT
REACH = 3  # the widest template of _LOCAL looks this far
_OWN = ("c[0]=", "t[0]=", "py[0]=")  # templates that tell of a character alone
_LOCAL = ("c[", "t[", "py[")  # templates that tell of nothing beyond REACH, unlike words and dictionary hits


@dataclass(frozen=True)
class CharacterMasking:
    """Tables over character-feature ids."""

    guess: Tensor
    """[ids]: 1 + the number of the character that a `c[0]=` feature names; 0 for other features"""
    own: Tensor
    """[ids]: 1 for features that tell of their character alone"""
    local: Tensor
    """[ids]: 1 for features that tell of nothing beyond REACH"""

    @classmethod
    def build(cls, vocabulary: Vocabulary, device: torch.device) -> CharacterMasking:
        guess = torch.zeros(len(vocabulary), dtype=torch.long)
        own, local = torch.zeros(2, len(vocabulary), dtype=torch.int32)
        for feature, i in vocabulary.ids.items():
            own[i], local[i] = int(feature.startswith(_OWN)), int(feature.startswith(_LOCAL))
            if feature.startswith("c[0]="):
                guess[i] = int(guess.max()) + 1
        return cls(guess.to(device), own.to(device), local.to(device))

    @property
    def characters(self) -> int:
        """How many different characters can be guessed (1 more than known: class 0 is never a target)."""
        return int(self.guess.max()) + 1

    def hide(self, batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """(inputs with characters hidden, hide [B, L], target classes [B, L]) of a collated batch."""
        characters, mask = batch["characters"], batch["mask"]
        numbers = characters.long()
        target = self.guess[numbers].amax(-1)
        hide = ((torch.rand(mask.shape, device=mask.device) < RATE) & (mask > 0) & (target > 0)).float()
        near = torch.nn.functional.max_pool1d(hide[:, None], 2 * REACH + 1, stride=1, padding=REACH)[:, 0]
        blunt = characters * torch.where(near[..., None] > 0, self.own[numbers], self.local[numbers])
        blunt = blunt * (hide[..., None] == 0)
        inputs = {"characters": blunt, "sentence": torch.zeros_like(batch["sentence"]), "mask": mask}
        return inputs, hide, target


def drop_values(batch: dict[str, Tensor], begins: Tensor, chance: float) -> dict[str, Tensor]:
    """The batch with some entities' own characters without features; `begins` [T]: tags that begin an entity."""
    inside = batch["tags"] > 0
    number = (begins[batch["tags"]] & inside).cumsum(1)  # which of its text's entities a character is in
    drawn = torch.rand(len(number), number.shape[1] + 1, device=number.device) < chance
    dropped = inside & drawn.gather(1, number)
    return batch | {"characters": batch["characters"] * ~dropped[..., None]}
