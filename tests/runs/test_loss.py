"""The loss and its gradient are torch's own."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from smelt.runs.loss import cross_entropy as our_cross_entropy


def draw(*shape: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(*shape, generator=generator) * 5
    return logits.requires_grad_(), torch.randint(0, shape[-1], shape[:-1], generator=generator)


def of_rows(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return our_cross_entropy(logits.flatten(0, 1), targets.flatten())


@pytest.mark.parametrize("seed", range(3))
def test_loss_and_gradient_are_those_of_torch(seed: int) -> None:
    logits, targets = draw(3, 7, 50, seed=seed)
    ours = of_rows(logits, targets) * 3
    (gradient,) = torch.autograd.grad(ours, logits)
    theirs = cross_entropy(logits.flatten(0, 1), targets.flatten()) * 3
    (expected,) = torch.autograd.grad(theirs, logits)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(gradient, expected)


def test_the_gradient_is_that_of_finite_differences() -> None:
    logits, targets = draw(1, 2, 5)

    def shifted(step: float) -> float:
        moved = logits.detach().clone()
        moved[0, 1, 3] += step
        return float(of_rows(moved, targets))

    (gradient,) = torch.autograd.grad(of_rows(logits, targets), logits)
    assert (shifted(1e-2) - shifted(-1e-2)) / 2e-2 == pytest.approx(float(gradient[0, 1, 3]), abs=1e-4)


def test_loss_is_in_nats_per_token() -> None:
    targets = torch.zeros(2, 3, dtype=torch.int64)
    assert float(of_rows(torch.zeros(2, 3, 10), targets)) == pytest.approx(math.log(10))


def test_a_hopeless_token_has_a_finite_loss() -> None:
    logits = torch.tensor([[[0.0, 500.0]]])
    assert float(of_rows(logits, torch.tensor([[0]]))) == 500


@pytest.mark.parametrize("smoothing", [0.1, 0.5])
def test_smoothed_loss_and_gradient_are_those_of_torch(smoothing: float) -> None:
    logits, targets = draw(9, 50)
    (gradient,) = torch.autograd.grad(our_cross_entropy(logits, targets, smoothing=smoothing), logits)
    theirs = cross_entropy(logits, targets, label_smoothing=smoothing)
    torch.testing.assert_close(our_cross_entropy(logits, targets, smoothing=smoothing), theirs)
    torch.testing.assert_close(gradient, torch.autograd.grad(theirs, logits)[0])
