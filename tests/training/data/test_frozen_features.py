"""The output of a frozen encoder, computed once and kept in memory or on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra cnlu[train]")

import torch

from cnlu.data.schema import Example
from cnlu.training.data.frozen_features import add_frozen_features
from tests.training.encoder_training import CPU, prepare


@pytest.mark.parametrize("memory", [1 << 30, 100])
def test_frozen_features_equal_the_encoders_output_in_memory_and_on_disk(
    memory: int, three_layer_bert: Path, examples: list[Example], tmp_path: Path
) -> None:
    encoder, rows, _ = prepare(three_layer_bert, examples, "encoder.sentence=last_four")
    for row in add_frozen_features(rows, encoder.aligned_encoder, encoder.views, CPU, memory, tmp_path):
        assert row.tokens is not None and row.frozen_features is not None
        tokens, mask = torch.from_numpy(row.tokens.ids)[None], torch.ones(1, len(row.tokens))
        with torch.no_grad():
            read = encoder.aligned_encoder.eval()(tokens, mask, torch.from_numpy(row.tokens.alignment)[None])
        assert np.allclose(row.frozen_features[0], read.characters[0], atol=5e-3)
        assert np.allclose(row.frozen_features[1], read.views[0], atol=5e-3)
    assert list(tmp_path.iterdir()) == []
