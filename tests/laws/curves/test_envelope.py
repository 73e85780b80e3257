"""The envelope is held by the right runs, its line grows as the planted optimum, and what biases it is said."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from planted_runs import EXPONENT, QUICK, best_size, ladder, surface
from smelt.laws.curves.envelope import Envelope, fit_envelope
from smelt.laws.derive import derive_law
from smelt.laws.forms import Floats
from smelt.laws.points import Points

SIZES = best_size(1.0) * np.geomspace(1e10, 1e13, 16) ** EXPONENT
"""Sizes whose optima lie at 1e10 to 1e13 FLOPs."""


def curves(sizes: Floats = SIZES, *, raised: Callable[[Floats], Floats] = np.zeros_like) -> pl.DataFrame:
    """Checkpoints of a run a size, each from 2e9 to 4e13 FLOPs; `raised` adds to the loss by the share done."""
    done = np.geomspace(5e-5, 1, 60)
    frames = [
        pl.DataFrame({"n_tokens": done * 4e13 / 6 / n}).with_columns(
            run=pl.lit(f"run-{i}"),
            n_params=pl.lit(n),
            loss_nats=pl.Series(surface(np.full(60, n), done * 4e13 / 6 / n) + raised(done)),
        )
        for i, n in enumerate(sizes)
    ]
    return pl.concat(frames)


def envelope_of(runs: pl.DataFrame, *, draws: int = 0) -> Envelope:
    found = fit_envelope(Points.from_frame(runs)[0], draws=draws, seed=0)
    assert found is not None
    return found


def exponent(found: Envelope) -> float:
    assert found.log_d is not None
    return 1 - found.log_d.slope


def test_the_envelope_of_curves_grows_as_the_planted_optimum() -> None:
    found = envelope_of(curves())
    assert found.from_curves
    assert exponent(found) == pytest.approx(EXPONENT, abs=0.01)
    inside = (found.flops > 2e10) & (found.flops < 5e12)
    np.testing.assert_allclose(found.n_params[inside], best_size(1.0) * found.flops[inside] ** EXPONENT, rtol=0.15)


def test_every_level_is_held_by_the_run_of_least_loss() -> None:
    found = envelope_of(curves())
    for flops, n_params, loss in list(zip(found.flops, found.n_params, found.loss_nats, strict=True))[::50]:
        losses = surface(SIZES, flops / 6 / SIZES)
        assert n_params == SIZES[np.argmin(losses)]
        assert loss == pytest.approx(losses.min(), rel=1e-3)


def test_the_smallest_and_the_largest_size_hold_nothing() -> None:
    found = envelope_of(curves())
    assert found.n_edge > 0
    assert SIZES[0] < found.n_params.min()
    assert found.n_params.max() < SIZES[-1]


def test_of_final_runs_the_best_of_each_budget_holds_it() -> None:
    runs = ladder(noise=0.002, sizes=7)
    found = envelope_of(runs)
    best = runs.sort("loss_nats").group_by("budget_flops").first().sort("budget_flops")
    assert list(found.run) == best["run"].to_list()
    assert not found.from_curves


def test_runs_without_budgets_are_compared_in_bins_of_flops() -> None:
    generator = np.random.default_rng(0)
    flops = 10 ** generator.uniform(10, 14, 2000)
    n_params = best_size(1.0) * flops**EXPONENT * np.exp(generator.uniform(-2, 2, 2000))
    runs = pl.DataFrame({"n_params": n_params, "n_tokens": flops / 6 / n_params}).with_columns(
        loss_nats=pl.Series(surface(n_params, flops / 6 / n_params))
    )
    found = envelope_of(runs)
    assert 12 <= len(found.run) <= 17
    assert exponent(found) == pytest.approx(EXPONENT, abs=0.03)


def test_intervals_from_resampled_runs_hold_the_planted_exponent() -> None:
    line = envelope_of(curves(), draws=200).log_d
    assert line is not None
    low, high = np.nanpercentile(1 - line.draws[:, 1], [2.5, 97.5])
    assert low < EXPONENT < high < low + 0.25


def test_a_schedule_made_for_longer_runs_biases_it_and_the_law_says_so() -> None:
    """Checkpoints lie higher the further their run is from its end, as with a learning rate still to come down."""
    runs = curves(raised=lambda done: 0.3 * (1 - done) * surface(np.array(3e4), np.array(1e6)))
    law = derive_law(runs, QUICK)
    assert law.findings.envelope is not None
    assert law.findings.envelope.intermediate > 0.9
    assert any("held by checkpoints before the end of their run" in warning for warning in law.warnings)


def test_checkpoints_are_for_the_envelope_alone() -> None:
    runs = curves()
    law = derive_law(runs, QUICK)
    assert law.findings.data.n_used == len(SIZES)
    assert law.findings.data.checkpoints == runs.height - len(SIZES)
    assert law.findings.parametric is not None
    assert len(law.findings.parametric.residuals) == len(SIZES)
    assert any(f"{runs.height - len(SIZES)} rows are checkpoints" in warning for warning in law.warnings)


def test_one_run_that_holds_everything_gives_no_line() -> None:
    """Three sizes of which the middle is best everywhere."""
    middle = curves(SIZES[[0, 8, 15]]).with_columns(
        loss_nats=pl.col("loss_nats") - pl.when(pl.col("run") == "run-1").then(3.0).otherwise(0.0)
    )
    found = envelope_of(middle)
    assert found.n_runs == 1
    assert found.log_d is None


def test_two_sizes_have_no_inside() -> None:
    assert fit_envelope(Points.from_frame(curves(SIZES[:2]))[0], draws=0, seed=0) is None
