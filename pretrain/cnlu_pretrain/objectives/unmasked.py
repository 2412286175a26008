"""The objectives on text without masks: SimCSE, and the distance to the original encoder."""

from __future__ import annotations

import copy
from typing import Any

import torch

from cnlu_pretrain.config import ObjectivesConfig
from cnlu_pretrain.objectives.losses import ObjectiveSums, Pretrainer, TensorBatch, model_inputs
from cnlu_pretrain.objectives.simcse import SimCSE
from cnlu_pretrain.objectives.vector_distance import vector_distances


class UnmaskedPretrainer(Pretrainer):
    """A Pretrainer whose encoder also reads the text without masks, once or twice.

    SimCSE needs rows of isolated sentences. The original encoder is `model` as it is when this object is built.
    """

    def __init__(self, model: Any, config: ObjectivesConfig, where: str = "the encoder", generator: Any = None) -> None:
        super().__init__(model, config, where, generator)
        self.simcse = SimCSE(int(model.config.hidden_size)) if config.simcse else None
        original = copy.deepcopy(model.base_model).eval().requires_grad_(False) if config.original else None
        self._original = [original]  # in a list: neither trained nor saved

    @property
    def weights(self) -> dict[str, float]:
        weight = self.config.original
        return {**super().weights, "simcse": self.config.simcse, "original_hidden": weight, "original_sentence": weight}

    def forward(self, batch: TensorBatch) -> ObjectiveSums:
        sums = super().forward(batch)
        tokens = batch.originals()
        hidden = self._hidden(self.model, tokens, batch)
        if self._original[0] is not None:
            original = self._original[0].to(tokens.device)
            with torch.no_grad():
                target = original(input_ids=tokens, **model_inputs(original.config, batch)).last_hidden_state
            distances = vector_distances([hidden.float()], [target.float()], batch)
            sums["original_hidden"], sums["original_sentence"] = distances
        if self.simcse is not None:
            assert batch.piece is not None and batch.position is not None
            second = self._hidden(self.model, tokens, batch)
            sums["simcse"] = self.simcse(hidden, second, tokens, batch.piece, batch.position)
        return sums
