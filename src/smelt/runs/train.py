"""One run, from token windows to a trained model: the sampler, the loop and the evaluation put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from smelt.models.config import ModelConfig
from smelt.models.flops import flops_6nd, flops_per_token, n_params, n_params_non_embedding, n_weights
from smelt.models.stack import Decoder
from smelt.runs.checkpoint import Checkpoint, Point
from smelt.runs.evaluate import bits_per_byte, evaluation_starts, held_out_loss
from smelt.runs.hparams import Hparams, LearningRates, Pace, learning_rates, pace
from smelt.runs.loop import Int64s, train
from smelt.runs.run import RunRecord
from smelt.tokens.sampler import Sampler
from smelt.tokens.tokens import Tokens

CURVE_POINTS = 100
"""Rows of a learning curve, at least: enough to draw it."""
STEPS_DRAWN = 64
"""Steps whose windows are drawn at once: one by one takes 7% of a small model's step (measured 2026-11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a run is to do."""

    config: ModelConfig
    n_tokens: float
    """Tokens to train on; rounded to whole steps."""
    hparams: Hparams
    seed: int
    """Of the weights and of the order of the windows."""
    held_out_tokens: int
    """Tokens to evaluate on, at most."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gave."""

    model: Decoder
    record: RunRecord
    curve: list[Point]


def train_run(
    assignment: Assignment, tokens: Tokens, on_point: Callable[[Point], None], checkpoint: Checkpoint | None = None
) -> Result:
    """Trains and evaluates one model on one thread, calling `on_point` for each point of its curve.

    With a `checkpoint` a run that was killed goes on from there.

    The order of windows depends on the seed alone, so runs of one seed see the same text at every size.
    """
    torch.set_num_threads(1)  # the sum of a product depends on how it is cut over threads
    config, hparams, seed = assignment.config, assignment.hparams, assignment.seed
    stream = tokens.stream("train")
    steps = pace(hparams, n_tokens=assignment.n_tokens, context=config.context)
    rates = learning_rates(hparams, d_model=config.d_model, batch_tokens=steps.batch_tokens)
    sampler = Sampler(n_tokens=len(stream), context=config.context, batch=steps.windows * STEPS_DRAWN, seed=seed)

    @lru_cache(maxsize=1)
    def starts(draw: int) -> Int64s:
        return sampler.starts(draw).reshape(STEPS_DRAWN, steps.windows)

    def batches(step: int) -> Int64s:
        draw, place = divmod(step, STEPS_DRAWN)
        return stream.windows(starts(draw)[place], config.context + 1)

    model = Decoder(config, torch.Generator().manual_seed(seed))
    curve: list[Point] = []
    points = train(
        model,
        batches=batches,
        steps=steps.steps,
        rates=rates,
        points=CURVE_POINTS,
        schedule=hparams.schedule,
        clip=hparams.clip,
        checkpoint=checkpoint,
    )
    for point in points:
        on_point(point)
        curve.append(point)
    return Result(model, _record(model, assignment, tokens, steps=steps, rates=rates), curve)


def _record(model: Decoder, assignment: Assignment, tokens: Tokens, *, steps: Pace, rates: LearningRates) -> RunRecord:
    config = model.config
    loss = _held_out_loss(model, tokens, at_most=assignment.held_out_tokens)
    return RunRecord(
        config=config,
        n_params=n_params(config),
        n_params_non_embedding=n_params_non_embedding(config),
        n_weights=n_weights(config),
        n_tokens=steps.n_tokens,
        epochs=steps.n_tokens / len(tokens.stream("train")),
        flops=float(steps.n_tokens * flops_per_token(config)),
        flops_6nd=flops_6nd(config, steps.n_tokens),
        steps=steps.steps,
        batch_tokens=steps.batch_tokens,
        lr=rates.matrix,
        seed=assignment.seed,
        loss_nats=loss,
        bpb=bits_per_byte(loss, bytes_per_token=tokens.bytes_per_token("held_out")),
    )


def _held_out_loss(model: Decoder, tokens: Tokens, *, at_most: int) -> float:
    stream, context = tokens.stream("held_out"), model.config.context
    starts = evaluation_starts(len(stream), context=context, at_most=at_most)
    return held_out_loss(model, stream.windows(starts, context + 1))
