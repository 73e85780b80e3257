"""A branch of a run is the run that was trained for so long from the start, for the price of its fall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from smelt.core.store import Store
from smelt.errors import InputError
from smelt.models.huggingface import load
from smelt.models.sizes import Family
from smelt.runs import loop
from smelt.runs.branch_steps import TrainBranch
from smelt.runs.branches import branch_hparams, branch_pace, fork
from smelt.runs.hparams import Hparams, pace
from smelt.runs.run import Run
from smelt.runs.schedule import Schedule
from smelt.runs.steps import Train
from smelt.runs.train import Assignment, silent, train_run
from token_files import Chain

TOKENS = Chain()
HPARAMS = Hparams(schedule=Schedule(kind="wsd", decay=0.25), precision="bf16")


def trunk(**fields: Any) -> Train:
    plain = {
        "tokens": TOKENS, "d_model": 16, "n_layers": 2, "n_tokens": 2e4, "family": Family(context=16),
        "hparams": HPARAMS, "branches": (8e3, 12e3),
    }  # fmt: skip
    return Train.model_validate({**plain, **fields})


def from_the_start(branch: TrainBranch, store: Store) -> dict[str, torch.Tensor]:
    """The weights of the branch's length, trained without the trunk."""
    whole = trunk().assignment(64)
    length = branch_pace(whole.pace, branch.n_tokens)
    alone = Assignment(
        config=whole.config, n_tokens=branch.n_tokens, hparams=branch_hparams(whole.hparams, whole.pace, length),
        objective=whole.objective, seed=whole.seed, held_out_tokens=100, trunk=whole.pace,
    )  # fmt: skip
    return train_run(alone, store.open(TOKENS), silent).model.state_dict()


def test_a_branch_is_the_run_of_its_length_to_the_bit_and_trains_its_fall_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    longest = store.make(trunk())
    plain = store.make(trunk(branches=()))
    assert (plain.folder / "model.safetensors").read_bytes() == (longest.folder / "model.safetensors").read_bytes()
    taken: list[int] = []
    step = loop.take_step
    monkeypatch.setattr(loop, "take_step", lambda *given, **named: (taken.append(1), step(*given, **named)))  # pyright: ignore
    for n_tokens in (8e3, 12e3):
        branch = TrainBranch(trunk=trunk(), n_tokens=n_tokens)
        taken.clear()
        found: Run = store.make(branch)
        steps = found.record.steps
        assert len(taken) == round(0.25 * steps)
        assert found.record.n_tokens == pytest.approx(n_tokens, rel=0.01)
        for name, weight in from_the_start(branch, store).items():
            assert torch.equal(load(found.folder).state_dict()[name], weight), name


def test_a_branch_falls_from_the_level_part_after_the_trunks_warm_up() -> None:
    whole = pace(HPARAMS, n_tokens=1e6, context=16)
    branch = branch_pace(whole, 3e5)
    schedule = branch_hparams(HPARAMS, whole, branch).schedule
    shares = [schedule.share(step, steps=branch.steps) for step in range(branch.steps)]
    begins = fork(HPARAMS, whole, 3e5)
    assert shares[:begins] == [HPARAMS.schedule.share(step, steps=whole.steps) for step in range(begins)]
    assert shares[begins - 1] == 1.0 > shares[begins] > shares[-1] > 0.0


def test_what_cannot_be_branched_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match="the schedule linear has no level part"):
        store.make(trunk(hparams=Hparams()))
    with pytest.raises(InputError, match="begin to fall after step"):
        store.make(trunk(branches=(19e3, 30e3)))
    with pytest.raises(ValidationError, match="keeps no state for 5000 tokens"):
        TrainBranch(trunk=trunk(), n_tokens=5e3)
