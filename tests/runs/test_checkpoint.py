"""A run that is killed goes on to the bits of one that never was, whatever its model; a damaged state is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from smelt.core.local import LocalRunner
from smelt.core.store import Store
from smelt.errors import InputError
from smelt.models.sizes import Family
from smelt.models.stack import Decoder
from smelt.runs.batch import Batch
from smelt.runs.checkpoint import Checkpoint, Point
from smelt.runs.hparams import Hparams, learning_rates
from smelt.runs.loop import train
from smelt.runs.steps import Train
from smelt.tokens.sampler import Sampler
from token_files import Chain, chain

STREAM = chain(20_000, vocab=64, seed=0)
STEPS = 24
KINDS: dict[str, dict[str, object]] = {
    "Llama": {},
    "GPT-2": {"norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh", "bias": True, "tied": True},
    "experts": {"experts": {"n": 4, "top_k": 2, "shared": 1}},
}


class Killed(Exception):
    """As if the process had ended."""


def windows(sampler: Sampler, step: int, *, killed_at: int | None = None) -> Batch:
    if step == killed_at:
        raise Killed
    return Batch.causal(STREAM[sampler.starts(step)[:, None] + np.arange(17)])


def trained(
    kind: str, folder: Path | None, killed_at: int | None = None
) -> tuple[dict[str, torch.Tensor], list[Point]]:
    torch.set_num_threads(1)
    config = Family.model_validate({"context": 16, **KINDS[kind]}).shape(vocab=64, d_model=16)
    model = Decoder(config, torch.Generator().manual_seed(0))
    batches: Callable[[int], Batch] = partial(
        windows, Sampler(n_tokens=len(STREAM), context=16, batch=4, seed=0), killed_at=killed_at
    )
    rates = learning_rates(Hparams(), d_model=16, batch_tokens=64)
    checkpoint = Checkpoint(folder, every_seconds=0) if folder else None
    points = list(train(model, batches=batches, steps=STEPS, rates=rates, points=5, checkpoint=checkpoint))
    return model.state_dict(), points


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_killed_at_ten_random_steps_ends_with_the_same_bits(kind: str, tmp_path: Path) -> None:
    weights, curve = trained(kind, None)
    for step in sorted(np.random.default_rng(0).choice(STEPS, size=10, replace=False).tolist()):
        with pytest.raises(Killed):
            trained(kind, tmp_path, killed_at=step)
    found, again = trained(kind, tmp_path)
    assert again == curve
    assert all(torch.equal(weight, found[name]) for name, weight in weights.items())


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        trained("Llama", tmp_path, killed_at=9)
    last, _ = Checkpoint(tmp_path).paths
    whole = last.read_bytes()
    last.write_bytes(whole[:-4] + bytes(4))
    with pytest.raises(InputError, match="hash"):
        trained("Llama", tmp_path)
    last.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cannot be read"):
        trained("Llama", tmp_path)
    last.write_bytes(whole)
    with pytest.raises(InputError, match="another shape"):
        trained("GPT-2", tmp_path)


KILLS = """
import os, signal, sys
from pathlib import Path
from smelt.core.local import LocalRunner
from smelt.core.store import Store
from smelt.runs import checkpoint
from test_checkpoint import some_train

save, at = checkpoint.Checkpoint.save, int(sys.argv[2])
def save_and_die(self, trainee, progress):
    self._every = 0
    save(self, trainee, progress)
    if progress.step == at:
        os.kill(os.getpid(), signal.SIGKILL)
checkpoint.Checkpoint.save = save_and_die
Store(Path(sys.argv[1]), runner=LocalRunner(1)).make(some_train())
"""


def some_train() -> Train:
    plain = {"tokens": Chain(), "d_model": 16, "n_layers": 2, "n_tokens": "12k", "family": Family(context=16)}
    return Train.model_validate(plain)


def test_a_step_ended_by_sigkill_is_made_again_from_where_it_was(tmp_path: Path, runner: LocalRunner) -> None:
    killed = Store(tmp_path / "killed", runner=runner)
    done = subprocess.run(
        [sys.executable, "-c", KILLS, str(killed.root), "20"],
        cwd=Path(__file__).parent,
        check=False,
        env=_environment(),
    )
    assert done.returncode == -signal.SIGKILL
    assert list(killed.root.rglob("state-*"))
    again, plain = killed.make(some_train()), Store(tmp_path / "plain", runner=runner).make(some_train())
    for name in ("model.safetensors", "curve.parquet", "run.json"):
        assert (again.folder / name).read_bytes() == (plain.folder / name).read_bytes()
    assert not list(killed.root.rglob("state-*"))


def _environment() -> dict[str, str]:
    tests = Path(__file__).parents[1]
    return {**os.environ, "PYTHONPATH": f"{tests}:{tests.parent}"}
