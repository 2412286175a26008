"""The losses of distillation: masked language, and the hidden states and sentence vectors of a teacher."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cnlu_pretrain.config import PretrainConfig
from cnlu_pretrain.distill.student import layer_map
from cnlu_pretrain.objectives.losses import ObjectiveSums, Pretrainer, TensorBatch, model_inputs
from cnlu_pretrain.objectives.vector_distance import vector_distances


class Distiller(Pretrainer):
    """A student that reads masked text and predicts the hidden states that its teacher computes from the original text.

    It learns masked tokens from their context, as in data2vec (arXiv 2202.03555, section 3), and the others as in
    TinyBERT (arXiv 1909.10351, section 3.1). Rows must hold isolated sentences.
    """

    def __init__(
        self,
        model: Any,
        config: PretrainConfig,
        teacher: Any,
        teacher_ids: Tensor,
        directions: Tensor | None = None,
    ) -> None:
        """`teacher`: an encoder of transformers; `teacher_ids` [V]: its id for each id of the student.

        `directions` [teacher's width, width]: the start of the maps to the teacher's hidden states.
        """
        super().__init__(model, config.objectives)
        own, width = int(model.config.hidden_size), int(teacher.config.hidden_size)
        self.teacher_layers = layer_map(int(model.config.num_hidden_layers), int(teacher.config.num_hidden_layers))
        self.maps = nn.ModuleList(nn.Identity() if own == width else nn.Linear(own, width) for _ in self.teacher_layers)
        if directions is not None:
            for linear in self.maps:
                linear.load_state_dict({"weight": directions, "bias": torch.zeros(width)})
        self._distill = config.distill
        self._teacher_ids: Tensor
        self._teacher = [teacher.eval().requires_grad_(False)]  # in a list: neither trained nor saved
        self.register_buffer("_teacher_ids", teacher_ids, persistent=False)  # moves to the device with the student

    @property
    def weights(self) -> dict[str, float]:
        return {**super().weights, "hidden": self._distill.hidden, "sentence": self._distill.sentence}

    def forward(self, batch: TensorBatch) -> ObjectiveSums:
        inputs = model_inputs(self.model.config, batch)
        states = self.model.base_model(input_ids=batch.tokens, output_hidden_states=True, **inputs).hidden_states
        sums = self._predictions(states[-1], batch)
        targets = self._targets(batch)
        predicted = [learned(state).float() for learned, state in zip(self.maps, states[1:], strict=True)]
        sums["hidden"], sums["sentence"] = vector_distances(predicted, targets, batch)
        return sums

    @torch.no_grad()
    def _targets(self, batch: TensorBatch) -> list[Tensor]:
        """The teacher's hidden states [B, T, width] that the student's layers learn from."""
        teacher = self._teacher[0].to(batch.tokens.device)
        tokens = self._teacher_ids[batch.originals()]
        states = teacher(
            input_ids=tokens, output_hidden_states=True, **model_inputs(teacher.config, batch)
        ).hidden_states
        return [states[layer].float() for layer in self.teacher_layers]
