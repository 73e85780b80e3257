"""Approach 1 of Hoffmann et al. 2022: the lower envelope of loss over compute, and which model holds it where.

    loss |\\  \\                 at each of many FLOPs the run with the least loss holds the envelope; its size is N*,
         | \\  \\___  N = 1M     what the FLOPs leave is D*, and a line goes through all of them
         |  \\_____\\___
         |     \\___ N = 10M
         +------------- ln C

"Training compute-optimal large language models", section 3.1. From training curves (several rows of one run: its
checkpoints) the loss is interpolated along each run at 1,500 log-spaced FLOPs. From final runs alone the envelope is
that of the budgets, or of bins of a quarter of a decade where runs have none: rougher, since N* is then one of the
sizes tried.

Two ways to be wrong. A checkpoint before a run's end was taken at a learning rate that had not yet come down, so its
loss is higher than that of a run made for its FLOPs: small models, which come to their end sooner, look too good, or
all budgets look worse than they are (Hoffmann et al. 2022, appendix B; Porian et al. 2024 measure it). And
where the smallest or the largest size at hand holds the envelope, the best size is anywhere beyond: such FLOPs are left
out here. Intervals come from runs resampled with replacement, as whole curves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smelt.laws.curves.minima import Line
from smelt.laws.forms import Floats
from smelt.laws.points import Points

FAILS = (
    "From final runs alone N* is one of the sizes tried, and the least of several noisy losses is too low; from "
    "checkpoints it is biased, since their learning rate was not yet down. Nothing is assumed of the curves' shape."
)
LEVELS = 1_500
"""FLOPs, log-spaced, at which curves are compared (Hoffmann et al. 2022, section 3.1)."""
BINS_A_DECADE = 4
"""Of FLOPs, where final runs have no budgets."""
RIVALS = 20
"""The best runs of a level that are kept: that a resample has none of them has a chance of e^-20."""

Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Envelope:
    """Who holds the envelope at each level, and the lines through them; arrays by ascending FLOPs."""

    run: tuple[str, ...]
    flops: Floats
    n_params: Floats
    n_tokens: Floats
    loss_nats: Floats
    n_edge: int
    """Levels left out because the smallest or the largest size held them."""
    n_intermediate: int
    """Levels held by a run before its end."""
    from_curves: bool
    """From checkpoints, and not from final runs alone."""
    log_d: Line | None
    """ln D* against ln C; None where a single run holds all."""
    log_loss: Line | None

    @property
    def n_runs(self) -> int:
        """Different runs on it."""
        return len(set(self.run))

    @property
    def n_sizes(self) -> int:
        """Different sizes on it."""
        return len(np.unique(self.n_params))


def fit_envelope(points: Points, *, draws: int, seed: int) -> Envelope | None:
    """The envelope of runs, or of their checkpoints where there are such; None where no level has three sizes."""
    curves = _curves(points)
    from_curves = len(curves) < len(points)
    rivals = _by_interpolation(points, curves) if from_curves else _by_budget(points)
    everyone = np.ones(len(curves), dtype=bool)
    held = _hold(rivals, everyone)
    if not held.kept.any():
        return None
    lines = _lines(held, [_hold(rivals, present) for present in _samples(len(curves), draws=draws, seed=seed)])
    last = np.array([rows[-1] for rows in curves])[held.run[held.kept]]
    flops = np.exp(held.log_c[held.kept])
    return Envelope(
        run=tuple(points.run[row] for row in last),
        flops=flops,
        n_params=points.n_params[last],
        n_tokens=np.exp(held.log_d[held.kept]),
        loss_nats=np.exp(held.log_loss[held.kept]),
        n_edge=int(np.sum(held.on_envelope & ~held.inside)),
        n_intermediate=int(np.sum(flops < points.flops[last] * (1 - 1e-9))),
        from_curves=from_curves,
        log_d=lines[0] if lines else None,
        log_loss=lines[1] if lines else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rivals:
    """The best runs at each level, best first: arrays (rivals, levels), levels by ascending FLOPs."""

    run: Integers
    log_c: Floats
    log_d: Floats
    log_loss: Floats
    """Infinite where a level has fewer runs."""
    inside: Booleans
    """Neither the smallest nor the largest size of its level."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """The best rival of each level that is present in a sample of the runs: arrays (levels)."""

    run: Integers
    log_c: Floats
    log_d: Floats
    log_loss: Floats
    inside: Booleans
    on_envelope: Booleans
    """Better than all that cost less."""

    @property
    def kept(self) -> Booleans:
        """Levels that say where the best size lies."""
        return self.on_envelope & self.inside


def _curves(points: Points) -> list[Integers]:
    """The rows of each run, by ascending FLOPs."""
    order = np.argsort(points.flops, kind="stable")
    of_row = points.curve[order]
    by_run = np.argsort(of_row, kind="stable")
    starts = np.flatnonzero(np.diff(of_row[by_run])) + 1
    return [order[rows] for rows in np.split(by_run, starts)]


def _by_interpolation(points: Points, curves: list[Integers]) -> _Rivals:
    """Each run's ln loss, linear in ln C between its checkpoints, at every level that it passes."""
    levels = np.log(np.geomspace(points.flops.min(), points.flops.max(), LEVELS))
    log_c, log_loss = np.log(points.flops), np.log(points.loss_nats)
    table = [np.interp(levels, log_c[rows], log_loss[rows], left=np.inf, right=np.inf) for rows in curves]
    last = np.array([rows[-1] for rows in curves])
    at = np.broadcast_to(levels, (len(curves), LEVELS))
    return _rivals(np.array(table), at, size=points.size[last], n_params=points.n_params[last])


def _by_budget(points: Points) -> _Rivals:
    """Each run's ln loss at the level of its budget, or of its bin of FLOPs where runs have no budgets."""
    of_run = points.budget_flops if len(points.budgets) else np.floor(BINS_A_DECADE * np.log10(points.flops))
    levels = np.unique(of_run[np.isfinite(of_run)])
    table = np.where(of_run[:, None] == levels, np.log(points.loss_nats)[:, None], np.inf)
    at = np.broadcast_to(np.log(points.flops)[:, None], table.shape)
    return _rivals(table, at, size=points.size, n_params=points.n_params)


def _rivals(log_loss: Floats, log_c: Floats, *, size: Floats, n_params: Floats) -> _Rivals:
    """The best of each level, of arrays (runs, levels); D is what the FLOPs leave, C/6N."""
    there = np.isfinite(log_loss)
    smallest = np.where(there, n_params[:, None], np.inf).min(axis=0)
    largest = np.where(there, n_params[:, None], -np.inf).max(axis=0)
    run = np.argsort(log_loss, axis=0, kind="stable")[:RIVALS]
    log_c = np.take_along_axis(log_c, run, axis=0)
    return _Rivals(
        run=run,
        log_c=log_c,
        log_d=log_c - np.log(6 * size[run]),
        log_loss=np.take_along_axis(log_loss, run, axis=0),
        inside=(smallest < n_params[run]) & (n_params[run] < largest),
    )


def _hold(rivals: _Rivals, present: Booleans) -> _Held:
    """Who holds each level when only some of the runs are `present` (runs)."""
    log_loss = np.where(present[rivals.run], rivals.log_loss, np.inf)
    best = log_loss.argmin(axis=0), np.arange(log_loss.shape[1])
    least = log_loss[best]
    cheaper = np.minimum.accumulate(np.concatenate([[np.inf], least[:-1]]))
    return _Held(
        run=rivals.run[best],
        log_c=rivals.log_c[best],
        log_d=rivals.log_d[best],
        log_loss=least,
        inside=rivals.inside[best],
        on_envelope=least < cheaper,
    )


def _samples(n_runs: int, *, draws: int, seed: int) -> Iterator[Booleans]:
    """Which runs are drawn at all when as many as there are are drawn with replacement: (runs), one at a time."""
    generator = np.random.RandomState(seed)  # its stream is frozen: see fit.resample
    for _ in range(draws):
        present = np.zeros(n_runs, dtype=bool)
        present[generator.randint(n_runs, size=n_runs)] = True
        yield present


def _lines(held: _Held, draws: list[_Held]) -> tuple[Line, Line] | None:
    """ln D* and ln loss against ln C, with a line for each draw; None where a single run holds all."""
    found = _slopes(held)
    if not np.isfinite(found).all():
        return None
    drawn = np.array([_slopes(draw) for draw in draws]).reshape(-1, 2, 2)
    return (
        Line(intercept=float(found[0, 0]), slope=float(found[0, 1]), draws=drawn[:, 0], excess=None),
        Line(intercept=float(found[1, 0]), slope=float(found[1, 1]), draws=drawn[:, 1], excess=None),
    )


def _slopes(held: _Held) -> Floats:
    """Intercept and slope of ln D*, and of ln loss: (2, 2); NaN where fewer than two runs hold levels."""
    kept = held.kept
    if len(np.unique(held.run[kept])) < 2:
        return np.full((2, 2), np.nan)
    x, y = held.log_c[kept], np.stack([held.log_d[kept], held.log_loss[kept]])
    centre, means = x.mean(), y.mean(axis=1)
    slopes = y @ (x - centre) / np.sum((x - centre) ** 2)
    return np.stack([means - slopes * centre, slopes], axis=1)
