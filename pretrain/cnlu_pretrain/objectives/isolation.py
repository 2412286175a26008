"""Checks before training that an encoder can keep the texts of a packed row apart."""

from __future__ import annotations

from typing import Any

import torch

from cnlu.errors import UsageError
from cnlu.i18n import _
from cnlu_pretrain.objectives.losses import TensorBatch, model_inputs

_FIRST, _SECOND = [5, 6, 7, 8], [9, 10, 11]


@torch.no_grad()
def check_isolation(model: Any) -> None:
    """Run two texts in one row and alone; raises UsageError unless the hidden states are the same.

    They differ where a family has no positions that a caller can set, counts them from another number than 0, or does
    not take a mask for each pair of tokens. `model` is an encoder of transformers.
    """
    ids = torch.tensor([[*_FIRST, *_SECOND]])
    none = torch.zeros(0, dtype=torch.long)
    batch = TensorBatch(
        tokens=ids,
        kinds=torch.zeros_like(ids),
        mask=None,
        at=none,
        labels=none,
        span_first=none,
        span_last=none,
        order=torch.tensor([-100]),
        piece=torch.tensor([[0] * len(_FIRST) + [1] * len(_SECOND)]),
        position=torch.tensor([[*range(len(_FIRST)), *range(len(_SECOND))]]),
    )
    training = model.training
    model.eval()
    try:
        together = model(input_ids=ids, **model_inputs(model.config, batch)).last_hidden_state[0]
        alone = [model(input_ids=torch.tensor([text])).last_hidden_state[0] for text in (_FIRST, _SECOND)]
        isolated = torch.allclose(together, torch.cat(alone), atol=1e-4)
    except (TypeError, ValueError, RuntimeError):  # no such argument, or another shape of mask
        isolated = False
    model.train(training)
    if not isolated:
        raise UsageError(
            "run.isolate",
            _("the family {family} cannot keep the texts of a row apart", family=model.config.model_type),
            _("set it to none, or use an encoder such as BERT, ERNIE or ELECTRA"),
        )
