"""How much of a text training had met, and how much it would have met without that text."""

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
texts = st.lists(st.text("北京上海去的票ab1 。", min_size=1, max_size=8), min_size=2, max_size=6, unique=True)


def vocabulary(features: list[Features]) -> Vocabulary:
    builder = VocabularyBuilder()
    for one in features:
        for row in one.characters:
            builder.add(row)
    return builder.build(2, 10_000)[0]


def share(text: Features, learned: list[Features]) -> float:
    """Of a text, under what these teach: as the interpreter computes it."""
    found = int(np.count_nonzero(vocabulary(learned).rows(text.characters)))
    return known_share(text, found, characters_of(f for one in learned for row in one.characters for f in row))


def test_other_words_than_any_that_were_learned_are_less_known() -> None:
    learned = [EXTRACTOR.extract(view(text)) for text in LEARNED]
    given = ("去上海的火车票", "量子力学是什么", "qwxyz")
    like, unlike, foreign = (share(EXTRACTOR.extract(view(text)), learned) for text in given)
    assert like > 0.6 > 0.2 > unlike >= foreign


@given(texts)
def test_a_text_left_out_is_known_by_what_the_others_teach(given: list[str]) -> None:
    every = [EXTRACTOR.extract(view(text)) for text in given]
    met, known = SeenFeatures.of(every, 2), vocabulary(every).ids
    for i, text in enumerate(every):
        others = [one for k, one in enumerate(every) if k != i]
        assert met.share_without(text, known) == pytest.approx(share(text, others))


def test_a_text_without_features_tells_nothing() -> None:
    assert known_share(Features([], []), 0, "") == 1.0
