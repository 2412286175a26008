"""The objectives on text without masks: SimCSE, and the distance to the original encoder."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

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
        states = self._states(self.model.base_model, tokens, batch)
        if self._original[0] is not None:
            original = self._original[0].to(tokens.device)
            with torch.no_grad():
                targets = self._states(original, tokens, batch)
            pairs = [state.float() for state in states[1:]], [state.float() for state in targets[1:]]
            sums["original_hidden"], sums["original_sentence"] = vector_distances(*pairs, batch)
        if self.simcse is not None:
            assert batch.piece is not None and batch.position is not None
            second = self._hidden(self.model, tokens, batch)
            sums["simcse"] = self.simcse(states[-1], second, tokens, batch.piece, batch.position)
        return sums

    def _states(self, encoder: Any, tokens: Tensor, batch: TensorBatch) -> tuple[Tensor, ...]:
        """The hidden states [B, T, width] of the embeddings and of all layers."""
        inputs = model_inputs(encoder.config, batch)
        states: tuple[Tensor, ...] = encoder(input_ids=tokens, output_hidden_states=True, **inputs).hidden_states
        return states
