"""A model's labels, as plain data that training and the interpreter share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field
from functools import cached_property
from typing import Any

from cnlu.data.grouping import ItemSet, item_label_order
from cnlu.data.multi_intent import split_intent
from cnlu.data.schema import Example
from cnlu.data.tags import TagSet


@dataclass(frozen=True)
class Labels:
    """Label names in the order of the network's outputs. They are sorted, so the same data gives the same model."""

    intents: list[str]
    entities: list[str]
    roles: dict[str, list[str]]
    """Entity type -> its roles; types without roles are absent"""
    groups: dict[str, list[str]]
    """Entity type -> its groups; types without groups are absent"""
    _: KW_ONLY
    combined: list[str] = field(default_factory=list)
    """The intent combinations of the examples, as the examples spell them, if the model is multi-label; `intents` then
    holds single intents"""
    counting: list[str] = field(default_factory=list)
    """The group labels in their order, if they count a sentence's items; empty if labels have a meaning of their own"""

    @classmethod
    def collect(cls, examples: Iterable[Example], multi_intent: bool = False) -> Labels:
        """The labels of annotated examples; with `multi_intent` an intent a+b is two intents."""
        examples = list(examples)
        intents: set[str] = set()
        combined: set[str] = set()
        entities: set[str] = set()
        roles: dict[str, set[str]] = {}
        groups: dict[str, set[str]] = {}
        for example in examples:
            if example.intent is not None:
                names = split_intent(example.intent) if multi_intent else [example.intent]
                intents.update(names)
                if len(names) > 1:
                    combined.add(example.intent)
            for span in example.entities:
                entities.add(span.entity)
                if span.role is not None:
                    roles.setdefault(span.entity, set()).add(span.role)
                if span.group is not None:
                    groups.setdefault(span.entity, set()).add(span.group)
        return cls(
            sorted(intents),
            sorted(entities),
            _sorted(roles),
            _sorted(groups),
            combined=sorted(combined),
            counting=item_label_order(examples),
        )

    @cached_property
    def role_names(self) -> list[str]:
        """All roles, in the order of the network's role scores, which begin with "no role"."""
        return sorted({role for roles in self.roles.values() for role in roles})

    @cached_property
    def group_names(self) -> list[str]:
        return sorted({group for groups in self.groups.values() for group in groups})

    @cached_property
    def items(self) -> ItemSet | None:
        """The items to which entities can belong; None if no type has groups."""
        if not self.groups:
            return None
        return ItemSet(self.counting or self.group_names, bool(self.counting))

    @property
    def group_columns(self) -> Sequence[str]:
        """Names of the columns of the network's group scores; a model without groups has one unused column."""
        return self.items.columns if self.items else ["begins"]

    def tag_set(self, scheme: str) -> TagSet:
        return TagSet(self.entities, scheme)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _sorted(names: dict[str, set[str]]) -> dict[str, list[str]]:
    return {key: sorted(names[key]) for key in sorted(names)}
