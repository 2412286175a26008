"""What a model can say: its labels, as plain data shared by training and running."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from cnlu.data.grouping import ItemSet, order_of
from cnlu.data.multi_intent import split_intent
from cnlu.data.schema import Example
from cnlu.data.tags import TagSet


@dataclass(frozen=True)
class Labels:
    """Label names in the order of the network's outputs; all sorted, so the same data gives the same model."""

    intents: list[str]
    entities: list[str]
    roles: dict[str, list[str]]
    """Entity type -> its roles; types without any are absent."""
    groups: dict[str, list[str]]
    """Entity type -> its groups."""
    combined: list[str] = field(default_factory=list)
    """Of a model that gives several intents of a sentence: the combinations that its examples have, as they write them;
    `intents` are single ones then."""
    counting: list[str] = field(default_factory=list)
    """Groups whose labels count a sentence's items, in their order; empty where labels mean something by themselves."""

    @classmethod
    def collect(cls, examples: Iterable[Example], multi_intent: bool = False) -> Labels:
        """The labels of annotated examples; with `multi_intent` an intent a+b is two."""
        examples = list(examples)
        intents: set[str] = set()
        combined: set[str] = set()
        entities: set[str] = set()
        roles: dict[str, set[str]] = {}
        groups: dict[str, set[str]] = {}
        for example in examples:
            if example.intent is not None:
                named = split_intent(example.intent) if multi_intent else [example.intent]
                intents.update(named)
                if len(named) > 1:
                    combined.add(example.intent)
            for span in example.entities:
                entities.add(span.entity)
                if span.role is not None:
                    roles.setdefault(span.entity, set()).add(span.role)
                if span.group is not None:
                    groups.setdefault(span.entity, set()).add(span.group)
        return cls(
            sorted(intents), sorted(entities), _sorted(roles), _sorted(groups), sorted(combined), order_of(examples)
        )

    @cached_property
    def role_names(self) -> list[str]:
        """All roles, in the order of the network's role scores after "no role"."""
        return sorted({role for roles in self.roles.values() for role in roles})

    @cached_property
    def group_names(self) -> list[str]:
        return sorted({group for groups in self.groups.values() for group in groups})

    @cached_property
    def items(self) -> ItemSet | None:
        """What groups are decided among; None where no type has any."""
        if not self.groups:
            return None
        return ItemSet(self.counting or self.group_names, bool(self.counting))

    @property
    def group_columns(self) -> Sequence[str]:
        """Of the network's scores of groups, by names that tell them apart; one that nobody reads without groups."""
        return self.items.columns if self.items else ["begins"]

    def tag_set(self, scheme: str) -> TagSet:
        return TagSet(self.entities, scheme)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _sorted(names: dict[str, set[str]]) -> dict[str, list[str]]:
    return {key: sorted(names[key]) for key in sorted(names)}
