"""A moving average of the weights: what is evaluated and kept in the place of the last ones.

It smooths away the noise of single steps, as annealing the learning rate does (Polyak and Juditsky 1992; Izmailov et
al. 2018), and here begins with the start: over the first steps its memory is short.
"""

from __future__ import annotations

import torch

from smelt.runs.loss import Learner


class Average:
    """Exponential: each step moves it by `1 - decay` towards the weights."""

    def __init__(self, model: Learner, decay: float) -> None:
        self._decay = decay
        self._weights = dict(model.named_parameters())
        self.tensors = {name: weight.detach().clone() for name, weight in self._weights.items()}
        """The averages, by name."""

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After a step, from 0: of a short run, the last tenth (10 + step steps)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for mean, weight in zip(self.tensors.values(), self._weights.values(), strict=True):
            mean.lerp_(weight, 1 - decay)

    @torch.no_grad()
    def put(self) -> None:
        """Puts the averages into the model."""
        for weight, mean in zip(self._weights.values(), self.tensors.values(), strict=True):
            weight.copy_(mean)
