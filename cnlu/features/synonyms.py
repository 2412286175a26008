"""Maps the surface of an entity to its canonical value."""

from __future__ import annotations

from collections.abc import Mapping

from cnlu.text.normalize import Normalizer
from cnlu.text.view import view

_EMPTY: tuple[Mapping[str, str], dict[str, str]] = ({}, {})


class Synonyms:
    """Looks up canonical values; width is folded as in the model and, as in Rasa, case is always ignored.

    Synonyms of the entity's type come before those of all types, and an exact surface before one that is only equal
    after folding. A value is a synonym of itself: with the value iPhone, IPHONE becomes iPhone.
    """

    def __init__(
        self, general: Mapping[str, str], of_type: Mapping[str, Mapping[str, str]], normalizer: Normalizer
    ) -> None:
        """`general` maps surfaces to values for all types, `of_type` those of one type."""
        self._normalizer = normalizer
        self._general = self._table(general)
        self._of_type = {kind: self._table(synonyms) for kind, synonyms in of_type.items()}

    def _table(self, synonyms: Mapping[str, str]) -> tuple[Mapping[str, str], dict[str, str]]:
        """(synonyms as written, folded synonyms)"""
        folded = {self.fold(value): value for value in synonyms.values()}
        return synonyms, folded | {self.fold(surface): value for surface, value in synonyms.items()}

    def fold(self, surface: str) -> str:
        """The normalized, case-folded surface without characters that the view leaves out, for comparisons."""
        return self._normalizer.normalize(view(surface).text).text.casefold()

    def value(self, surface: str, kind: str) -> str:
        """The canonical value of a surface as an entity of type `kind`; the surface itself if it is not a synonym."""
        folded = self.fold(surface)
        for exact_table, folded_table in (self._of_type.get(kind, _EMPTY), self._general):
            if surface in exact_table:
                return exact_table[surface]
            if folded in folded_table:
                return folded_table[folded]
        return surface
