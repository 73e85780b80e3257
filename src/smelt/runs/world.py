"""Who trains a model: one process that has all of it, and what several must do otherwise (see `parallel`)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from smelt.models.block import Block
from smelt.models.stack import Stack
from smelt.runs.batch import Batch
from smelt.runs.loss import Learner
from smelt.runs.machine import Machine


class World:
    """One process: every weight and every row is here."""

    rank = 0

    def __init__(self, machine: Machine | None = None) -> None:
        self.machine = machine or Machine()
        self.device = torch.device(self.machine.device)

    @property
    def scale(self) -> int:
        """What a loss is multiplied by, because gradients are averaged over so many processes."""
        return 1

    def prepare(self, model: Learner) -> None:
        """Puts a model, the same in every process, where it is trained."""
        model.to(self.device)
        self._tune(model)

    def unwrapped(self, model: Learner) -> Learner:
        """The model on the CPU, whole, of no world."""
        return model.cpu()

    def wrap(self, losses: nn.Module) -> nn.Module:
        """A module whose gradients are those of all processes' rows."""
        return losses

    def accumulating(self, losses: nn.Module, *, is_last: bool) -> AbstractContextManager[None]:
        """What surrounds one of several passes of a step."""
        return nullcontext()

    def rows(self, batch: Batch) -> Batch:
        """Those of a step that this process learns from."""
        return batch

    def local(self, tensor: Tensor) -> Tensor:
        """What of a tensor lies here."""
        return tensor

    def whole(self, part: Tensor, like: Tensor) -> Tensor:
        """A tensor from what each process has of it, laid out as another; a matrix, of a stack of which each has some,
        is whole as it is."""
        return part

    def part(self, whole: Tensor, like: Tensor) -> Tensor:
        """What of a whole tensor lies here, laid out as another: the reverse of `whole`."""
        return whole

    def placed(self, whole: Tensor, like: Tensor) -> Tensor:
        """A whole tensor laid out as another."""
        return whole.to(like.device)

    def gathered(self, tensor: Tensor) -> Tensor:
        """All of a tensor, on the CPU."""
        return tensor.detach().cpu()

    def sum(self, value: float) -> float:
        """Over the processes that have rows of their own."""
        return value

    def agree(self, answer: bool) -> bool:
        """The first process's answer."""
        return answer

    def norm(self, gradients: Iterable[Tensor]) -> float:
        """Of all gradients side by side."""
        return float(torch.nn.utils.get_total_norm(list(gradients)))

    def _tune(self, model: nn.Module) -> None:
        for module in model.modules():
            if isinstance(module, Stack):
                module.recomputes = self.machine.recompute
            if isinstance(module, Block) and self.machine.compiled:
                module.compile()
