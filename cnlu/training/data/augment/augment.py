"""All examples that are made of the given ones, as the settings want it; each way of making them is off by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cnlu.config import Config
from cnlu.data.schema import Example, NluData
from cnlu.features.build_extractor import build_normalizer
from cnlu.features.synonyms import Synonyms
from cnlu.text.segment import Segmenter
from cnlu.training.data.augment.homophones import misheard
from cnlu.training.data.augment.synonym_replacement import reworded, without_fillers
from cnlu.training.data.augment.value_substitution import swapped
from cnlu.training.data.augment.word_tables import SYNONYMS, read_synonyms
from cnlu.training.data.multi_intent import joined

SETTINGS = ("swap_values", "synonyms", "synonym_table", "homophones", "drop_fillers", "join")
"""What of the section `training` is about it"""


def made(examples: Sequence[Example], data: NluData, config: Config, segmenter: Segmenter) -> dict[str, list[Example]]:
    """By what they are, the examples made of `examples`, with the dictionaries of `data`; the seed decides them.

    Each way starts from the given examples alone, so copies are not copied again. Raises DataError for a broken
    training.synonym_table, UsageError for homophones without pypinyin.
    """
    training = config.training
    seed = training.seed

    canonical = Synonyms(data.synonyms, data.synonyms_of, build_normalizer(config.text))

    def synonyms() -> list[Example]:
        tables = [SYNONYMS, *([Path(training.synonym_table)] if training.synonym_table else [])]
        return reworded(examples, training.synonyms, seed, segmenter, read_synonyms(*tables))

    ways: list[tuple[str, float, Callable[[], list[Example]]]] = [
        (
            "copies with other values",
            training.swap_values,
            lambda: swapped(examples, training.swap_values, seed, data.lookups, canonical),
        ),
        ("copies with words of the same meaning", training.synonyms, synonyms),
        (
            "copies with words that sound the same",
            training.homophones,
            lambda: misheard(examples, training.homophones, seed, segmenter),
        ),
        (
            "copies without fillers",
            training.drop_fillers,
            lambda: without_fillers(examples, training.drop_fillers, seed, segmenter),
        ),
        (
            "of two joined",
            training.join if config.model.multi_label else 0.0,
            lambda: list(joined(examples, training.join, seed)),
        ),
    ]
    return {what: make() for what, wanted, make in ways if wanted}
