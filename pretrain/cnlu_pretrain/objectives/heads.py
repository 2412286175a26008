"""The head that scores the vocabulary, applied to masked tokens only, for every encoder family.

Most tokens are not masked, and the head costs as much as several layers: on all tokens it would do seven times the
work (Izsak et al. 2021 call this sparse token prediction).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from cnlu.errors import DataError
from cnlu.i18n import _

Head = Callable[[Tensor], Tensor]


def head_of(model: Any, where: str) -> Head:
    """The head of a transformers model for masked language: hidden states [M, width] -> scores [M, vocabulary].

    Raises DataError, naming `where`, for a family whose head is not known.
    """
    for parts, head in _KNOWN:
        if all(hasattr(model, part) for part in parts):
            return lambda hidden: head(model, hidden)
    raise DataError(
        where,
        _("pretraining does not know the head of the family {family}", family=model.config.model_type),
        _("name an encoder such as BERT, RoBERTa, ERNIE, ELECTRA, ALBERT, DistilBERT or RoFormer"),
    )


def _distilbert(model: Any, hidden: Tensor) -> Tensor:
    inner = model.vocab_layer_norm(model.activation(model.vocab_transform(hidden)))
    scores: Tensor = model.vocab_projector(inner)
    return scores


_KNOWN: list[tuple[tuple[str, ...], Callable[[Any, Tensor], Tensor]]] = [
    (("cls",), lambda model, hidden: model.cls(hidden)),  # BERT, ERNIE, RoFormer, MegatronBERT
    (("lm_head",), lambda model, hidden: model.lm_head(hidden)),  # RoBERTa, XLM-R, CamemBERT
    (
        ("generator_predictions", "generator_lm_head"),  # ELECTRA
        lambda model, hidden: model.generator_lm_head(model.generator_predictions(hidden)),
    ),
    (("predictions",), lambda model, hidden: model.predictions(hidden)),  # ALBERT
    (("vocab_transform", "vocab_layer_norm", "vocab_projector"), _distilbert),
]
