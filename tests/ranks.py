"""What each of several processes does in the tests of parallel runs: importable, because they are started anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch

from families import CONTEXT, KINDS
from smelt.runs.checkpoint import Checkpoint, digest
from smelt.runs.hparams import Hparams, learning_rates
from smelt.runs.loop import train
from smelt.runs.machine import Machine
from smelt.runs.world import World

STEPS, D_MODEL = 50, 32
PASS = 2 * CONTEXT
"""Tokens: what one of two processes has of a step, so that routers are balanced over the same tokens in one."""


def machine(parallel: str, processes: int = 2, **more: object) -> Machine:
    return Machine.model_validate({"parallel": parallel, "processes": processes, "micro_batch_tokens": PASS, **more})


def curves(world: World, names: Sequence[str]) -> dict[str, list[float]]:
    """The loss of each step of a run of each kind."""
    return {name: run(world, name)[0] for name in names}


def curves_and_hashes(
    world: World, names: Sequence[str], stopped: Sequence[str], folder: Path
) -> tuple[dict[str, list[float]], list[tuple[str, str]]]:
    """The same, and of some kinds the weights that a run ends with and those of one that was stopped in between."""
    hashes: list[tuple[str, str]] = []
    for name in stopped:
        through_a_stop(world, name, folder / name, 20)
        hashes.append((run(world, name)[1], through_a_stop(world, name, folder / name)[1]))
    return curves(world, names), hashes


def run(
    world: World, name: str, *, until: int = STEPS, checkpoint: Checkpoint | None = None
) -> tuple[list[float], str]:
    """The losses of a run, up to a step, and a hash of the weights it has then."""
    torch.set_num_threads(1)
    kind = KINDS[name]
    model, hparams = kind.model(D_MODEL), Hparams.model_validate(kind.hparams)
    points = train(
        model, batches=kind.batches(), steps=STEPS, rates=learning_rates(hparams, d_model=D_MODEL, batch_tokens=64),
        points=STEPS, hparams=hparams, checkpoint=checkpoint, seed=3, world=world,
    )  # fmt: skip
    losses = [point.loss_nats for point in islice(points, until + 1)]  # one more: its state is written after it is told
    return losses[:until], digest(dict(world.unwrapped(model).state_dict()))


def through_a_stop(world: World, name: str, folder: Path, until: int = STEPS) -> tuple[list[float], str, list[str]]:
    """A run that goes on from whatever lies in the folder, up to a step, leaving a state after each."""
    accepts = world.machine.accept_change
    checkpoint = Checkpoint(folder, every_seconds=0, setting=str(world.machine), accepts_change=accepts)
    losses, weights = run(world, name, until=until, checkpoint=checkpoint)
    return losses, weights, checkpoint.changes
