"""Trains each kind of model without a kill and through ten: `python kills.py FOLDER` prints what became of it.

A process of its own, which starts no thread, so that a child that is forked has all it needs and may be killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import torch

from families import KINDS, Kind
from smelt.runs.checkpoint import Checkpoint, digest
from smelt.runs.hparams import Hparams, learning_rates
from smelt.runs.loop import train

STEPS, KILLS = 24, 10


def run(kind: Kind, folder: Path | None, *, killed_at: int | None = None) -> str:
    """What a run ends with: a hash of its weights, and its curve."""
    model, hparams = kind.model(), Hparams.model_validate(kind.hparams)
    batches = kind.batches()

    def batch(step: int) -> object:
        if step == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return batches(step)

    points = train(
        model, batches=batch, steps=STEPS, rates=learning_rates(hparams, d_model=16, batch_tokens=64), points=6,
        hparams=hparams, checkpoint=Checkpoint(folder, every_seconds=0) if folder else None, seed=3,
    )  # fmt: skip
    curve = [(point.step, point.n_tokens, point.loss_nats, point.skipped) for point in points]
    return json.dumps([digest(dict(model.state_dict())), curve])


def in_a_child(kind: Kind, folder: Path, *, killed_at: int | None = None) -> int:
    """How a child that runs it ended; its result lies in the folder."""
    child = os.fork()
    if child == 0:
        try:
            (folder / "result").write_text(run(kind, folder, killed_at=killed_at))
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def through_kills(kind: Kind, folder: Path) -> tuple[list[int], str]:
    """Exit codes of ten runs that are killed and one that is not, and what that ends with."""
    folder.mkdir(parents=True)
    steps = sorted(np.random.default_rng(0).choice(STEPS, size=KILLS, replace=False).tolist())
    codes = [in_a_child(kind, folder, killed_at=step) for step in steps]
    return [*codes, in_a_child(kind, folder)], (folder / "result").read_text()


if __name__ == "__main__":
    torch.set_num_threads(1)
    for kind in KINDS.values():
        run(kind, None)  # what is imported and made once is then there in every child
    for place, (name, kind) in enumerate(KINDS.items()):
        codes, found = through_kills(kind, Path(sys.argv[1]) / str(place))
        plain = Path(sys.argv[1]) / f"{place}-plain"
        plain.mkdir()
        in_a_child(kind, plain)
        print(json.dumps({"kind": name, "codes": codes, "same": found == (plain / "result").read_text()}))
