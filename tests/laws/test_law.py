"""A law answers with intervals, says what to doubt, and survives a trip to disk."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from planted_runs import (
    BUDGETS,
    EXPONENT,
    QUICK,
    best_size,
    ladder,
    leaning_best_size,
    leaning_ladder,
    planted_law,
    surface,
)
from smelt.core.artifact import Artifact, Counts
from smelt.core.step import Step
from smelt.core.store import Store
from smelt.core.work import Work
from smelt.errors import InputError
from smelt.laws.curves.isoflop import fit_curves
from smelt.laws.curves.minima import fit_minima
from smelt.laws.derive import derive_law
from smelt.laws.findings import Interval, Method
from smelt.laws.law import DRAWS_FILE, LAW_FILE, Law, ScalingLaw
from smelt.laws.points import Points
from smelt.laws.steps import FitLaw
from smelt.runs.run import RUNS, RunTable


def law_of(runs: pl.DataFrame) -> ScalingLaw:
    return derive_law(runs, QUICK)


def said(law: ScalingLaw, words: str) -> bool:
    return any(words in warning for warning in law.warnings)


@pytest.mark.parametrize("method", ["isoflop", "akima", "parametric"])
def test_methods_find_the_planted_exponent(method: Method) -> None:
    found = planted_law().findings.by(method)
    assert found is not None
    low, high = found.exponents["a"].ci95 or (math.nan, math.nan)
    assert low < EXPONENT < high
    assert high - low < 0.5
    assert found.exponents["a"].value + found.exponents["b"].value == pytest.approx(1)


@pytest.mark.parametrize("flops", [6e10, 5.4e12])
def test_an_optimum_holds_the_planted_one_within_its_interval(flops: float) -> None:
    optima = planted_law().optimum(flops)
    assert list(optima) == ["isoflop", "akima", "envelope", "parametric"]
    truth = best_size(flops), flops / 6 / best_size(flops)
    for optimum in optima.values():
        for found, planted in zip((optimum.n_params, optimum.n_tokens), truth, strict=True):
            assert found.low is not None
            assert found.high is not None
            assert found.low < planted < found.high < (20 if optimum.method == "envelope" else 6) * found.low
        assert optimum.loss_nats.mid == pytest.approx(float(surface(*map(np.array, truth))), rel=0.03)


def test_a_prediction_holds_the_planted_loss_within_its_interval() -> None:
    n_params, n_tokens = 3e4, 2e6
    found = planted_law().predict(n_params=n_params, n_tokens=n_tokens)
    assert found.low is not None
    assert found.high is not None
    assert found.low < float(surface(np.array(n_params), np.array(n_tokens))) < found.high < 1.1 * found.low


def test_the_overhead_of_small_models_is_taken_off_a_prediction_and_put_on_an_optimum() -> None:
    """Half of the parameters embed and cost nothing; loss depends on the other half."""
    halved = law_of(ladder(overhead=lambda n: 0.5 * np.ones_like(n), loss=lambda n, d: surface(n / 2, d)))
    plain = law_of(ladder())
    exponents = halved.findings.isoflop, plain.findings.isoflop
    assert exponents[0] is not None
    assert exponents[1] is not None
    flops = BUDGETS[1]
    assert halved.optimum(flops)["isoflop"].n_params.mid == pytest.approx(
        2 * plain.optimum(flops)["isoflop"].n_params.mid, rel=0.1
    )
    assert halved.predict(n_params=4e4, n_tokens=1e6).mid == pytest.approx(
        plain.predict(n_params=2e4, n_tokens=1e6).mid, rel=0.01
    )


def test_a_law_is_read_as_it_was_written(tmp_path: Path) -> None:
    law = planted_law()
    law.write(tmp_path)
    again = ScalingLaw.read(tmp_path)
    assert again.findings == law.findings
    assert again.optimum(1e12) == law.optimum(1e12)


def test_the_same_runs_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("first", "again"):
        (tmp_path / name).mkdir()
        law_of(ladder()).write(tmp_path / name)
    for file in (LAW_FILE, DRAWS_FILE):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_a_law_from_json_alone_has_no_intervals() -> None:
    law = planted_law()
    again = ScalingLaw.from_json(law.to_json())
    assert again.optimum(1e12)["isoflop"].n_params.mid == law.optimum(1e12)["isoflop"].n_params.mid
    assert again.optimum(1e12)["parametric"].n_params.low is None
    assert again.predict(n_params=1e4, n_tokens=1e6).high is None


def test_parabolas_are_trusted_where_three_have_a_minimum_and_the_form_where_runs_have_no_budgets() -> None:
    assert planted_law().trusted == "isoflop"
    law = law_of(ladder(sizes=8, half_width=2, noise=0.001).with_columns(budget_flops=pl.lit(None, dtype=pl.Float64)))
    assert law.trusted == "parametric"
    assert law.findings.isoflop is None
    assert said(law, "rests on the parametric form alone")


@pytest.mark.parametrize("seed", [1, 0], ids=["parabolas", "cubics"])
def test_the_form_is_trusted_where_it_fits_as_well_as_the_curves_and_says_that_they_are_off(seed: int) -> None:
    law, best = law_of(leaning_ladder(seed=seed)), float(leaning_best_size(np.array(1e21)))
    isoflop = law.findings.isoflop
    assert isoflop is not None
    assert isoflop.usable
    assert isoflop.cubic == (seed == 0)
    assert law.trusted == "parametric"
    optimum = law.optimum(1e21)["parametric"].n_params
    assert optimum.overlaps(Interval(mid=best, low=best, high=best))


@pytest.mark.parametrize("a", [0.5, 0.7])
def test_a_form_that_fits_worse_than_the_curves_is_not_trusted(a: float) -> None:
    """Leaning curves whose least loss falls as no sum of a power of N and one of D does."""
    flops, u = np.repeat(np.geomspace(1e18, 1e21, 7), 7), np.tile(np.log(np.geomspace(0.25, 4, 7)), 7)
    best = 1e9 * (flops / 1e20) ** a
    noise = np.exp(0.002 * np.random.default_rng(0).normal(size=49))
    loss = (1.7 + 8 * (flops / 1e18) ** -0.1) * (1 + 0.05 / 3 * u**2 + 0.02 / 3 * u**3) * noise
    n_params = best * np.exp(u)
    columns = {"n_params": n_params, "n_tokens": flops / 6 / n_params, "loss_nats": loss}
    law = law_of(pl.DataFrame(columns).with_columns(flops=flops, budget_flops=flops))
    assert law.findings.isoflop is not None
    assert law.findings.isoflop.cubic
    assert law.findings.parametric is not None
    assert law.findings.parametric.usable
    assert law.trusted == "isoflop"
    assert said(law, "it is not their true shape")


def test_a_draw_without_a_minimum_inside_its_sizes_leaves_its_curve_out_of_the_line() -> None:
    """As the line itself does: kept, such curves make the interval of N* at noise of .5% twice as wide."""
    curves = fit_curves(Points.from_frame(leaning_ladder(noise=0.005))[0], draws=300, seed=0)
    usable = [curve for curve in curves if curve.usable]
    minima = fit_minima(usable)
    assert minima is not None
    lost = np.array([~curve.interior_draws for curve in usable])
    assert 0 < lost.any(axis=0).mean() < 1
    for draw in np.flatnonzero(lost.any(axis=0))[:20]:
        kept = [curve for curve in usable if curve.interior_draws[draw]]
        log_d = [float(curve.log_d(curve.log_n_opt_draws[draw])) for curve in kept]
        slope, intercept = np.polyfit([np.log(curve.budget_flops) for curve in kept], log_d, 1)
        assert minima.log_d.draws[draw] == pytest.approx([intercept, slope], rel=1e-6)


def test_a_short_ladder_does_not_identify_the_floor_and_the_law_says_so() -> None:
    law = law_of(ladder(noise=0.01))
    assert law.findings.parametric is not None
    assert "E" in law.findings.parametric.loose
    assert not law.findings.parametric.usable
    assert said(law, "do not identify E")
    assert said(law, "not usable at this scale: trust the parabolas")


def test_a_long_quiet_ladder_identifies_every_parameter() -> None:
    law = law_of(ladder(np.geomspace(1e10, 1e19, 7), sizes=8, half_width=2, noise=0.001))
    assert law.findings.parametric is not None
    assert law.findings.parametric.usable
    assert law.findings.agreement is not None
    assert law.held_out_error() == pytest.approx(0.001, abs=0.002)


def test_a_minimum_at_the_edge_is_left_out_and_named() -> None:
    law = law_of(pl.concat([ladder(), ladder([1.6e12], offset=2.0)]).with_columns(run=pl.int_range(25).cast(pl.String)))
    assert law.findings.isoflop is not None
    assert [minimum.in_line for minimum in law.findings.isoflop.budgets] == [True] * 4 + [False]
    assert said(law, "At 1.6e+12 FLOPs the minimum")
    assert said(law, "beyond the edge of the sizes tried")


def test_few_budgets_over_a_short_range_are_warned_of() -> None:
    law = law_of(ladder([2e10, 4e10]))
    assert said(law, "Only 2 of 2 budgets")
    assert said(law, "span only a factor of 2")


def test_methods_that_disagree_beyond_their_intervals_are_warned_of() -> None:
    """Many runs without a budget follow another surface than the ladder: the form follows them."""
    others = ladder(np.geomspace(1e10, 1e12, 9), sizes=9, half_width=2, noise=0.001, loss=other_surface)
    runs = pl.concat([ladder(noise=0.001), others.with_columns(budget_flops=pl.lit(None, dtype=pl.Float64))])
    law = law_of(runs.with_columns(run=pl.int_range(runs.height).cast(pl.String)))
    assert law.findings.agreement is not None
    assert not law.findings.agreement.agree
    assert law.findings.agreement.factor > 1.5
    assert law.warnings[0].startswith("The methods disagree beyond their intervals")
    assert not said(planted_law(), "disagree")


def other_surface(n_params: np.ndarray, n_tokens: np.ndarray) -> np.ndarray:
    return surface(n_params / 10, n_tokens * 10)


def test_runs_that_diverged_are_left_out_by_name() -> None:
    runs = ladder().with_columns(loss_nats=pl.when(pl.col("run") == "run-3").then(float("nan")).otherwise("loss_nats"))
    law = law_of(runs)
    assert law.findings.data.dropped == {"run-3": "loss_nats is nan"}
    assert law.findings.data.n_used == runs.height - 1
    assert said(law, "1 of 20 runs were left out")


def test_many_epochs_are_warned_of() -> None:
    assert said(law_of(ladder().with_columns(epochs=pl.lit(7.0))), "saw their data 7 times")
    assert not said(planted_law(), "saw their data")


def test_facts_of_the_runs_are_kept() -> None:
    data = planted_law().findings.data
    assert data.budgets == list(BUDGETS)
    assert data.bpb_per_nat == pytest.approx(1 / math.log(2) / 4)
    assert data.unique_tokens == pytest.approx(1e7)
    assert set(planted_law().findings.checklist) >= {"form", "variables", "points dropped", "starts", "validation"}


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda runs: runs.drop("n_tokens"), "has no column n_tokens"),
        (lambda runs: runs.with_columns(loss_nats=pl.lit(0.0)), "no usable run of 20"),
        (lambda runs: runs.head(4).with_columns(budget_flops=pl.lit(None, dtype=pl.Float64)), "too few for a law"),
    ],
)
def test_runs_that_make_no_law_are_a_mistake_of_the_user(
    spoil: Callable[[pl.DataFrame], pl.DataFrame], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        law_of(spoil(ladder()))


class PlantedLadder(Step[RunTable]):
    """A run table without training."""

    step: ClassVar[str] = "planted-ladder"
    makes: ClassVar[type[Artifact]] = RunTable

    def make(self, work: Work) -> Counts:
        ladder().write_parquet(work.folder / RUNS)
        return {"runs": 20}


def test_the_step_makes_a_law_of_a_run_table(store: Store) -> None:
    law = store.make(FitLaw(runs=PlantedLadder(), draws=100))
    assert isinstance(law, Law)
    assert law.manifest.counts == {"runs": 20, "budgets": 4, "trusted": "isoflop", "warnings": len(law.warnings)}
    assert store.make(FitLaw(runs=PlantedLadder(), draws=100, method="akima")).manifest.counts["trusted"] == "akima"
    assert law.optimum(1e12) == law.value.optimum(1e12)
    assert law.held_out_error() == law.value.held_out_error()


def test_the_step_fits_as_it_is_told(store: Store) -> None:
    told = FitLaw(runs=PlantedLadder(), draws=100, objective="lad", resampling="budgets", hold_out="n_params")
    findings = store.make(told).findings
    assert findings.parametric is not None
    assert findings.parametric.objective_in_words == "least absolute deviation of ln L"
    assert findings.parametric.resampling == "whole budgets resampled"
    assert findings.held_out is not None
    assert "parameters and more" in findings.held_out.what


def test_a_form_that_there_is_not_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ValidationError, match="did you mean 'chinchilla'"):
        FitLaw(runs=PlantedLadder(), form="chinchila")
