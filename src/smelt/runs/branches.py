"""Several lengths of training from one run: its level part is shared, and only the fall is trained for each (Hu et al.
2024; Hägele et al. 2024). A branch is the run that would have been trained for so long from the start, to the bit.

    trunk     up _______________________________________ down      n_tokens of the run
    branch    up _________ down                                    from the state that was kept where it begins to fall
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from smelt.errors import InputError
from smelt.runs.hparams import Hparams, Pace

STATE = "state-{:09d}.safetensors"
"""The file of a state, by its step."""
FOLDER = "branches"
"""In a run's artifact: the states that branches begin with."""


def kept_state(run: Path, step: int) -> Path:
    """What a branch of a run begins with."""
    return run / FOLDER / STATE.format(step)


def branch_pace(trunk: Pace, n_tokens: float) -> Pace:
    """Steps as large as the trunk's, for another length."""
    return replace(trunk, steps=max(1, round(n_tokens / trunk.batch_tokens)))


def branch_hparams(hparams: Hparams, trunk: Pace, branch: Pace) -> Hparams:
    """The trunk's, whose warm-up takes as many steps."""
    warmup = hparams.schedule.warmup_steps(trunk.steps) / branch.steps
    return hparams.model_copy(update={"schedule": hparams.schedule.model_copy(update={"warmup": warmup})})


def fork(hparams: Hparams, trunk: Pace, n_tokens: float) -> int:
    """The step after which a branch of a length begins to fall; InputError where that is not on the level part."""
    branch, schedule = branch_pace(trunk, n_tokens), hparams.schedule
    warmup, found = schedule.warmup_steps(trunk.steps), schedule.level_steps(branch.steps)
    if schedule.kind != "wsd":
        what = f"the schedule {schedule.kind} has no level part to branch from"
        raise InputError(where="hparams.schedule.kind", what=what, expected="wsd")
    if not warmup <= found <= schedule.level_steps(trunk.steps):
        raise InputError(
            where="branches", what=f"{n_tokens:,.0f} tokens begin to fall after step {found}",
            expected=f"a step from {warmup} to {schedule.level_steps(trunk.steps)}, where the run is level",
        )  # fmt: skip
    return found


def forks(hparams: Hparams, trunk: Pace, branches: Sequence[float]) -> frozenset[int]:
    """Those of all branches."""
    return frozenset(fork(hparams, trunk, n_tokens) for n_tokens in branches)
