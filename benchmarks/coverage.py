"""How often the 95% intervals of a law hold the truth, on surfaces where it is known.

Experiments are ladders of 7 budgets from 1e18 to 1e21 FLOPs, 7 sizes each, within a factor of 4 of the best, with
normal noise on ln L. On each the exponent a of N* ~ C^a and N* at the largest budget are held against the truth.
Parabolas are known to be off in N* (not in a) by a factor on surfaces that are not symmetric in ln N: their N* is
counted on the symmetric one only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context

import numpy as np
import polars as pl

from benchmarks.figures import Figure
from smelt.laws.findings import Interval
from smelt.laws.fit import bootstrap, exponent, fit
from smelt.laws.forms import Floats
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.isoflop import chosen_degree, fit_curves
from smelt.laws.minima import fit_minima
from smelt.laws.points import Points

SURFACES: dict[str, dict[str, float]] = {
    "symmetric": {"A": 400, "B": 400, "E": 1.8, "alpha": 0.35, "beta": 0.35},
    "Chinchilla": {"A": 477.826, "B": 2143.417, "E": 1.817218, "alpha": 0.3473105, "beta": 0.3671724},
    "asymmetric": {"A": 2000, "B": 20, "E": 1.7, "alpha": 0.465, "beta": 0.155},
}
BUDGETS = np.geomspace(1e18, 1e21, 7)
SIZES = np.exp(np.linspace(-np.log(4), np.log(4), 7))
"""Over the best of each budget."""
NOISE = (0.002, 0.005)
"""Standard deviations of ln L: about those of Epoch's points, and of small ladders' seeds."""
SEEDS, EXPERIMENTS, DRAWS = (1, 2, 3), 200, 1000
PARAMETRIC, PARABOLAS = "parametric form", "parabolas"


class FewStarts(Chinchilla):
    """150 of the 4,500 starts: a planted surface has one optimum, which all of these find."""

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        return super().starts(x, log_loss)[::30]


FORM = FewStarts()


@dataclass(frozen=True, slots=True)
class Truth:
    """A surface's exponent and its N* at the largest budget."""

    a: float
    n_opt: float


def measure_coverage() -> Iterator[Figure]:
    """The share of intervals that hold the truth, by surface, noise and method, over all seeds."""
    cells = list(product(SURFACES, NOISE))
    tasks = [(surface, noise, seed) for surface, noise in cells for seed in SEEDS]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        counted = dict(zip(tasks, pool.map(held, *zip(*tasks, strict=True)), strict=True))
    for surface, noise in cells:
        by_seed = [counted[surface, noise, seed] for seed in SEEDS]
        for what in by_seed[0]:
            shares = [counts[what] / EXPERIMENTS for counts in by_seed]
            peers = {f"seed {seed}": share for seed, share in zip(SEEDS, shares, strict=True)}
            said = f"{what}, {surface}, noise {noise:g}"
            yield Figure(said, float(np.mean(shares)), "", _wanted(what, surface), peers)


def held(surface: str, noise: float, seed: int) -> dict[str, int]:
    """How many of the experiments' intervals hold the truth, by what is asked."""
    theta, generator = FORM.theta(SURFACES[surface]), np.random.default_rng(seed)
    found: dict[str, int] = {}
    for experiment in range(EXPERIMENTS):
        points = ladder(theta, noise, generator)
        for what, is_held in answers(points, truth(theta), seed=experiment).items():
            found[what] = found.get(what, 0) + is_held
    return found


def truth(theta: Floats) -> Truth:
    """What the intervals should hold."""
    a = float(FORM.optimal_log_n(theta, 1.0) - FORM.optimal_log_n(theta, 0.0))
    return Truth(a, float(np.exp(FORM.optimal_log_n(theta, np.log(BUDGETS[-1] / 6)))))


def ladder(theta: Floats, noise: float, generator: np.random.Generator) -> Points:
    """One experiment."""
    best = np.exp(FORM.optimal_log_n(theta, np.log(BUDGETS / 6)))
    flops = np.repeat(BUDGETS, len(SIZES))
    n_params = (best[:, None] * SIZES).ravel()
    n_tokens = flops / 6 / n_params
    loss = FORM.loss(theta, {"N": n_params, "D": n_tokens}) * np.exp(noise * generator.standard_normal(len(flops)))
    columns = {"n_params": n_params, "n_tokens": n_tokens, "loss_nats": loss, "flops": flops, "budget_flops": flops}
    return Points.from_frame(pl.DataFrame(columns))[0]


def answers(points: Points, planted: Truth, *, seed: int) -> Mapping[str, bool]:
    """Whether each interval holds the truth."""
    intervals = {PARAMETRIC: _parametric(points, seed), PARABOLAS: _parabolas(points, seed)}
    return {
        f"{what} by the {method}": _holds(interval, value)
        for method, pair in intervals.items()
        for what, interval, value in zip(("a", "N*"), pair, (planted.a, planted.n_opt), strict=True)
    }


def _parametric(points: Points, seed: int) -> tuple[Interval, Interval]:
    seen = points.observations
    found = fit(FORM, seen)
    draws, log_nd = bootstrap(found, seen, draws=DRAWS, seed=seed, by="residuals"), np.log(BUDGETS[-1] / 6)
    log_n, log_n_draws = FORM.optimal_log_n(found.theta, log_nd), FORM.optimal_log_n(draws, log_nd)
    slope = Interval.of(float(exponent(FORM, found.theta, seen)), exponent(FORM, draws, seen))
    return slope, Interval.of_log(float(log_n), log_n_draws)


def _parabolas(points: Points, seed: int) -> tuple[Interval, Interval]:
    curves = fit_curves(points, draws=DRAWS, seed=seed, degree=chosen_degree(points))
    minima = fit_minima([curve for curve in curves if curve.usable])
    if minima is None:
        return Interval(mid=np.nan), Interval(mid=np.nan)
    line, log_flops = minima.log_d, np.log(BUDGETS[-1])
    log_n = log_flops - np.log(6) - (line.intercept + line.slope * log_flops)
    log_n_draws = log_flops - np.log(6) - (line.draws[:, 0] + line.draws[:, 1] * log_flops)
    return Interval.of(1 - line.slope, 1 - line.draws[:, 1]), Interval.of_log(log_n, log_n_draws)


def _holds(interval: Interval, value: float) -> bool:
    """An open end holds everything on its side."""
    low, high = interval.low, interval.high
    return (low is None or low <= value) and (high is None or value <= high)


def _wanted(what: str, surface: str) -> str:
    is_biased = what == f"N* by the {PARABOLAS}" and surface != "symmetric"
    return "(biased)" if is_biased else ".93-.97"
