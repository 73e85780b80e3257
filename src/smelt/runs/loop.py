"""The training loop: a batch, its gradient, a step of every optimiser, and now and then a point of the curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext

import torch

from smelt.runs.average import Average
from smelt.runs.batch import Batch
from smelt.runs.checkpoint import Checkpoint, Point, Progress, Trainee
from smelt.runs.guard import is_bad, skip
from smelt.runs.hparams import Hparams, LearningRates
from smelt.runs.loss import Learner, batch_loss, router_loss
from smelt.runs.optim import build_optimisers

MICRO_BATCH_TOKENS = 2048
"""Tokens a pass: twice as many fall out of a core's cache and are 15% slower (width 64, measured 2026-11)."""


def train(
    model: Learner,
    *,
    batches: Callable[[int], Batch],
    steps: int,
    rates: LearningRates,
    points: int,
    step_tokens: int | None = None,
    hparams: Hparams | None = None,
    checkpoint: Checkpoint | None = None,
    seed: int = 0,
    layer_decay: float = 1.0,
) -> Iterator[Point]:
    """Trains `model` in place, yielding some `points` of its curve, the last after the last step.

    `batches(step)` is what a step learns from. The same batches and seed (of dropout) give the same weights to the bit,
    on one thread of one kind of machine. `step_tokens` are the tokens of text in a batch, where they are not those that
    it asks for. With a `checkpoint` the run goes on from it, first yielding the points that it
    had, to the same bits as one that was never stopped.
    """
    hparams = hparams or Hparams()
    average = Average(model, hparams.average) if hparams.average else None
    trainee = Trainee(model, build_optimisers(model, rates, hparams, layer_decay=layer_decay), average)
    every = max(1, steps // points)
    progress = checkpoint.restore(trainee) if checkpoint else Progress()
    yield from progress.curve
    model.train()
    for step in range(progress.step, steps):
        batch = batches(step)
        share = hparams.schedule.share(step, steps=steps)
        take_step(trainee, batch, progress, hparams, share=share, seed=seed)
        progress.step, progress.n_tokens = step + 1, progress.n_tokens + (step_tokens or batch.targets.numel())
        if progress.losses and ((step + 1) % every == 0 or step + 1 == steps):
            loss, skipped = sum(progress.losses) / len(progress.losses), len(progress.skipped)
            progress.curve.append(Point(step + 1, progress.n_tokens, loss, skipped))
            progress.losses = []
            yield progress.curve[-1]
        if checkpoint:
            checkpoint.save(trainee, progress)
    if average is not None:
        average.put()
    model.eval()


def take_step(trainee: Trainee, batch: Batch, progress: Progress, hparams: Hparams, *, share: float, seed: int) -> None:
    """One step of every optimiser at a share of its peak rate, or none where the gradient is not to be trusted."""
    model = trainee.model
    if model.config.dropout:
        torch.manual_seed(seed << 32 | progress.step)  # what is dropped is a function of seed and step too
    loss = accumulate_gradient(model, batch, smoothing=hparams.smoothing, precision=hparams.precision)
    norm = _gradient_norm(model, hparams)
    if is_bad(loss, norm, progress, spike=hparams.spike):
        skip(loss, progress)
    else:
        progress.losses.append(loss)
        set_rates(trainee.optimisers, share=share)
        for optimiser in trainee.optimisers:
            optimiser.step()
        if trainee.average is not None:
            trainee.average.update(progress.step)
    for optimiser in trainee.optimisers:
        optimiser.zero_grad()


def accumulate_gradient(model: Learner, batch: Batch, *, smoothing: float = 0.0, precision: str = "fp32") -> float:
    """Adds the gradient of the mean loss over a batch to the parameters'; gives the loss.

    The gradient is also that of a router's own losses; the loss given is without them. It is the same however the batch
    is cut into parts that fit the cache.
    """
    loss, n_targets = 0.0, batch.n_targets
    kind = next(model.parameters()).device.type
    for part in batch.split(MICRO_BATCH_TOKENS):
        share = part.n_targets / n_targets
        with torch.autocast(kind, torch.bfloat16) if precision == "bf16" else nullcontext():
            own = batch_loss(model, part, smoothing=smoothing) * share
            whole = own + router_loss(model) * share
        whole.backward()
        loss += float(own.detach())
    return loss


def set_rates(optimisers: Sequence[torch.optim.Optimizer], *, share: float) -> None:
    """Sets every learning rate to a share of its peak."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = share * group["peak_lr"]


def _gradient_norm(model: Learner, hparams: Hparams) -> float | None:
    """The norm over all parameters, cut to `clip` where there is one; none where nobody asks for it."""
    if hparams.clip is not None:
        return float(torch.nn.utils.clip_grad_norm_(model.parameters(), hparams.clip))
    if hparams.spike is None:
        return None
    return float(torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]))
