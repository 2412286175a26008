"""The losses of a student: the divergence of its distributions from its teacher's."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from cnlu.model.crf import LegalCRF


class Expected(NamedTuple):
    """Expected counts of tags in B texts, over all legal tag paths weighted by probability."""

    tags: Tensor
    """[B, L, T]: probability of each tag at each character; 0 at padding"""
    steps: Tensor
    """[T, T]: expected count of each transition, summed over the texts"""
    first: Tensor
    """[T]: expected count of each first tag, summed over the texts"""
    last: Tensor
    """[T]: expected count of each last tag, summed over the texts"""


def expected_counts(crf: LegalCRF, emissions: Tensor, mask: Tensor) -> Expected:
    """The expected counts of a tagger with `emissions` [B, L, T] under `mask` [B, L], without gradients.

    The derivative of a CRF's log partition by a score is the expected count of the tag or transition with that score
    (Sutton & McCallum 2012, An Introduction to Conditional Random Fields, section 5.1.1).
    """
    with torch.enable_grad():
        emissions = emissions.detach().requires_grad_()
        scores = (emissions, crf.transitions, crf.start_transitions, crf.end_transitions)
        return Expected(*torch.autograd.grad(crf.log_partition(emissions, mask).sum(), scores))


def path_loss(crf: LegalCRF, emissions: Tensor, mask: Tensor, target: Expected) -> Tensor:
    """Cross-entropy of the student's tag paths under the teacher's distribution over them, averaged over the texts.

    Structural distillation from one linear-chain CRF to another (Wang et al. 2021, arXiv 2010.05010, section 3; their
    2020 paper, arXiv 2004.03846, approximates it). It is exact: a path's log-probability is a sum of scores minus
    the log partition, so its expectation needs only the teacher's expected counts. Illegal transitions count 0.
    """
    step, start, end = crf.scores()
    score = (target.tags * emissions).sum() + (target.steps * step).sum()
    score = score + (target.first * start).sum() + (target.last * end).sum()
    return (crf.log_partition(emissions, mask).sum() - score) / len(mask)


def softened_loss(scores: Tensor, target: Tensor, temperature: float) -> Tensor:
    """KL divergence of intent scores [B, K] from the teacher's, both divided by the temperature; mean over the texts.

    Hinton et al. 2015, arXiv 1503.02531, section 2: a temperature above 1 gives unlikely labels more weight; the
    factor of its square keeps the size of the gradients.
    """
    return temperature**2 * _divergence(scores / temperature, target / temperature).mean()


def softened_multi_label_loss(scores: Tensor, target: Tensor, temperature: float) -> Tensor:
    """For multi-intent: binary cross-entropy of each label under the teacher's softened probabilities.

    Summed over the labels [K], mean over the texts [B].
    """
    probabilities = torch.sigmoid(target / temperature)
    loss = F.binary_cross_entropy_with_logits(scores / temperature, probabilities, reduction="sum")
    return temperature**2 * loss / len(scores)


def role_distillation_loss(scores: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """KL divergence of role scores [B, L, 1 + names] from the teacher's, summed per text.

    `weight` [B, L] is the teacher's probability that a character is in an entity that has a role.
    """
    return (_divergence(scores, target) * weight).sum() / len(scores)


def hidden_state_loss(vectors: Tensor, target: Tensor, covered: Tensor) -> Tensor:
    """Mean squared difference of character vectors [B, L, width] over the characters that both encoders cover.

    `covered` [B, L] is 1 for those. TinyBERT's loss of hidden states (arXiv 1909.10351, section 3.1, equation 8);
    vectors of another width go through a learned linear map first.
    """
    errors = (vectors - target).square().mean(-1)
    return (errors * covered).sum() / covered.sum().clamp_min(1.0)


def _divergence(scores: Tensor, target: Tensor) -> Tensor:
    """KL(target || scores) over the last axis; 0 for a single label."""
    terms = F.kl_div(scores.log_softmax(-1), target.log_softmax(-1), reduction="none", log_target=True)
    return terms.sum(-1)
