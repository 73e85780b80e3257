"""The learning rate rises to its peak and falls as its kind says: those of transformers, a step on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from transformers.optimization import (
    _get_cosine_schedule_with_warmup_lr_lambda as their_cosine,  # pyright: ignore[reportPrivateUsage]
)
from transformers.optimization import (
    _get_inverse_sqrt_schedule_lr_lambda as their_inverse_sqrt,  # pyright: ignore[reportPrivateUsage]
)
from transformers.optimization import (
    _get_wsd_scheduler_lambda as their_wsd,  # pyright: ignore[reportPrivateUsage]
)

from smelt.runs.hparams import Hparams
from smelt.runs.schedule import Schedule


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 40, 1000])
def test_shares_rise_to_one_once_and_fall_evenly_without_reaching_zero(steps: int) -> None:
    shares = [Schedule().share(step, steps=steps) for step in range(steps)]
    peak = Schedule().warmup_steps(steps) - 1
    assert shares[peak] == max(shares) == 1
    assert all(0 < share <= 1 for share in shares)
    rises = [later - earlier for earlier, later in pairwise(shares[: peak + 1])]
    falls = [earlier - later for earlier, later in pairwise(shares[peak:])]
    assert rises == pytest.approx([1 / (peak + 1)] * len(rises))
    assert falls == pytest.approx([shares[-1]] * len(falls))


def test_warmup_is_a_twentieth_but_at_least_five_steps() -> None:
    assert [Schedule().warmup_steps(steps) for steps in (3, 20, 100, 1000)] == [3, 5, 5, 50]


@pytest.mark.parametrize("steps", [20, 333])
@pytest.mark.parametrize("final", [0.0, 0.1])
def test_cosine_is_that_of_transformers(steps: int, final: float) -> None:
    schedule = Schedule(kind="cosine", warmup=0.1, final=final)
    warmup = schedule.warmup_steps(steps)
    for step in range(steps):
        theirs = their_cosine(
            step + 1, num_warmup_steps=warmup, num_training_steps=steps + 1, num_cycles=0.5, min_lr_rate=final
        )
        assert schedule.share(step, steps=steps) == pytest.approx(theirs)


@pytest.mark.parametrize("steps", [50, 400])
def test_inverse_sqrt_is_that_of_transformers(steps: int) -> None:
    schedule = Schedule(kind="inverse-sqrt")
    for step in range(steps):
        theirs = their_inverse_sqrt(
            step + 1, num_warmup_steps=schedule.warmup_steps(steps), timescale=schedule.warmup_steps(steps)
        )
        assert schedule.share(step, steps=steps) == pytest.approx(theirs)


def test_wsd_is_that_of_transformers() -> None:
    schedule, steps = Schedule(kind="wsd", decay=0.25), 200
    for step in range(steps):
        theirs = their_wsd(
            step + 1, num_warmup_steps=10, num_stable_steps=140, num_decay_steps=51, warmup_type="linear",
            decay_type="linear", min_lr_ratio=0.0, num_cycles=0.5,
        )  # fmt: skip
        assert schedule.share(step, steps=steps) == pytest.approx(theirs)


@pytest.mark.parametrize("kind", ["linear", "cosine", "wsd"])
def test_a_run_ends_a_step_above_what_is_final(kind: str) -> None:
    schedule = Schedule.model_validate({"kind": kind, "final": 0.25})
    assert 0.25 < schedule.share(999, steps=1000) < 0.26
    assert schedule.share(schedule.warmup_steps(1000) - 1, steps=1000) == 1


def test_the_level_part_of_wsd_does_not_depend_on_how_long_the_run_is() -> None:
    short, long = (Schedule(kind="wsd", warmup=0.0) for _ in range(2))
    assert [short.share(step, steps=100) for step in range(80)] == [long.share(step, steps=1000) for step in range(80)]


def test_constants_without_a_schedule_of_their_own_say_of_themselves_what_they_always_did() -> None:
    """Else every run of every store would be another, and be trained again."""
    assert list(Hparams().model_dump()) == ["matrix_lr", "embedding_lr", "head_lr", "norm_lr", "batch_tokens"]
    other = Hparams(schedule=Schedule(kind="wsd"), clip=1.0)
    assert other.model_dump()["schedule"]["kind"] == "wsd"
    assert Hparams.model_validate(other.model_dump()) == other
