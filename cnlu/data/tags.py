"""Encodes entity spans as one tag per character, decodes them, and defines which transitions are legal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from cnlu.data.schema import Entity
from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu.io.messages import shown

_PREFIXES = {"BIO": "BI", "BILOU": "BILU"}


class TagSet:
    """The tags of a set of entity types under a scheme, "O" first, and the sequences of them that are legal.

    BIO: B begins a span, I continues it. BILOU: B begins, I continues, L ends a span of two or more characters, U is
    a span of one. Both distinguish adjacent spans of one type.
    """

    tags: list[str]
    """"O", then per type its prefixed tags: "B-city", "I-city", ..."""
    legal_start: NDArray[np.bool_]
    """[T], whether a sequence may begin with the tag."""
    legal_end: NDArray[np.bool_]
    """[T], whether a sequence may end with the tag."""
    legal: NDArray[np.bool_]
    """[T, T], whether the second tag may follow the first."""

    def __init__(self, entity_types: Sequence[str], scheme: str = "BILOU") -> None:
        """`scheme` is "BIO" or "BILOU"; raises UsageError for another one, or for a repeated type."""
        if scheme not in _PREFIXES:
            raise UsageError(
                "", _("the tag scheme {scheme} is unknown", scheme=shown(scheme)), _("choose BIO or BILOU")
            )
        if len(set(entity_types)) != len(entity_types):
            raise UsageError("", _("an entity type is named twice"), _("name each once"))
        self.scheme = scheme
        self.entity_types = list(entity_types)
        self._prefixes = _PREFIXES[scheme]
        self._first = {name: 1 + i * len(self._prefixes) for i, name in enumerate(self.entity_types)}
        self.tags = ["O"] + [f"{prefix}-{name}" for name in self.entity_types for prefix in self._prefixes]
        self._set_transitions()

    def _set_transitions(self) -> None:
        prefixes = np.array([tag[0] for tag in self.tags])
        types = np.array([-1] + [i for i in range(len(self.entity_types)) for _ in self._prefixes])
        begins = np.isin(prefixes, ["O", "B", "U"])
        # Under BIO a span may end anywhere; under BILOU it ends with L.
        ends = np.isin(prefixes, ["O", "L", "U"]) if self.scheme == "BILOU" else np.ones(len(prefixes), bool)
        continues = np.isin(prefixes, ["B", "I"])[:, None] & np.isin(prefixes, ["I", "L"])[None, :]
        self.legal_start, self.legal_end = begins, ends
        self.legal = (ends[:, None] & begins[None, :]) | (continues & (types[:, None] == types[None, :]))

    def encode(self, length: int, entities: Iterable[Entity]) -> tuple[list[int], list[Entity]]:
        """Tag ids for `length` characters, and the entities that do not fit in them.

        If entities overlap, the longest is kept (the first of equally long ones). Entities that reach beyond
        `length` or whose type is not in this set are dropped too.
        """
        ids = [0] * length
        dropped = []
        for entity in sorted(entities, key=lambda entity: (entity.start - entity.end, entity.start)):
            start, end = entity.start, entity.end
            if entity.entity not in self._first or not 0 <= start < end <= length or any(ids[start:end]):
                dropped.append(entity)
            else:
                ids[start:end] = self._span(self._first[entity.entity], end - start)
        return ids, dropped

    def _span(self, first: int, size: int) -> list[int]:
        if self.scheme == "BIO":
            return [first] + [first + 1] * (size - 1)
        return [first + 3] if size == 1 else [first] + [first + 1] * (size - 2) + [first + 2]

    def decode(self, tag_ids: Iterable[int]) -> list[tuple[int, int, str]]:
        """The spans (start, end, type) of a tag sequence; for legal sequences the exact inverse of `encode`.

        In an illegal sequence, an I or L tag without a B tag before it begins a span, and an unfinished span ends where
        the next one begins.
        """
        spans: list[tuple[int, int, str]] = []
        start, kind = 0, ""
        for position, tag in enumerate([*tag_ids, 0]):
            prefix, _dash, name = self.tags[tag].partition("-")
            if kind and (name != kind or prefix in "OBU"):
                spans.append((start, position, kind))
                kind = ""
            if name and not kind:
                start, kind = position, name
            if prefix in "LU":
                spans.append((start, position + 1, kind))
                kind = ""
        return spans
