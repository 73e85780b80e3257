"""The training loop: a batch, its gradient, a step of every optimiser, and now and then a point of the curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch

from smelt.models.stack import Decoder
from smelt.runs.checkpoint import Checkpoint, Point, Progress
from smelt.runs.hparams import LearningRates
from smelt.runs.objective import causal_lm_loss, router_loss
from smelt.runs.optim import build_optimisers
from smelt.runs.schedule import Schedule

Int64s = npt.NDArray[np.int64]

MICRO_BATCH_TOKENS = 2048
"""Tokens a pass: twice as many fall out of a core's cache and are 15% slower (width 64, measured 2026-11)."""


def train(
    model: Decoder,
    *,
    batches: Callable[[int], Int64s],
    steps: int,
    rates: LearningRates,
    points: int,
    schedule: Schedule | None = None,
    clip: float | None = None,
    checkpoint: Checkpoint | None = None,
) -> Iterator[Point]:
    """Trains `model` in place, yielding some `points` of its curve, the last after the last step.

    `batches(step)` gives the ids of a step, (batch, context + 1). The same batches give the same weights to the bit,
    on one thread of one kind of machine. `clip` bounds the norm of a step's gradient. With a `checkpoint` the run goes
    on from it, first yielding the points that it had, to the same bits as one that was never stopped.
    """
    optimisers, schedule = build_optimisers(model, rates), schedule or Schedule()
    every = max(1, steps // points)
    progress = checkpoint.restore(model, optimisers) if checkpoint else Progress()
    yield from progress.curve
    for step in range(progress.step, steps):
        ids = torch.from_numpy(batches(step))
        progress.losses.append(accumulate_gradient(model, ids))
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        set_rates(optimisers, share=schedule.share(step, steps=steps))
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad()
        progress.step, progress.n_tokens = step + 1, progress.n_tokens + ids[:, 1:].numel()
        if (step + 1) % every == 0 or step + 1 == steps:
            progress.curve.append(Point(step + 1, progress.n_tokens, sum(progress.losses) / len(progress.losses)))
            progress.losses = []
            yield progress.curve[-1]
        if checkpoint:
            checkpoint.save(model, optimisers, progress)


def accumulate_gradient(model: Decoder, ids: torch.Tensor) -> float:
    """Adds the gradient of the mean loss over `ids` (batch, context + 1) to the parameters'; gives the loss.

    The gradient is also that of a router's own losses; the loss given is without them.
    """
    loss = 0.0
    for part in ids.split(max(1, MICRO_BATCH_TOKENS // (ids.shape[1] - 1))):
        share = len(part) / len(ids)
        own = causal_lm_loss(model(part[:, :-1]), part[:, 1:]) * share
        (own + router_loss(model) * share).backward()
        loss += float(own.detach())
    return loss


def set_rates(optimisers: Sequence[torch.optim.Optimizer], *, share: float) -> None:
    """Sets every learning rate to a share of its peak."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = share * group["peak_lr"]
