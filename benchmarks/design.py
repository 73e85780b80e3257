"""What a ladder that chooses its own runs saves: compute to the same interval of N*, and whether it stays honest.

The grid of a `ladder` (four budgets three times apart, five sizes to 2.5 times either side of N*) is trained over and
over on a simulated surface, for the width of its 95% interval of N* at a target 37 times beyond. Adaptive ladders, of
the same budgets and noise of their own, go on until their interval is as narrow as the grid's is in the median: any one
grid's would be narrow or wide by luck. The ratio of the FLOPs spent is the saving; how often the interval holds the
true N* says what it is worth. The last figures are those of a real ladder, on the quickstart's tokens.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from benchmarks.figures import Figure
from benchmarks.surfaces import NOISE, QUIET_NOISE, SURFACES, Surface
from smelt.core.local import LocalRunner
from smelt.core.recipe import Recipe
from smelt.core.store import Store
from smelt.laws.curves.isoflop import fit_curves
from smelt.laws.design.designs import Candidate
from smelt.laws.design.ladder import AdaptiveLadder
from smelt.laws.design.rounds import DRAWS, MINIMA, SEED, Goal, Standing, climb, standing_of, trusted_minima
from smelt.laws.forms import Floats
from smelt.laws.points import Points
from smelt.runs.steps import Ladder

RECIPE = Path(__file__).parent.parent / "recipes" / "quickstart.toml"
REAL_TARGET = 1e14
"""FLOPs: the budget of the quickstart's plan."""
GRIDS = 5
"""Real grids, by seed."""
REAL_SEEDS = (0, 100, 200, 300)
"""Of the real adaptive ladders."""
BUDGETS = (1e18, 3e18, 9e18, 2.7e19)
TARGET = 1e21
SPAN = 2.5
BATCH = 4
REPEATS = 200
"""Ladders of each setting: coverage of .95 is known to 1.5 points."""
FINENESS = 12
"""Candidate sizes for a factor of `SPAN`: widths in steps of a twelfth, as `sizes.widths` has them."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way of comparing the two ladders."""

    surface: Surface
    noise: float
    sizes: int = 5
    """Of the grid, a budget."""
    offset: float = 0.0
    """ln of how far off the expected optimum is, for both."""

    @property
    def name(self) -> str:
        wrong = f", {math.exp(self.offset):.3g}x off" if self.offset else ""
        return f"{self.surface.name}, noise {self.noise}, {self.sizes} sizes{wrong}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One adaptive ladder."""

    flops: float
    covered: bool
    reached: bool
    error: float
    """ln of N* found over the true one; NaN without a line."""


def measure_design() -> Iterator[Figure]:
    """The simulated surfaces, and a real ladder."""
    for setting in settings():
        yield from figures(setting)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder), runner=LocalRunner(1)) as store:
        yield from real_ladder(store)


def real_ladder(store: Store) -> Iterator[Figure]:
    """On the quickstart's tokens: its grid with five seeds, and adaptive ladders to the grids' median interval of N*.

    At the budget of the quickstart's plan; the median interval, as in the simulations: a single grid's is narrow or
    wide by luck. The ladders share no seed with the grids or each other, but for the first: its seeds are those of the
    grids. Runs that several train are trained once; each counts what it would have cost alone.
    """
    recipe = cast("Ladder", Recipe.load(RECIPE).steps["ladder"])
    grid = Ladder(tokens=recipe.tokens, flops=recipe.flops, sizes_per_budget=recipe.sizes_per_budget, seeds=GRIDS)
    runs = store.make(grid).runs
    grids = [Points.from_frame(runs.filter(pl.col("seed") == seed))[0] for seed in range(GRIDS)]
    known = [found for points in grids if (found := standing_of(points, REAL_TARGET).known_to) is not None]
    until, spent = float(np.median(known)), float(grids[0].flops.sum())
    ladders = [
        AdaptiveLadder(
            tokens=grid.tokens, flops=grid.flops, target=REAL_TARGET, until=until, spend=2 * spent, seed=seed
        )
        for seed in REAL_SEEDS
    ]
    found = [Points.from_frame(store.make(ladder).runs)[0] for ladder in ladders]
    ratios = {f"seed {seed}": float(p.flops.sum()) / spent for seed, p in zip(REAL_SEEDS, found, strict=True)}
    yield Figure("quickstart's tokens: adaptive over grid FLOPs", _middle(ratios.values()), "x", "<= .5", ratios)
    reached = [standing_of(points, REAL_TARGET).known_to or math.inf for points in found]
    spread = {"grids, least": min(known), "median": until, "most": max(known)}
    yield Figure("  its N* at 1e14 is known to", _middle(reached), "x", "the grids' median", spread)
    best = [[math.exp(i[2]) for p in points if (i := interval_of(p, REAL_TARGET))] for points in (found, grids)]
    spread = {"least": min(best[0]), "most": max(best[0]), "grids, least": min(best[1]), "grids, most": max(best[1])}
    yield Figure("  its N* at 1e14, FLOPs a token over 6", _middle(best[0]), "", "the grids'", spread)


def settings() -> list[Setting]:
    """Every surface; then one with less noise, more sizes, and a wrong guess of N*."""
    first = SURFACES[0]
    return [
        *(Setting(surface, NOISE) for surface in SURFACES),
        Setting(first, QUIET_NOISE),
        Setting(first, NOISE, sizes=7),
        Setting(first, NOISE, offset=math.log(2.5)),
    ]


def figures(setting: Setting, repeats: int = REPEATS) -> Iterator[Figure]:
    """Of one setting."""
    truth = setting.surface.log_n_opt(TARGET)
    grids = [grid_of(setting, np.random.default_rng([seed, 0])) for seed in range(repeats)]
    intervals = [interval for grid in grids if (interval := interval_of(grid)) is not None]
    spent = float(grids[0].flops.sum())
    until = math.exp(float(np.median([high - low for low, high, _ in intervals])) / 2)
    goal = Goal(target_flops=TARGET, until=until, spend=3 * spent, batch=BATCH, span=SPAN)
    outcomes = [climbed(setting, goal, np.random.default_rng([seed, 1])) for seed in range(repeats)]
    low, median, high = np.percentile([outcome.flops / spent for outcome in outcomes], [25, 50, 75])
    spread = {"lower quartile": float(low), "upper quartile": float(high), "to": until}
    yield Figure(f"{setting.name}: adaptive over grid FLOPs", float(median), "x", "<= .5", spread)
    grid = {"grid": float(np.mean([low < truth < high for low, high, _ in intervals]))}
    yield Figure("  its interval holds N*", float(np.mean([o.covered for o in outcomes])), "", ".93 to .97", grid)
    errors = {"rms ln error": _rms([o.error for o in outcomes]), "grid": _rms([mid - truth for *_, mid in intervals])}
    yield Figure("  reached it", float(np.mean([outcome.reached for outcome in outcomes])), "", "1", errors)


def climbed(setting: Setting, goal: Goal, generator: np.random.Generator) -> Outcome:
    """One adaptive ladder."""
    points, standing = adaptive_of(setting, goal, generator)
    found, truth = interval_of(points), setting.surface.log_n_opt(TARGET)
    return Outcome(
        flops=standing.flops,
        covered=found is not None and found[0] < truth < found[1],
        reached=standing.is_narrow(goal),
        error=math.nan if found is None else found[2] - truth,
    )


def grid_of(setting: Setting, generator: np.random.Generator) -> Points:
    """The ladder of a fixed grid."""
    offsets = np.linspace(-math.log(SPAN), math.log(SPAN), setting.sizes)
    budgets = np.repeat(BUDGETS, setting.sizes)
    log_n = np.concatenate([_expected(setting, budget) + offsets for budget in BUDGETS])
    return setting.surface.runs(budgets, np.exp(log_n), noise=setting.noise, generator=generator)


def adaptive_of(setting: Setting, goal: Goal, generator: np.random.Generator) -> tuple[Points, Standing]:
    """An adaptive ladder to the end."""
    trained: list[Points] = []

    def train(batch: Sequence[Candidate]) -> Points:
        budgets = np.array([run.budget_flops for run in batch])
        n_params = np.array([run.n_params for run in batch])
        trained.append(setting.surface.runs(budgets, n_params, noise=setting.noise, generator=generator))
        return joined(trained)

    seed = [at(budget, _expected(setting, budget) + u) for budget in BUDGETS[:MINIMA] for u in _reach(1, 1)]
    offered = [at(budget, _expected(setting, budget) + u) for budget in BUDGETS for u in _reach(FINENESS, 4)]
    standing = climb(seed, offered, goal, train=train, tell=lambda _: None)
    return joined(trained), standing


def interval_of(points: Points, target: float = TARGET) -> tuple[float, float, float] | None:
    """ln N* at the target by the parabolas: the ends of its 95% interval, and itself; None where it is not trusted."""
    minima = trusted_minima(fit_curves(points, draws=DRAWS, seed=SEED))
    if minima is None:
        return None
    log_nd = math.log(target / 6)
    draws = log_nd - minima.log_d.draws @ [1.0, math.log(target)]
    low, high = (float(end) for end in np.percentile(draws, [2.5, 97.5]))
    return low, high, log_nd - minima.log_d.at(target)


def joined(parts: Sequence[Points]) -> Points:
    """All runs in one."""
    arrays = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in ("n_params", "n_tokens", "loss_nats", "flops", "budget_flops")
    }
    return Points(run=tuple(str(i) for i in range(len(arrays["flops"]))), **arrays)


def at(budget: float, log_n: float) -> Candidate:
    """A run of a size, with C = 6ND."""
    return Candidate(budget_flops=budget, n_params=math.exp(log_n), size=math.exp(log_n))


def _expected(setting: Setting, budget: float) -> float:
    return setting.surface.log_n_opt(float(budget)) + setting.offset


def _middle(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def _rms(errors: Sequence[float]) -> float:
    return float(np.sqrt(np.nanmean(np.square(errors))))


def _reach(steps: int, spans: int) -> Floats:
    """Offsets in ln N, `steps` for each factor of `SPAN`, to `spans` of them either side."""
    return np.linspace(-spans, spans, 2 * steps * spans + 1) * math.log(SPAN)
