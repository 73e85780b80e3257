"""One run on examples: a model, with the head that the task asks for, through the same loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from smelt.core.shards import read_json, write_json, write_whole
from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.flops import BACKWARD, forward_flops
from smelt.models.huggingface import load, save
from smelt.models.stack import EncoderDecoder, Model, build_model
from smelt.models.tuned import Tuned
from smelt.runs.batch import Batch
from smelt.runs.checkpoint import Checkpoint, Point
from smelt.runs.corrupt import Int64s
from smelt.runs.evaluate import mean_loss
from smelt.runs.examples import DRAWN, Shelf, order
from smelt.runs.hparams import Hparams, LearningRates, learning_rates
from smelt.runs.loop import train
from smelt.runs.loss import Learner, router_statistics
from smelt.runs.output import Output
from smelt.runs.run import TASK_HEAD, RunRecord, record_of
from smelt.runs.train import CURVE_POINTS, OnPoint, silent
from smelt.runs.watch import Watch
from smelt.runs.watcher import Watcher
from smelt.runs.world import World
from smelt.tokens.examples import Examples
from smelt.tokens.tokens import SPLITS, Split

HEAD_WEIGHTS = "head.safetensors"
JUDGED_AT_ONCE = 64
"""Examples, of one length where possible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAssignment:
    """How it is to be learned."""

    hparams: Hparams
    epochs: float
    batch: int
    """Examples a step."""
    seed: int
    freeze: Sequence[str] = ()
    """Patterns of names of parameters that stay as they are."""
    layer_decay: float = 1.0
    rate: float = 1.0
    """All learning rates, times this."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a run gave."""

    model: Learner
    record: RunRecord
    curve: list[Point]


def with_head(model: Model, examples: Examples) -> Learner:
    """The model itself for texts, else with a head; InputError where it cannot answer, or reads other tokens."""
    answer, kind = examples.answer, model.config.kind
    if answer == "text":
        if kind == "encoder":
            what = "asks an encoder for a text"
            raise InputError(where="train-task", what=what, expected="an encoder-decoder, or a decoder")
        return model
    if isinstance(model, EncoderDecoder):
        what = f"asks an encoder-decoder for a {answer}"
        raise InputError(where="train-task", what=what, expected="an encoder or a decoder, or answers that are texts")
    n = {"class": len(examples.labels), "number": 1, "span": 2}[answer]
    return Tuned(model, n, "token" if answer == "span" else "text")


def train_task_into(
    world: World, begin: ModelConfig | Path, examples: Examples, assignment: TaskAssignment, output: Output
) -> RunRecord:
    """Trains a model of a shape, or the one in a folder, and writes it; of several processes the first writes."""
    is_first = world.rank == 0
    learner = with_head(_begun(begin, assignment.seed), examples)
    world.machine.check(learner.config, assignment.batch)
    checkpoint = output.checkpoint(f"{assignment.batch} examples a step", world.machine)
    n_tokens = assignment.epochs * cast("int", examples.manifest.counts["train_tokens"])
    watch = Watcher(Watch(), output, checkpoint, n_tokens=n_tokens) if is_first else silent
    with output.named():
        result = train_task(learner, examples, assignment, watch, checkpoint, world)
    if is_first:
        save_learner(result.model, output.folder)
        output.write(result.record, result.curve, router_statistics(result.model))
    return result.record


def train_task(
    learner: Learner,
    examples: Examples,
    assignment: TaskAssignment,
    on_point: OnPoint,
    checkpoint: Checkpoint | None = None,
    world: World | None = None,
) -> TaskResult:
    """Trains a model on examples on one thread, and takes its loss on those held out."""
    world = world or World()
    torch.set_num_threads(1)  # the sum of a product depends on how it is cut over threads
    shelf, held_out = (shelf_of(examples, learner, split) for split in SPLITS)
    _check_length(learner.config, max(shelf.longest, held_out.longest))
    freeze(learner, assignment.freeze)
    steps = max(1, round(assignment.epochs * len(shelf) / assignment.batch))
    lengths = _mean_lengths(shelf)
    batch_tokens = round(assignment.batch * (lengths[0] + lengths[1]))
    rates = scaled_rates(assignment, learner.config, batch_tokens)
    curve: list[Point] = []
    points = train(
        learner, batches=_batches(shelf, assignment), steps=steps, step_tokens=batch_tokens, rates=rates,
        points=CURVE_POINTS, hparams=assignment.hparams, checkpoint=checkpoint, seed=assignment.seed,
        layer_decay=assignment.layer_decay, world=world,
    )  # fmt: skip
    for point in points:
        on_point(learner, point)
        curve.append(point)
    learner, config = world.unwrapped(learner), learner.config
    flops = steps * assignment.batch * (1 + BACKWARD) * forward_flops(config, round(lengths[0]), round(lengths[1]))
    record = record_of(
        config, n_tokens=steps * batch_tokens, epochs=steps * assignment.batch / len(shelf), flops=float(flops),
        steps=steps, batch_tokens=batch_tokens, lr=rates.matrix, seed=assignment.seed,
        loss_nats=shelf_loss(learner, held_out), bpb=None, skipped=curve[-1].skipped if curve else 0,
        task=examples.answer, changes=tuple(checkpoint.changes) if checkpoint else (),
    )  # fmt: skip
    return TaskResult(learner, record, curve)


def _begun(begin: ModelConfig | Path, seed: int) -> Model:
    return load(begin) if isinstance(begin, Path) else build_model(begin, torch.Generator().manual_seed(seed))


def shelf_of(examples: Examples, learner: Learner, split: Split) -> Shelf:
    """The examples of a split as a model reads them."""
    is_joined = learner.config.kind == "decoder"
    return Shelf.of(examples.split(split), answer=examples.answer, end=examples.end, is_joined=is_joined)


def by_length(shelf: Shelf) -> list[list[int]]:
    """All examples in parts, alike in length together."""
    places = sorted(range(len(shelf)), key=lambda place: (len(shelf.sources[place]), place))
    return [places[first : first + JUDGED_AT_ONCE] for first in range(0, len(places), JUDGED_AT_ONCE)]


def shelf_loss(learner: Learner, shelf: Shelf) -> float:
    """Mean nats per token asked for, or per choice; of numbers the mean squared error."""
    parts = [Batch.of(shelf.ask(places)) for places in by_length(shelf)]
    total = sum(mean_loss(learner, part) * part.n_targets for part in parts)
    return total / sum(part.n_targets for part in parts)


def scaled_rates(assignment: TaskAssignment, config: ModelConfig, batch_tokens: int) -> LearningRates:
    """The rates of the rule, all times `rate`."""
    found = learning_rates(assignment.hparams, d_model=config.d_model, batch_tokens=batch_tokens)
    by = assignment.rate
    return LearningRates(
        matrix=by * found.matrix, embedding=by * found.embedding, head=by * found.head, norm=by * found.norm
    )


def freeze(learner: Learner, patterns: Sequence[str]) -> None:
    """Parameters whose names match stay as they are; InputError where a pattern matches none, or nothing is left."""
    named = dict(learner.named_parameters())
    for pattern in patterns:
        found = [parameter for name, parameter in named.items() if fnmatchcase(name, pattern)]
        if not found:
            some = ", ".join(list(named)[:3])
            raise InputError(where=f"freeze {pattern!r}", what="matches no parameter", expected=f"names such as {some}")
        for parameter in found:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in named.values()):
        raise InputError(where=f"freeze {list(patterns)}", what="leaves nothing to train", do="freeze less")


def save_learner(learner: Learner, folder: Path) -> None:
    """The model as `models.huggingface` does, and a head beside it."""
    save(learner.model if isinstance(learner, Tuned) else learner, folder)
    if isinstance(learner, Tuned):
        write_json(folder / TASK_HEAD, {"n": learner.head.score.out_features, "of": learner.head.of})
        with write_whole(folder / HEAD_WEIGHTS) as path:
            save_file(dict(learner.head.state_dict()), path)


def load_learner(folder: Path) -> Learner:
    """What `save_learner` wrote."""
    model = load(folder)
    if not (folder / TASK_HEAD).is_file():
        return model
    said = cast("dict[str, Any]", read_json(folder / TASK_HEAD))
    assert not isinstance(model, EncoderDecoder)
    tuned = Tuned(model, said["n"], said["of"])
    tuned.head.load_state_dict(load_file(folder / HEAD_WEIGHTS))
    return tuned


def _batches(shelf: Shelf, assignment: TaskAssignment) -> Callable[[int], Batch]:
    @lru_cache(maxsize=1)
    def draw(n: int) -> Int64s:
        return order(shelf, n, rows=assignment.batch, seed=assignment.seed)

    def batch(step: int) -> Batch:
        n, place = divmod(step, DRAWN)
        return Batch.of(shelf.ask(draw(n)[place].tolist()))

    return batch


def _mean_lengths(shelf: Shelf) -> tuple[float, float]:
    """Tokens that a decoder, or an encoder on its own, reads of an example, and those of a source beside it."""
    sources, targets = (float(np.mean([len(ids) for ids in some])) for some in (shelf.sources, shelf.targets))
    if shelf.answer != "text":
        return sources, 0.0
    return (sources + targets, 0.0) if shelf.is_joined else (targets, sources)


def _check_length(config: ModelConfig, longest: int) -> None:
    if longest > config.context:
        raise InputError(
            where="train-task", what=f"an example has {longest} tokens, and the model reads {config.context}",
            do="tokenize the examples with a smaller max_tokens, or take a model of a longer context",
        )  # fmt: skip
