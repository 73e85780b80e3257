"""Optimisers: Muon for the matrices between embedding and head, those of experts among them, AdamW for everything else.

Muon (Jordan et al. 2024) turns each matrix's momentum into the nearest orthogonal matrix, so that every direction moves
by the same amount and one learning rate serves all widths. Embedding, head and norms are not maps between hidden spaces
and take AdamW (Loshchilov and Hutter 2019), each with a learning rate of its own (see `hparams`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from smelt.errors import InputError
from smelt.models.initialise import LOOKED_UP
from smelt.runs.hparams import Hparams, LearningRates
from smelt.runs.loss import Learner
from smelt.runs.world import World

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of x -> ax + bx^3 + cx^5 (Jordan et al. 2024): steepest at zero while five rounds end in [.7, 1.2]."""
NEWTON_SCHULZ_ROUNDS = 5
MOMENTUM = 0.95
"""Jordan et al. 2024."""
ADAM_BETAS = (0.8, 0.98)
"""A short first memory suits short runs: .9 is .005 to .015 bits a byte worse at 150 to 700 steps (2026-11)."""
ADAM_EPS = 1e-10
"""Small: the embeddings of rare tokens have small gradients (nanochat)."""


ADAFACTOR_SCALE = 1.0
"""Steps are as large as the rate says, as AdamW's are: relative to a weight's size (Shazeer and Stern 2018, section 8),
one that starts at zero would hardly move."""


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

    Matrices may be turned in bf16, which the iteration forgives: its end is not exact anyway. A step has the same
    spectral norm at every width; tall matrices move sqrt(rows / columns) further, so that outputs
    of unit size change as much (Jordan et al. 2024).
    """

    def __init__(
        self, groups: list[dict[str, Any]], *, precision: torch.dtype = torch.float32, world: World | None = None
    ) -> None:
        super().__init__(groups, {})
        self._precision, self._world = precision, world or World()

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        for group in self.param_groups:
            for matrices in self._alike(group["params"]):
                self._step_stack(matrices, group["lr"], group.get("weight_decay", 0.0))

    def _step_stack(self, matrices: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        local, first = self._world.local, matrices[0]
        gradients = [local(_gradient(matrix)) for matrix in matrices]
        momenta = [local(self._momentum(matrix)) for matrix in matrices]
        for momentum, gradient in zip(momenta, gradients, strict=True):
            momentum.lerp_(gradient, 1 - MOMENTUM)
        ahead = [gradient.lerp(momentum, MOMENTUM) for momentum, gradient in zip(momenta, gradients, strict=True)]
        stack = torch.stack([self._world.whole(one, first) for one in ahead])  # of experts: one axis more
        rows, columns = stack.shape[-2:]
        step = lr * max(1.0, rows / columns) ** 0.5
        for matrix, turned in zip(matrices, orthogonalise(stack.to(self._precision)).to(stack.dtype), strict=True):
            if weight_decay:
                local(matrix).mul_(1 - lr * weight_decay)
            local(matrix).add_(self._world.part(turned, first), alpha=-step)

    def _momentum(self, matrix: nn.Parameter) -> Tensor:
        state = self.state[matrix]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(matrix)
        return state["momentum"]

    def _alike(self, matrices: Iterable[nn.Parameter]) -> list[list[nn.Parameter]]:
        """Matrices of one shape, and cut alike."""
        stacks: dict[tuple[torch.Size, torch.Size], list[nn.Parameter]] = defaultdict(list)
        for matrix in matrices:
            stacks[matrix.shape, self._world.local(matrix).shape].append(matrix)
        return list(stacks.values())


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def build_optimisers(
    model: Learner,
    rates: LearningRates,
    hparams: Hparams | None = None,
    *,
    layer_decay: float = 1.0,
    world: World | None = None,
) -> list[torch.optim.Optimizer]:
    """What `hparams` says for the matrices, AdamW for embeddings, head, norms and biases; each group has its `peak_lr`.

    Parameters that ask for no gradient are in none. With a `layer_decay`, each layer below the last learns so many
    times as fast as the one above it (Howard and Ruder 2018; Clark et al. 2020, appendix A).
    """
    hparams, groups = hparams or Hparams(), _groups(model, rates, layer_decay)
    decayed = [{**group, "weight_decay": hparams.weight_decay} for group in groups["matrix"]]
    others = [*groups["embedding"], *groups["norm"], *groups["head"]]
    if hparams.optimiser == "adafactor":
        _check_whole(model, world)
        return [torch.optim.Adafactor([*decayed, *others], weight_decay=0.0, eps=(None, ADAFACTOR_SCALE))]
    if hparams.optimiser == "adamw":
        return [_adamw([*decayed, *others])]
    precision = torch.bfloat16 if hparams.precision == "bf16" else torch.float32
    return [*([Muon(decayed, precision=precision, world=world)] if decayed else []), _adamw(others)]


def _check_whole(model: Learner, world: World | None) -> None:
    """InputError where parameters are cut over processes: torch's Adafactor takes norms over what is not here."""
    if world is not None and any(world.local(weight) is not weight for weight in model.parameters()):
        raise InputError(
            where="hparams.optimiser adafactor", what=f"needs whole matrices, which {world.machine} cut",
            expected="muon or adamw, or parallel = 'ddp'",
        )  # fmt: skip


def kind_of(name: str, parameter: Tensor) -> Literal["embedding", "head", "norm", "matrix"]:
    """Which learning rate a parameter of that name has; a vector, gain or bias, that of the norms."""
    parts = name.split(".")
    if any(part in LOOKED_UP for part in parts):
        return "embedding"
    if parameter.ndim == 1:
        return "norm"
    return "head" if parts[0] in ("lm_head", "head") else "matrix"


def depth_below(name: str, n_layers: int) -> int:
    """How many layers a parameter of that name is below the head: the last layer's is one."""
    layer = re.search(r"(?:^|\.)layers\.(\d+)\.", name)
    if layer is not None:
        return n_layers - int(layer.group(1))
    return n_layers + 1 if any(part.startswith("embed_") for part in name.split(".")) else 0


def _groups(model: Learner, rates: LearningRates, layer_decay: float) -> dict[str, list[dict[str, Any]]]:
    """Parameters by kind, and by learning rate within it, in the model's order; those cut over processes apart."""
    found: dict[str, dict[tuple[float, type], list[Tensor]]] = {"matrix": {}, "embedding": {}, "norm": {}, "head": {}}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            kind = kind_of(name, parameter)
            rate = getattr(rates, kind) * layer_decay ** depth_below(name, model.config.n_layers)
            found[kind].setdefault((rate, type(parameter)), []).append(parameter)
    return {kind: [_group(same, rate) for (rate, _), same in of_kind.items()] for kind, of_kind in found.items()}


def _adamw(groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, betas=ADAM_BETAS, eps=ADAM_EPS, weight_decay=0.0, fused=True)


def _group(parameters: Sequence[Tensor], lr: float) -> dict[str, Any]:
    return {"params": parameters, "lr": lr, "peak_lr": lr}
