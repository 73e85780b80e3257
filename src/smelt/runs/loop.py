"""The training loop: a batch, its gradient, a step of every optimiser, and now and then a point of the curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn

from smelt.runs.average import Average
from smelt.runs.batch import Batch
from smelt.runs.checkpoint import Checkpoint, Point, Progress, Trainee
from smelt.runs.guard import is_bad, skip
from smelt.runs.hparams import Hparams, LearningRates
from smelt.runs.loss import Learner, Losses
from smelt.runs.optim import build_optimisers
from smelt.runs.world import World


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
    world: World | None = None,
) -> Iterator[Point]:
    """Trains `model` in place, yielding some `points` of its curve, the last after the last step.

    `batches(step)` is what a step learns from. The same batches and seed (of dropout) give the same weights to the bit,
    on one thread of one kind of machine. `step_tokens` are the tokens of text in a batch, where they are not those that
    it asks for. With a `checkpoint` the run goes on from it, first yielding the points that it
    had, to the same bits as one that was never stopped. In a `world` of several processes all call this alike, and each
    is left with what it has of the model.
    """
    hparams, world = hparams or Hparams(), world or World()
    world.prepare(model)
    average = Average(model, hparams.average) if hparams.average else None
    optimisers = build_optimisers(model, rates, hparams, layer_decay=layer_decay, world=world)
    trainee = Trainee(model, optimisers, average, world)
    every = max(1, steps // points)
    progress = checkpoint.restore(trainee) if checkpoint else Progress()
    yield from progress.curve
    losses = world.wrap(Losses(model, smoothing=hparams.smoothing)).train()
    for step in range(progress.step, steps):
        batch = batches(step)
        share = hparams.schedule.share(step, steps=steps)
        take_step(trainee, losses, batch, progress, hparams, share=share, seed=seed)
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


def take_step(
    trainee: Trainee, losses: nn.Module, batch: Batch, progress: Progress, hparams: Hparams, *, share: float, seed: int
) -> None:
    """One step of every optimiser at a share of its peak rate, or none where the gradient is not to be trusted."""
    if trainee.model.config.dropout:
        _seed_dropout(trainee.world, seed, progress.step)
    loss = accumulate_gradient(losses, batch, precision=hparams.precision, world=trainee.world)
    norm = _gradient_norm(trainee, hparams)
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


def accumulate_gradient(losses: nn.Module, batch: Batch, *, world: World, precision: str = "fp32") -> float:
    """Adds the gradient of the mean loss over a batch to the parameters'; gives the loss.

    `losses` is `loss.Losses`, or what the world wraps around it. The gradient is also that of a router's own losses;
    the loss given is without them. It is the same however the batch is cut over passes and processes.
    """
    loss, n_targets = 0.0, batch.n_targets
    parts = world.rows(batch).split(world.machine.micro_batch_tokens)
    for i, part in enumerate(parts, start=1):
        share = part.n_targets / n_targets
        with world.accumulating(losses, is_last=i == len(parts)):
            with torch.autocast(world.device.type, torch.bfloat16, enabled=precision == "bf16"):
                own, minimised = losses(part.to(world.device))
            (minimised * (share * world.scale)).backward()
        loss += float(own) * share
    return world.sum(loss)


def set_rates(optimisers: Sequence[torch.optim.Optimizer], *, share: float) -> None:
    """Sets every learning rate to a share of its peak."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = share * group["peak_lr"]


def _gradient_norm(trainee: Trainee, hparams: Hparams) -> float | None:
    """The norm over all parameters, cut to `clip` where there is one; none where nobody asks for it."""
    if hparams.clip is None and hparams.spike is None:
        return None
    gradients = [weight.grad for weight in trainee.model.parameters() if weight.grad is not None]
    norm = trainee.world.norm(gradients)
    if hparams.clip is not None and norm > hparams.clip:
        for gradient in gradients:
            trainee.world.local(gradient).mul_(hparams.clip / norm)
    return norm


def _seed_dropout(world: World, seed: int, step: int) -> None:
    """What is dropped is a function of seed and step too; processes with rows of their own drop other units."""
    rank = world.rank if world.machine.shares_rows else 0
    torch.manual_seed(rank << 56 | seed << 32 | step)
