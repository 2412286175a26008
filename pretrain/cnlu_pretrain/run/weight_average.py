"""Averages the weights of the trained and the original encoder: WiSE-FT (Wortsman et al. 2022, arXiv 2109.01903)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


class WeightAverage:
    """The original weights of an encoder, and the average of its weights with them (equation 1 of the paper)."""

    def __init__(self, encoder: Any, vocabulary: int, alpha: float) -> None:
        """`encoder` is an encoder of transformers with its original weights, which are copied.

        `vocabulary`: the number of its original word embeddings; those of new tokens have no original and stay as they
        are trained. `alpha`: the share of the trained weights.
        """
        self._encoder, self._alpha = encoder, alpha
        words = encoder.get_input_embeddings().weight
        self._original = {
            name: (p.detach()[:vocabulary] if p is words else p.detach()).cpu().clone()
            for name, p in encoder.named_parameters()
        }

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The encoder has the averaged weights inside the context, and exactly the trained ones afterwards."""
        trained: dict[str, Tensor] = {}
        try:
            with torch.no_grad():
                for name, parameter in self._encoder.named_parameters():
                    trained[name] = parameter.clone()
                    original = self._original[name].to(parameter.device)
                    rows = parameter[: len(original)]
                    rows.copy_(torch.lerp(original, rows, self._alpha))
            yield
        finally:
            with torch.no_grad():
                for name, parameter in self._encoder.named_parameters():
                    if name in trained:
                        parameter.copy_(trained[name])
