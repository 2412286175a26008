"""Hidden characters for the masked-character loss: what is hidden leaves no trace elsewhere in the input.

DIET (section 3.3) hides tokens and guesses them. Here a character also shows in its neighbours' n-grams and
in the sentence's, so those are taken away too; otherwise guessing would be copying.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cnlu.features.vocabulary import Vocabulary

RATE = 0.15  # of the characters, as DIET and BERT
REACH = 3  # the widest n-gram template looks this far
_OWN = ("c[0]=", "t[0]=")  # templates that tell of a character alone


@dataclass(frozen=True)
class Masker:
    """Tables over character-feature ids."""

    guess: Tensor
    """[ids]: 1 + the number of the character that a `c[0]=` feature names; 0 for other features"""
    own: Tensor
    """[ids]: 1 for features that tell of their character alone"""

    @classmethod
    def build(cls, vocabulary: Vocabulary, device: torch.device) -> Masker:
        guess, own = (
            torch.zeros(len(vocabulary), dtype=torch.long),
            torch.zeros(len(vocabulary), dtype=torch.int32),
        )
        for feature, i in vocabulary.ids.items():
            own[i] = int(feature.startswith(_OWN))
            if feature.startswith("c[0]="):
                guess[i] = int(guess.max()) + 1
        return cls(guess.to(device), own.to(device))

    @property
    def characters(self) -> int:
        """How many different characters can be guessed (1 more than known: class 0 is never a target)."""
        return int(self.guess.max()) + 1

    def hide(self, batch: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """(inputs with characters hidden, hide [B, L], target classes [B, L]) of a collated batch."""
        characters, mask = batch["characters"], batch["mask"]
        target = self.guess[characters.long()].amax(-1)
        hide = ((torch.rand(mask.shape, device=mask.device) < RATE) & (mask > 0) & (target > 0)).float()
        near = torch.nn.functional.max_pool1d(hide[:, None], 2 * REACH + 1, stride=1, padding=REACH)[:, 0]
        blunt = torch.where(near[..., None] > 0, characters * self.own[characters.long()], characters)
        inputs = {"characters": blunt, "sentence": torch.zeros_like(batch["sentence"]), "mask": mask}
        return inputs, hide, target
