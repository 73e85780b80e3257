"""The next runs are those that narrow N* most for their FLOPs, by as much as is said."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from benchmarks.surfaces import SURFACES, Surface

from planted_runs import BUDGETS, QUICK, best_size, ladder, parabolic
from smelt.errors import InputError
from smelt.laws.curves.isoflop import fit_curves
from smelt.laws.curves.minima import fit_minima
from smelt.laws.curves.noise import NoiseLaw, Residuals
from smelt.laws.derive import derive_law
from smelt.laws.design.designs import Candidate, LineDesign, line_weights, vertex_variance
from smelt.laws.design.proposals import in_words, next_runs, worth_offering
from smelt.laws.design.valley import Valley, fit_valley
from smelt.laws.points import Points

TARGET = 1e14
VALLEY = Valley(
    intercept=math.log(best_size(1.0)),
    slope=math.log(best_size(math.e) / best_size(1.0)),
    bend=0.1,
    noise=NoiseLaw.of([Residuals(budget_flops=2e10, values=np.empty(0), squares=1e-3, n_runs=13, degrees=10)]),
)


def points_of(**changes: object) -> Points:
    return Points.from_frame(ladder(**{"loss": parabolic, "noise": 0.001, **changes}))[0]  # pyright: ignore


def at(budget: float, offset: float) -> Candidate:
    size = math.exp(VALLEY.log_n_opt(budget) + offset)
    return Candidate(budget_flops=budget, n_params=size, size=size)


def some_design(offsets: Sequence[float] = (-0.9, 0.0, 0.9)) -> LineDesign:
    bare = LineDesign(valley=VALLEY, log_target=math.log(TARGET), span=2.5, offsets={})
    return bare.adding(at(budget, offset) for budget in BUDGETS[:3] for offset in offsets)


def test_the_valley_of_parabolas_is_found_without_error() -> None:
    valley = fit_valley(points_of(noise=0, offset=0.3))
    assert valley is not None
    for budget in BUDGETS:
        assert valley.log_n_opt(budget) == pytest.approx(math.log(best_size(budget)), abs=1e-6)
    assert valley.bend == pytest.approx(0.1)
    assert max(valley.noise.sd(budget) for budget in BUDGETS) == pytest.approx(0, abs=1e-9)


def test_runs_that_bend_downwards_have_no_valley() -> None:
    points = points_of(loss=lambda n, d: 20 - parabolic(n, d))
    assert fit_valley(points) is None
    with pytest.raises(InputError, match="no minimum in common"):
        next_runs(points, TARGET, 1)


def test_a_noisy_budget_is_told_from_quiet_ones_but_not_on_one_residual() -> None:
    noisy, quiet = ladder(BUDGETS[:1], sizes=15, noise=0.01, loss=parabolic), ladder(BUDGETS[1:], sizes=4, noise=0.001)
    valley = fit_valley(Points.from_frame(pl.concat([noisy, quiet]))[0])
    assert valley is not None
    cheapest, *others = (valley.noise.sd(budget) for budget in BUDGETS)
    assert cheapest > 1.2 * max(others)
    assert min(others) > cheapest / 4  # their own noise is a tenth or less, by one degree of freedom each


def test_the_weights_are_those_of_a_least_squares_line() -> None:
    x, y = np.log(BUDGETS), np.array([1.0, -2.0, 0.5, 3.0])
    slope, intercept = np.polyfit(x, y, 1)
    assert line_weights(x, math.log(TARGET)) @ y == pytest.approx(intercept + slope * math.log(TARGET))


def test_a_second_seed_is_worth_less_than_another_size_nearby() -> None:
    three = (-0.9, 0.0, 0.9)
    assert vertex_variance((*three, 0.85)) < vertex_variance((*three, 0.9)) < vertex_variance(three)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_the_runs_chosen_are_as_good_as_the_best_of_all_sets(k: int) -> None:
    """Variance saved a FLOP, against brute force over every multiset of candidates; one run is chosen exactly."""
    candidates = [at(budget, offset) for budget in BUDGETS[:3] for offset in (-0.9, 0.0, 0.9)]
    points = points_of(budgets=BUDGETS[:3], half_width=0.9, sizes=4, noise=0.001)
    valley = fit_valley(points)
    assert valley is not None
    start = LineDesign.of(points, valley, target_flops=TARGET, span=2.6)

    def worth(runs: Sequence[Candidate]) -> float:
        return (start.sd**2 - start.adding(runs).sd ** 2) / sum(run.budget_flops for run in runs)

    best = max(worth(runs) for runs in itertools.combinations_with_replacement(candidates, k))
    by_run = {(run.budget_flops, run.n_params): run for run in candidates}
    chosen = next_runs(points, TARGET, k, candidates=candidates, span=2.6)
    found = worth([by_run[run.budget_flops, run.n_params] for run in chosen])
    assert found >= best * (1 - 1e-9 if k == 1 else 0.97)


def test_without_a_change_of_budget_the_ends_are_chosen() -> None:
    chosen = next_runs(points_of(), TARGET, 2, candidates=[at(2e10, u) for u in np.linspace(-0.9, 0.9, 7)], span=3)
    assert sorted(round(math.log(run.n_params) - math.log(best_size(2e10)), 1) for run in chosen) == [-0.9, 0.9]


def test_runs_are_shared_out_as_the_theory_has_it() -> None:
    """Elfving 1952: as many go to each budget as its weight in the line over the square root of its cost."""
    design, counts = some_design(), dict.fromkeys(BUDGETS[:3], 0)
    for _ in range(300):  # so many that the first nine, and whole numbers, no longer matter
        moves = [(at(budget, sign * 0.9),) for budget in counts for sign in (-1, 1)]
        gains = [(design.sd**2 - design.adding(move).sd ** 2) / move[0].budget_flops for move in moves]
        (run,) = moves[int(np.argmax(gains))]
        design = design.adding(
            [Candidate(run.budget_flops, run.n_params, run.size * math.exp(1e-6 * sum(counts.values())))]
        )
        counts[run.budget_flops] += 1
    wanted = np.abs(line_weights(np.log(BUDGETS[:3]), math.log(TARGET))) / np.sqrt(BUDGETS[:3])
    shares = np.array([counts[budget] for budget in (BUDGETS[0], BUDGETS[2])]) / 300
    assert shares == pytest.approx(wanted[[0, 2]] / wanted.sum(), abs=0.04)


def test_the_standard_error_is_the_scatter_of_the_fitted_optimum() -> None:
    """Before and after the runs proposed, over 300 ladders made anew with their noise."""
    runs = points_of(sizes=4, half_width=0.9, noise=0)
    noisy = points_of(sizes=4, half_width=0.9, noise=0.001)
    chosen = next_runs(noisy, TARGET, 4)
    generator = np.random.default_rng(0)
    ratios: list[float] = []
    for proposed, expected in ((0, chosen[0].sd_before), (4, chosen[-1].sd_after)):
        budgets = np.append(runs.budget_flops, [run.budget_flops for run in chosen[:proposed]])
        n_params = np.append(runs.n_params, [run.n_params for run in chosen[:proposed]])
        level = parabolic(n_params, budgets / 6 / n_params)
        found = [
            optimum(budgets, n_params, level * np.exp(0.001 * generator.standard_normal(len(level))))
            for _ in range(300)
        ]
        assert expected is not None
        # The noise is known from four residuals only: a factor of 1.7 either way is its 95% interval, and more.
        assert 1 / 1.8 < float(np.std(found)) / expected < 1.8
        ratios.append(float(np.std(found)) / expected)
    assert ratios[0] == pytest.approx(ratios[1], rel=0.15)  # what they take off is known better


def optimum(budgets: np.ndarray, n_params: np.ndarray, loss: np.ndarray) -> float:
    run = tuple(str(i) for i in range(len(loss)))
    points = Points(run, n_params, budgets / 6 / n_params, loss, budgets, budgets)
    minima = fit_minima(fit_curves(points, draws=0, seed=0))
    assert minima is not None
    return minima.log_d.at(TARGET)


def test_every_run_narrows_what_the_one_before_left() -> None:
    chosen = next_runs(points_of(sizes=4), TARGET, 6)
    assert len(chosen) == 6
    for earlier, later in itertools.pairwise(chosen):
        assert earlier.sd_after == later.sd_before
        assert later.sd_after is not None
        assert later.sd_before is not None
        assert later.sd_after < later.sd_before


def test_nothing_beyond_what_may_be_spent_is_proposed() -> None:
    chosen = next_runs(points_of(), TARGET, 9, spend=7e10)
    assert 0 < sum(run.flops for run in chosen) <= 7e10
    assert next_runs(points_of(), TARGET, 9, spend=1e9) == []
    assert in_words([], TARGET).startswith("No affordable run")


def test_a_new_budget_is_opened_with_what_a_parabola_needs() -> None:
    candidates = [at(5.4e11, u) for u in (-0.9, 0.0, 0.9)]
    points = points_of(budgets=BUDGETS[:3], half_width=0.9)
    assert next_runs(points, TARGET, 2, candidates=candidates, span=2.6) == []
    chosen = next_runs(points, TARGET, 3, candidates=candidates, span=2.6)
    assert [run.why for run in chosen] == ["opens a budget"] * 3
    assert len({run.n_params for run in chosen}) == 3


def test_a_law_that_trusts_its_form_is_narrowed_by_its_form() -> None:
    """Scattered runs, no budgets: the information matrix is the form's, checked against brute force."""
    runs = ladder(sizes=7, half_width=1.8, noise=0.0005).drop("budget_flops")
    law = derive_law(runs, replace(QUICK, method="parametric"))
    assert law.trusted == "parametric"
    points = Points.from_frame(runs)[0]
    (chosen,) = next_runs(points, TARGET, 1, law=law)
    assert chosen.method == "parametric"
    assert chosen.sd_before is not None
    assert chosen.sd_after is not None
    assert chosen.sd_after < chosen.sd_before
    draws = law.optimum(TARGET)["parametric"].n_params
    assert draws.low is not None
    assert draws.high is not None
    assert math.log(draws.high / draws.low) / (2 * 1.96) == pytest.approx(chosen.sd_before, rel=0.6)


def test_the_table_says_what_each_run_is_for() -> None:
    text = in_words(next_runs(points_of(sizes=4), TARGET, 2), TARGET)
    assert text.startswith("The next 2 runs for N* at 1e+14 FLOPs")
    assert text.count("narrows") == 2
    assert "->" in text


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_simulated_surfaces_are_least_where_they_say(surface: Surface) -> None:
    for flops in (1e18, 1e21):
        log_n = surface.log_n_opt(flops) + np.linspace(-0.02, 0.02, 41)
        loss = surface.loss(np.exp(log_n), flops / 6 / np.exp(log_n))
        assert log_n[int(np.argmin(loss))] == pytest.approx(surface.log_n_opt(flops), abs=1.1e-3)


def test_a_dearer_budget_is_offered_only_where_it_saves_compute_on_the_way_to_the_goal() -> None:
    points = points_of(budgets=BUDGETS[:3], half_width=0.9, sizes=4, noise=0.001)
    offered = [at(budget, u) for budget in BUDGETS[:4] for u in np.linspace(-0.9, 0.9, 9)]
    nearly_there, far_off = (
        worth_offering(points, TARGET, shrink, candidates=offered, span=2.5) for shrink in (0.95, 0.2)
    )
    assert {run.budget_flops for run in nearly_there} == set(BUDGETS[:3])
    assert list(far_off) == offered
