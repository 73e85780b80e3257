"""Runs held out are those that were asked for, and their intervals cover them as often as they say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from planted_runs import BUDGETS, QUICK, FewStarts, ladder, surface
from smelt.errors import InputError
from smelt.laws.derive import Settings, derive_law
from smelt.laws.findings import HeldOut
from smelt.laws.fitting.objective import Objective
from smelt.laws.points import Points
from smelt.laws.validate import largest, split, validate

FORM = FewStarts()


def points_of(runs: pl.DataFrame) -> Points:
    return Points.from_frame(runs)[0]


def held_out_of(runs: pl.DataFrame, held: np.ndarray | None = None, **changes: object) -> HeldOut:
    found = derive_law(runs, Settings(**{"form": QUICK.form, "draws": 100, **changes}), held).findings.held_out  # type: ignore[arg-type]
    assert found is not None
    return found


def test_the_runs_of_the_largest_budget_are_held_out() -> None:
    held = largest(points_of(ladder()), by="flops")
    assert held is not None
    assert set(held.test.budget_flops) == {BUDGETS[-1]}
    assert set(held.train.budget_flops) == set(BUDGETS[:-1])
    assert held.what == "the largest budget, 5.4e+11 FLOPs"


def test_without_budgets_the_largest_tenth_is_held_out() -> None:
    held = largest(
        points_of(ladder(sizes=10).drop("budget_flops").with_columns(flops=1e10 * pl.int_range(1, 41))), by="flops"
    )
    assert held is not None
    assert len(held.test) == 4
    assert held.test.flops.min() > held.train.flops.max()


def test_the_largest_models_are_held_out() -> None:
    held = largest(points_of(ladder(sizes=10)), by="n_params")
    assert held is not None
    assert len(held.test) == 4
    assert held.test.n_params.min() > held.train.n_params.max()
    assert "parameters and more" in held.what
    assert "parameters and more" in held_out_of(ladder(sizes=10), hold_out="n_params").what


def test_one_budget_leaves_nothing_to_fit_to() -> None:
    assert largest(points_of(ladder(BUDGETS[:1])), by="flops") is None


def test_a_mask_says_which_runs_are_held_out() -> None:
    runs = ladder()
    held = held_out_of(runs, (runs["n_params"] > runs["n_params"].median()).to_numpy())
    assert held.n == 10
    assert {found.run for found in held.runs} == set(
        runs.filter(pl.col("n_params") > pl.col("n_params").median())["run"]
    )
    assert held.isoflop_loss is None
    assert held.what.startswith("10 runs of 2e+10 to 5.4e+11 FLOPs")


def test_a_mask_that_leaves_nothing_is_a_mistake_of_the_user() -> None:
    for mask in (np.zeros(20, dtype=bool), np.ones(20, dtype=bool), np.ones(3, dtype=bool)):
        with pytest.raises(InputError, match="the runs to hold out"):
            split(ladder(), mask)


def test_runs_that_cannot_be_used_may_be_held_out_too() -> None:
    runs = ladder().with_columns(loss_nats=pl.when(pl.col("run") == "run-19").then(0.0).otherwise("loss_nats"))
    held = split(runs, (runs["flops"] == BUDGETS[-1]).to_numpy())
    assert (len(held.train), len(held.test)) == (15, 4)


def test_a_prediction_is_that_of_a_law_which_never_saw_the_run() -> None:
    held = largest(points_of(ladder(noise=0.002)), by="flops")
    assert held is not None
    found = validate(held, FORM, objective=Objective(), seed=0)
    spoilt = points_of(ladder(noise=0.002).with_columns(loss_nats=pl.col("loss_nats") * 2))
    same = validate(
        type(held)(held.train, spoilt.where(spoilt.budget_flops == BUDGETS[-1]), held.what),
        FORM,
        objective=Objective(),
        seed=0,
    )
    assert [run.predicted for run in found.runs] == [run.predicted for run in same.runs]
    assert found.parametric == pytest.approx(
        np.mean([abs(run.predicted.mid / run.loss_nats - 1) for run in found.runs])
    )
    assert same.covered == 0


def test_intervals_of_runs_held_out_cover_them_at_their_nominal_rate() -> None:
    """95% of 40 x 5 runs; those of one ladder share their law, so give or take twice the standard error of 40."""
    covered = [
        validate(held, FORM, objective=Objective(), seed=seed).covered or 0.0
        for seed in range(40)
        if (held := largest(points_of(ladder(seed=seed)), by="flops"))
    ]
    assert abs(np.mean(covered) - 0.95) < 0.07


def test_runs_beyond_a_break_are_missed_and_the_law_says_so() -> None:
    def broken(n_params: np.ndarray, n_tokens: np.ndarray) -> np.ndarray:
        return surface(n_params, n_tokens) * np.where(6 * n_params * n_tokens > 3e11, 1.3, 1.0)

    law = derive_law(ladder(loss=broken, noise=0.002), QUICK)
    assert law.findings.held_out is not None
    assert law.findings.held_out.covered == 0
    assert any("none lies in the 95% interval" in warning for warning in law.warnings)
