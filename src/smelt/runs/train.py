"""One run, from token windows to a trained model: the sampler, the objective, the loop and the evaluation together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import torch

from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.flops import BACKWARD, forward_flops
from smelt.models.huggingface import save
from smelt.models.stack import Model, build_model
from smelt.runs.batch import Batch
from smelt.runs.branches import branch_pace, forks
from smelt.runs.checkpoint import Checkpoint, Point
from smelt.runs.corrupt import Asked, Int64s
from smelt.runs.evaluate import bits_per_byte, evaluation_starts, mean_loss
from smelt.runs.hparams import Hparams, LearningRates, Pace, learning_rates, pace
from smelt.runs.loop import train
from smelt.runs.loss import Learner, router_statistics
from smelt.runs.objective import KINDS, Objective
from smelt.runs.output import Output
from smelt.runs.run import RunRecord, record_of
from smelt.runs.scorer import find_tokenizer
from smelt.runs.watch import Watch
from smelt.runs.watcher import Probe, Watcher, check_watched
from smelt.runs.world import World
from smelt.tokens.sampler import Sampler
from smelt.tokens.tokens import Tokens

CURVE_POINTS = 100
"""Rows of a learning curve, at least: enough to draw it."""
STEPS_DRAWN = 64
"""Steps whose windows are drawn at once: one by one takes 7% of a small model's step (measured 2026-11)."""
READ_TOKENS = 2**17
"""Read at once, a megabyte: step by step takes 1% of a small model's (2026-11)."""


OnPoint = Callable[[Learner, Point], None]
"""Is called with the model at each point of its curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a run is to do."""

    config: ModelConfig
    n_tokens: float
    """Tokens to train on; rounded to whole steps."""
    hparams: Hparams
    objective: Objective
    seed: int
    """Of the weights, of the order of the windows and of what is hidden in them."""
    held_out_tokens: int
    """Tokens to evaluate on, at most."""
    branches: tuple[float, ...] = ()
    """Tokens of shorter runs that are to share its level part."""
    trunk: Pace | None = None
    """Of the longer run, where this is a branch of one."""
    start: Path | None = None
    """The state that a branch begins with; without one it is trained from its first step."""

    @property
    def pace(self) -> Pace:
        """How the tokens are cut into steps."""
        if self.trunk is not None:
            return branch_pace(self.trunk, self.n_tokens)
        return pace(self.hparams, n_tokens=self.n_tokens, context=self.config.context * self.objective.segments)

    @property
    def setting(self) -> str:
        """What must not change in mid-run."""
        return f"{self.pace.batch_tokens:,} tokens a step"

    def __post_init__(self) -> None:
        if self.config.kind != (wanted := KINDS[self.objective.kind]):
            what = f"asks an {self.config.kind}" if self.config.kind[0] == "e" else f"asks a {self.config.kind}"
            raise InputError(
                where=f"objective {self.objective.kind}", what=what, expected=f"kind = {wanted!r} in the family"
            )
        if wrong := next((what for is_wrong, what in self._unheard() if is_wrong), None):
            raise InputError(where=f"objective {self.objective.kind}", what=wrong, do="change the one or the other")

    def _unheard(self) -> list[tuple[bool, str]]:
        """What the objective asks for and the model would not see."""
        objective, config = self.objective, self.config
        return [
            (objective.segments > 1 and not config.memory, "has segments, and the family has no memory to join them"),
            (objective.within_documents and config.memory > 0, "keeps documents apart, and the memory joins them"),
            (objective.kind == "prefix" and config.memory > 0, "reads a prefix whole, and the memory reads segments"),
            (objective.kind == "prefix" and config.window is not None, "reads a prefix whole, and windows do not"),
        ]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gave."""

    model: Model
    record: RunRecord
    curve: list[Point]


def train_into(
    world: World, assignment: Assignment, tokens: Tokens, output: Output, watch: Watch | None = None
) -> RunRecord:
    """Trains a model and writes it, with its record and curve; of several processes the first writes."""
    is_first, watch = world.rank == 0, watch or Watch()
    kept = forks(assignment.hparams, assignment.pace, assignment.branches)
    checkpoint = output.checkpoint(assignment.setting, world.machine, start=assignment.start, forks=kept)
    check_watched(watch, assignment.config.kind, world)
    on_point = _watcher(watch, output, checkpoint, assignment, tokens) if is_first else silent
    with output.named():
        result = train_run(assignment, tokens, on_point, checkpoint, world)
    if is_first:
        save(result.model, output.folder)
        output.write(result.record, result.curve, router_statistics(result.model))
    return result.record


def train_run(
    assignment: Assignment,
    tokens: Tokens,
    on_point: OnPoint,
    checkpoint: Checkpoint | None = None,
    world: World | None = None,
) -> Result:
    """Trains and evaluates one model on one thread, calling `on_point` with it for each point of its curve.

    With a `checkpoint` a run that was killed goes on from there.

    The order of windows depends on the seed alone, so runs of one seed see the same text at every size, on however many
    processes.
    """
    torch.set_num_threads(1)  # the sum of a product depends on how it is cut over threads
    config, hparams, seed, world = assignment.config, assignment.hparams, assignment.seed, world or World()
    steps = assignment.pace
    rates = learning_rates(hparams, d_model=config.d_model, batch_tokens=steps.batch_tokens)
    model = build_model(config, torch.Generator().manual_seed(seed))
    curve: list[Point] = []
    points = train(
        model,
        batches=window_batches(assignment, tokens, rows=steps.windows),
        steps=steps.steps,
        step_tokens=steps.batch_tokens,
        rates=rates,
        points=CURVE_POINTS,
        hparams=hparams,
        checkpoint=checkpoint,
        seed=seed,
        world=world,
    )
    for point in points:
        on_point(model, point)
        curve.append(point)
    model = cast("Model", world.unwrapped(model))
    changes = tuple(checkpoint.changes) if checkpoint else ()
    record = _record(model, assignment, tokens, steps=steps, rates=rates, curve=curve, changes=changes)
    return Result(model, record, curve)


def window_batches(assignment: Assignment, tokens: Tokens, *, rows: int) -> Callable[[int], Batch]:
    """The batch of each step: windows in the sampler's order, made into what the objective asks."""
    stream, objective, seed = tokens.stream("train"), assignment.objective, assignment.seed
    row, vocab, end = objective.row(assignment.config.context), tokens.vocab, tokens.end
    stride = assignment.config.context * objective.segments
    sampler = Sampler(n_tokens=len(stream), context=stride, batch=rows * STEPS_DRAWN, seed=seed)

    @lru_cache(maxsize=1)
    def starts(draw: int) -> Int64s:
        return sampler.starts(draw).reshape(STEPS_DRAWN, rows)

    at_once = max(1, min(STEPS_DRAWN, READ_TOKENS // (rows * row)))

    @lru_cache(maxsize=1)
    def windows(draw: int, part: int) -> Int64s:
        some = starts(draw)[part * at_once : (part + 1) * at_once]
        return stream.windows(some.reshape(-1), row).reshape(len(some), rows, row)

    def batch(step: int) -> Batch:
        draw, place = divmod(step, STEPS_DRAWN)
        ids = windows(draw, place // at_once)[place % at_once]
        return Batch.of(objective.ask(ids, vocab=vocab, end=end, seed=(seed, step)))

    return batch


def flops_a_row(config: ModelConfig, objective: Objective) -> int:
    """Training FLOPs of one window of text, exact (see `models.flops`): of what is asked of it, too."""
    context = config.context
    if objective.kind == "spans":
        asked = _shape_of_spans(config, objective)
        assert asked.source is not None
        return (1 + BACKWARD) * forward_flops(config, asked.tokens.shape[1], asked.source.shape[1])
    hidden = max(1, round(objective.hidden * context)) if objective.kind == "masked" else None
    return (1 + BACKWARD) * objective.segments * forward_flops(config, context, scored=hidden)


def _shape_of_spans(config: ModelConfig, objective: Objective) -> Asked:
    """Any row's question: all are of one shape."""
    row = torch.zeros(1, config.context, dtype=torch.int64).numpy()
    return objective.ask(row, vocab=config.vocab, end=0, seed=(0, 0))


def _record(
    model: Model,
    assignment: Assignment,
    tokens: Tokens,
    *,
    steps: Pace,
    rates: LearningRates,
    curve: list[Point],
    changes: tuple[str, ...],
) -> RunRecord:
    config, objective = model.config, assignment.objective
    loss = mean_loss(model, held_out_batch(assignment, tokens))
    bytes_per_token = tokens.bytes_per_token("held_out")
    return record_of(
        config,
        n_tokens=steps.n_tokens,
        epochs=steps.n_tokens / len(tokens.stream("train")),
        flops=float(steps.steps * steps.windows * flops_a_row(config, objective)),
        steps=steps.steps,
        batch_tokens=steps.batch_tokens,
        lr=rates.matrix,
        seed=assignment.seed,
        loss_nats=loss,
        bpb=bits_per_byte(loss, bytes_per_token=bytes_per_token) if objective.kind == "causal" else None,
        skipped=curve[-1].skipped if curve else 0,
        changes=changes,
    )


def _watcher(watch: Watch, output: Output, checkpoint: Checkpoint, assignment: Assignment, tokens: Tokens) -> Watcher:
    steps = assignment.pace
    flops = float(steps.steps * steps.windows * flops_a_row(assignment.config, assignment.objective))
    tokenizer = find_tokenizer(tokens.folder) if watch.samples else None
    probe = Probe(tokens, assignment.held_out_tokens, tokenizer)
    return Watcher(watch, output, checkpoint, n_tokens=steps.n_tokens, flops=flops, probe=probe)


def silent(model: Learner, point: Point) -> None:
    """Of several processes the others tell nothing."""


def held_out_batch(assignment: Assignment, tokens: Tokens) -> Batch:
    """What is asked of the held-out text, the same of every model of a context."""
    stream, context, objective = tokens.stream("held_out"), assignment.config.context, assignment.objective
    length = context * objective.segments
    starts = evaluation_starts(len(stream), context=length, at_most=assignment.held_out_tokens)
    ids = stream.windows(starts, objective.row(context))
    return Batch.of(objective.ask(ids, vocab=tokens.vocab, end=tokens.end, seed=(2**31, 0)))
