"""What an entity's surface stands for: its canonical value."""

from __future__ import annotations

from collections.abc import Mapping

from cnlu.text.normalize import Normalizer
from cnlu.text.view import view

_NOTHING: tuple[Mapping[str, str], dict[str, str]] = ({}, {})


class Synonyms:
    """Canonical values under the model's own folding of width and, as in Rasa, of case in any event.

    A surface as it is written counts before one that only folds into it, and the synonyms of the entity's type before
    those of all types. A value stands for itself: under iPhone, IPHONE is iPhone.
    """

    def __init__(
        self, general: Mapping[str, str], of_type: Mapping[str, Mapping[str, str]], normalizer: Normalizer
    ) -> None:
        """`general` maps surfaces to values for all types, `of_type` those of one type."""
        self._normalizer = normalizer
        self._general = self._table(general)
        self._of_type = {kind: self._table(synonyms) for kind, synonyms in of_type.items()}

    def _table(self, synonyms: Mapping[str, str]) -> tuple[Mapping[str, str], dict[str, str]]:
        """(as written, folded)"""
        folded = {self.fold(value): value for value in synonyms.values()}
        return synonyms, folded | {self.fold(surface): value for surface, value in synonyms.items()}

    def fold(self, surface: str) -> str:
        """The form in which surfaces are compared: of the characters that are read."""
        return self._normalizer.normalize(view(surface).text).text.casefold()

    def value(self, surface: str, kind: str) -> str:
        """What a surface stands for as an entity of a type; the surface itself where it is no synonym."""
        folded = self.fold(surface)
        for written, like in (self._of_type.get(kind, _NOTHING), self._general):
            if surface in written or folded in like:
                return written[surface] if surface in written else like[folded]
        return surface
