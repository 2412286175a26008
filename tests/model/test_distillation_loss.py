"""The distillation losses compared with an enumeration of all tag sequences and with formulas in NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

pytest.importorskip("torch", reason="the network needs the extra cnlu[train]")

import torch
from torch import Tensor

from cnlu.data.tags import TagSet
from cnlu.model.crf import LegalCRF
from cnlu.model.distillation_loss import (
    expected_counts,
    hidden_state_loss,
    path_loss,
    role_distillation_loss,
    softened_loss,
)

BIO = TagSet(["a", "b"], "BIO")
LENGTHS = (4, 2, 1)
MASK = torch.tensor([[1.0] * n + [0.0] * (4 - n) for n in LENGTHS])
COUNT = len(BIO.tags)


def tagger(seed: int) -> LegalCRF:
    torch.manual_seed(seed)
    crf = LegalCRF(BIO)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter)
    return crf


def emissions(seed: int) -> Tensor:
    return torch.randn(len(LENGTHS), 4, COUNT, generator=torch.Generator().manual_seed(seed))


def log_chances(crf: LegalCRF, scores: Tensor) -> dict[tuple[int, ...], float]:
    """Log-probability of every tag sequence of one text [L, T]; the forbidden ones are absent."""
    start, end, step = (
        p.detach().double().numpy() for p in (crf.start_transitions, crf.end_transitions, crf.transitions)
    )
    each, found = scores.double().numpy(), {}
    for path in itertools.product(range(COUNT), repeat=len(each)):
        steps = list(itertools.pairwise(path))
        if BIO.legal_start[path[0]] and BIO.legal_end[path[-1]] and all(BIO.legal[s] for s in steps):
            own = each[np.arange(len(path)), list(path)].sum()
            found[path] = start[path[0]] + end[path[-1]] + own + sum(step[s] for s in steps)
    total = np.logaddexp.reduce(list(found.values()))
    return {path: score - total for path, score in found.items()}


def test_expectations_are_the_averages_over_all_legal_sequences() -> None:
    crf, scores = tagger(1), emissions(2)
    found = expected_counts(crf, scores, MASK)
    tags, steps, first, last = np.zeros((3, 4, COUNT)), np.zeros((COUNT, COUNT)), np.zeros(COUNT), np.zeros(COUNT)
    for i, length in enumerate(LENGTHS):
        for path, log in log_chances(crf, scores[i, :length]).items():
            chance = np.exp(log)
            first[path[0]] += chance
            last[path[-1]] += chance
            for position, tag in enumerate(path):
                tags[i, position, tag] += chance
            for step in itertools.pairwise(path):
                steps[step] += chance
    for ours, counted in zip(found, (tags, steps, first, last), strict=True):
        assert np.allclose(ours.numpy(), counted, atol=1e-5)
    assert not any(part.requires_grad for part in found)


def test_the_path_loss_is_the_cross_entropy_over_all_legal_sequences() -> None:
    teacher, student, teacher_scores, student_scores = tagger(1), tagger(3), emissions(2), emissions(4)
    with torch.no_grad():
        found = float(path_loss(student, student_scores, MASK, expected_counts(teacher, teacher_scores, MASK)))
    counted = 0.0
    for i, length in enumerate(LENGTHS):
        ours = log_chances(student, student_scores[i, :length])
        counted -= sum(np.exp(log) * ours[p] for p, log in log_chances(teacher, teacher_scores[i, :length]).items())
    assert found == pytest.approx(counted / len(LENGTHS), rel=1e-5)


def test_a_student_equal_to_its_teacher_has_no_loss() -> None:
    crf, scores = tagger(1), emissions(2).requires_grad_()
    path_loss(crf, scores, MASK, expected_counts(crf, scores, MASK)).backward()
    for parameter in (scores, *crf.parameters()):
        assert parameter.grad is not None and float(parameter.grad.abs().max()) < 1e-6


def test_the_path_loss_alone_makes_the_student_tag_as_its_teacher() -> None:
    teacher, student, teacher_scores = tagger(1), tagger(3), 3 * emissions(2)
    wanted = expected_counts(teacher, teacher_scores, MASK)
    student_scores = emissions(4).requires_grad_()
    optimizer = torch.optim.Adam([student_scores, *student.parameters()], lr=0.2)
    for _ in range(150):
        optimizer.zero_grad()
        path_loss(student, student_scores, MASK, wanted).backward()
        optimizer.step()
    assert torch.allclose(expected_counts(student, student_scores, MASK).tags, wanted.tags, atol=0.02)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_intent_loss_is_the_divergence_of_the_softened_distributions(temperature: float) -> None:
    teacher_scores, student_scores = emissions(5)[:, 0], emissions(6)[:, 0]

    def soft(scores: Tensor) -> np.ndarray:  # type: ignore[type-arg]
        weights = np.exp(scores.double().numpy() / temperature)
        return weights / weights.sum(1, keepdims=True)

    p, q = soft(teacher_scores), soft(student_scores)
    counted = temperature**2 * (p * np.log(p / q)).sum(1).mean()
    assert float(softened_loss(student_scores, teacher_scores, temperature)) == pytest.approx(counted, rel=1e-4)
    assert float(softened_loss(teacher_scores, teacher_scores, temperature)) == pytest.approx(0.0, abs=1e-6)


def test_a_single_intent_gives_no_loss() -> None:
    assert float(softened_loss(torch.ones(3, 1), torch.zeros(3, 1), 2.0)) == 0.0


def test_roles_count_where_the_teacher_sees_an_entity() -> None:
    teacher_scores, student_scores = emissions(5), emissions(6)
    weight = torch.zeros(3, 4)
    assert float(role_distillation_loss(student_scores, teacher_scores, weight)) == 0.0
    weight[1, 1] = 0.5
    p, q = (scores[1, 1].softmax(0) for scores in (teacher_scores, student_scores))
    divergence = float((p * (p / q).log()).sum())
    assert float(role_distillation_loss(student_scores, teacher_scores, weight)) == pytest.approx(
        0.5 * divergence / 3, rel=1e-4
    )


def test_hidden_states_count_where_both_encoders_read() -> None:
    wanted = torch.randn(2, 3, 4)
    found, read = wanted.clone(), torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    found[0, 0] += 2.0
    found[1, 1:] += 100.0
    assert float(hidden_state_loss(found, wanted, read)) == pytest.approx(4.0 / 3)
    assert float(hidden_state_loss(found, wanted, torch.zeros(2, 3))) == 0.0
