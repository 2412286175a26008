"""The share of a text that training has seen, and the share that it would have seen without the text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnlu.config import Config
from cnlu.features.build_extractor import build_extractor
from cnlu.features.coverage import SeenFeatures, characters_of, known_share
from cnlu.features.extract import Features
from cnlu.features.vocabulary import Vocabulary, VocabularyBuilder
from cnlu.text.view import view

EXTRACTOR = build_extractor(Config(), {}, {})
LEARNED = ["查一下明天去北京的火车", "明天去上海的票还有吗", "去北京的票多少钱", "我要退票", "退掉明天的票"]
TEXTS = st.lists(st.text("北京上海去的票ab1 。", min_size=1, max_size=8), min_size=2, max_size=6, unique=True)


def vocabulary(features: list[Features]) -> Vocabulary:
    builder = VocabularyBuilder()
    for text in features:
        for row in text.characters:
            builder.add(row)
    return builder.build(2, 10_000)[0]


def share(text: Features, learned: list[Features]) -> float:
    """The known share of a text after training on the texts `learned`, as the interpreter computes it."""
    known = int(np.count_nonzero(vocabulary(learned).rows(text.characters)))
    return known_share(text, known, characters_of(f for other in learned for row in other.characters for f in row))


def test_unseen_phrasing_has_a_lower_share() -> None:
    learned = [EXTRACTOR.extract(view(text)) for text in LEARNED]
    texts = ("去上海的火车票", "量子力学是什么", "qwxyz")
    similar, different, foreign = (share(EXTRACTOR.extract(view(text)), learned) for text in texts)
    assert similar > 0.6 > 0.2 > different >= foreign


@given(TEXTS)
def test_share_without_a_text_is_its_share_under_the_other_texts(texts: list[str]) -> None:
    features = [EXTRACTOR.extract(view(text)) for text in texts]
    seen_features, known = SeenFeatures.of(features, 2), vocabulary(features).ids
    for i, text in enumerate(features):
        others = [other for k, other in enumerate(features) if k != i]
        assert seen_features.share_without(text, known) == pytest.approx(share(text, others))


def test_a_text_without_features_counts_as_known() -> None:
    assert known_share(Features([], []), 0, "") == 1.0
