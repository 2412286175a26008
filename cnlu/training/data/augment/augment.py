"""Augment examples according to the settings; each kind of augmentation is off by default."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from cnlu.config import Config
from cnlu.data.schema import Example, NluData
from cnlu.features.build_extractor import build_normalizer
from cnlu.features.synonyms import Synonyms
from cnlu.text.segment import Segmenter
from cnlu.training.data.augment.homophones import substitute_homophones
from cnlu.training.data.augment.synonym_replacement import drop_fillers, replace_synonyms
from cnlu.training.data.augment.value_substitution import substitute_values
from cnlu.training.data.augment.word_tables import SYNONYMS, read_synonyms
from cnlu.training.data.multi_intent import synthesize_multi_intent

SETTINGS = (
    "value_substitution",
    "synonym_replacement",
    "synonym_table",
    "homophones",
    "drop_fillers",
    "multi_intent_pairs",
)
"""The settings of the section `training` for augmentation"""


def augment(
    examples: Sequence[Example], data: NluData, config: Config, segmenter: Segmenter
) -> dict[str, list[Example]]:
    """Kind of augmentation -> new examples, drawn with training.seed and the dictionaries of `data`.

    Each kind starts from the given examples, so copies are not copied again. Raises DataError for an invalid
    training.synonym_table, UsageError for homophones without pypinyin.
    """
    training, seed = config.training, config.training.seed
    value_synonyms = Synonyms(data.synonyms, data.synonyms_of, build_normalizer(config.text))

    def synonyms() -> list[Example]:
        tables = [SYNONYMS, *([Path(training.synonym_table)] if training.synonym_table else [])]
        return replace_synonyms(examples, training.synonym_replacement, seed, segmenter, read_synonyms(*tables))

    kinds: list[tuple[str, float, Callable[[], list[Example]]]] = [
        (
            "copies with other values",
            training.value_substitution,
            lambda: substitute_values(examples, training.value_substitution, seed, data.lookups, value_synonyms),
        ),
        ("copies with words of the same meaning", training.synonym_replacement, synonyms),
        (
            "copies with words that sound the same",
            training.homophones,
            lambda: substitute_homophones(examples, training.homophones, seed, segmenter),
        ),
        (
            "copies without fillers",
            training.drop_fillers,
            lambda: drop_fillers(examples, training.drop_fillers, seed, segmenter),
        ),
        (
            "with two intents",
            training.multi_intent_pairs if config.model.multi_label else 0.0,
            lambda: list(synthesize_multi_intent(examples, training.multi_intent_pairs, seed)),
        ),
    ]
    return {description: make() for description, amount, make in kinds if amount}
