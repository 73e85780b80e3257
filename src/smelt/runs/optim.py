"""Optimisers: Muon for the matrices between embedding and head, those of experts among them, AdamW for everything else.

Muon (Jordan et al. 2024) turns each matrix's momentum into the nearest orthogonal matrix, so that every direction moves
by the same amount and one learning rate serves all widths. Embedding, head and norms are not maps between hidden spaces
and take AdamW (Loshchilov and Hutter 2019), each with a learning rate of its own (see `hparams`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from smelt.models.stack import Decoder
from smelt.runs.hparams import LearningRates

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of x -> ax + bx^3 + cx^5 (Jordan et al. 2024): steepest at zero while five rounds end in [.7, 1.2]."""
NEWTON_SCHULZ_ROUNDS = 5
MOMENTUM = 0.95
"""Jordan et al. 2024."""
ADAM_BETAS = (0.8, 0.98)
"""A short first memory suits short runs: .9 is .005 to .015 bits a byte worse at 150 to 700 steps (2026-11)."""
ADAM_EPS = 1e-10
"""Small: the embeddings of rare tokens have small gradients (nanochat)."""


@torch.no_grad()
def orthogonalise(matrices: Tensor) -> Tensor:
    """The orthogonal factor U V^T of each matrix U S V^T (n, rows, columns), with singular values in about [.7, 1.2].

    Newton-Schulz iteration on the singular values, after scaling them into [0, 1] by the Frobenius norm.
    """
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if is_tall else matrices  # for the smaller of the two Gram matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_ROUNDS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if is_tall else x


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; matrices of one shape are stacked and turned together.

    A step has the same spectral norm at every width; tall matrices move sqrt(rows / columns) further, so that outputs
    of unit size change as much (Jordan et al. 2024).
    """

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        for group in self.param_groups:
            for matrices in _by_shape(group["params"]):
                self._step_stack(matrices, group["lr"])

    def _step_stack(self, matrices: list[nn.Parameter], lr: float) -> None:
        gradient = torch.stack([_gradient(matrix) for matrix in matrices])  # of experts: one more axis before the last
        state = self.state[matrices[0]]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum = state["momentum"]
        momentum.lerp_(gradient, 1 - MOMENTUM)
        update = orthogonalise(gradient.lerp(momentum, MOMENTUM))
        rows, columns = gradient.shape[-2:]
        scale = max(1.0, rows / columns) ** 0.5
        for matrix, direction in zip(matrices, update, strict=True):
            matrix.add_(direction, alpha=-lr * scale)


def _by_shape(matrices: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
    stacks: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
    for matrix in matrices:
        stacks[matrix.shape].append(matrix)
    return list(stacks.values())


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def build_optimisers(model: Decoder, rates: LearningRates) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings, head, norms and biases; each group notes its `peak_lr`."""
    matrices = [p for p in model.layers.parameters() if p.ndim > 1]
    norms = [p for p in model.parameters() if p.ndim == 1]
    embeddings = [e.weight for e in (model.embed_tokens, model.embed_positions) if e is not None]
    groups = [_group(embeddings, rates.embedding), _group(norms, rates.norm)]
    if not model.config.tied:
        groups.append(_group([model.lm_head.weight], rates.head))
    adamw = torch.optim.AdamW(groups, betas=ADAM_BETAS, eps=ADAM_EPS, weight_decay=0.0, fused=True)
    return [Muon([_group(matrices, rates.matrix)]), adamw]


def _group(parameters: Sequence[Tensor], lr: float) -> dict[str, Any]:
    return {"params": parameters, "lr": lr, "peak_lr": lr}
