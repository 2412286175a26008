from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

from cnlu.data.schema import Entity
from cnlu.data.tags import TagSet
from cnlu.model.crf import LegalCRF
from cnlu.training.data.character_masking import drop_values


@pytest.mark.parametrize("scheme", ["BIO", "BILOU"])
def test_an_entitys_characters_are_dropped_together_and_no_others(scheme: str) -> None:
    tags = TagSet(["city", "date"], scheme)
    spans = [Entity(1, 4, "city", ""), Entity(4, 5, "date", ""), Entity(5, 7, "date", "")]
    ids, _ = tags.encode(8, spans)
    given = {"characters": torch.ones(400, 8, 3, dtype=torch.int32), "tags": torch.tensor([ids]).expand(400, -1)}
    torch.manual_seed(0)
    left = drop_values(given, LegalCRF(tags).start_penalty == 0, 0.25)["characters"].bool().all(-1)
    assert left[:, [0, 7]].all()
    for span in spans:
        inside = left[:, span.start : span.end]
        assert (inside.all(1) | ~inside.any(1)).all()
        assert 60 < int((~inside[:, 0]).sum()) < 140
    assert (left[:, 1] != left[:, 4]).any() and (left[:, 4] != left[:, 5]).any()
