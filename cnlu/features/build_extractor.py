"""Builds the feature extractor from settings and dictionaries, for training and for a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cnlu.config import Config, TextConfig
from cnlu.features.extract import Extractor
from cnlu.features.lexicon import Lexicon
from cnlu.text.normalize import Normalizer
from cnlu.text.segment import Segmenter
from cnlu.text.view import view


def build_normalizer(text: TextConfig) -> Normalizer:
    """The normalizer of these settings; raises UsageError if `text.simplify` is set and OpenCC is not installed."""
    return Normalizer(width=text.fold_width, case=text.fold_case, simplify=text.simplify)


def build_extractor(
    config: Config, lookups: Mapping[str, Sequence[str]], regexes: Mapping[str, Sequence[str]]
) -> Extractor:
    """The extractor of these settings; the entries of the lookup tables are added to the segmenter's words."""
    normalizer = build_normalizer(config.text)
    if config.features.lexicon == "off":
        lookups, regexes = {}, {}
    words = [normalizer.normalize(view(entry).text).text for entries in lookups.values() for entry in entries]
    segmenter = Segmenter(words if config.features.words else (), backend=config.text.segmenter)
    return Extractor(config.features, normalizer, segmenter, Lexicon(lookups, regexes, normalizer))
