"""How a score goes with scale: normal, inverse, U-shaped; and whether a jump is the model's or the metric's.

A score against log10 of size or compute: the slope a decade, its interval, how straight it is, and whether a parabola
says it better than a line. "Better" is said of the model: a U is worse first and better later (Wei et al. 2023,
"Inverse scaling can become U-shaped"), an inverted U the reverse.

A benchmark that jumps may only be a hard way to count: exact match needs every token right, which turns a steady gain
per token into a leap (Schaeffer et al. 2023, "Are emergent abilities of large language models a mirage?"). The test is
to score the same answers by a continuous metric and to see whether that goes more evenly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc, fdtrc, stdtrit
from scipy.stats import rankdata

from smelt.errors import InputError
from smelt.laws.findings import Estimate, Interval, Record
from smelt.laws.forms import Floats

Better = Literal["lower", "higher"]
Verdict = Literal["normal", "inverse", "u-shaped", "inverted-u", "unclear"]

SIGNIFICANT = 0.05
"""p below which a parabola is taken over a line, and level of the slope's interval."""
MODELS = 3
"""Fewer have no residual to judge a slope by."""


class Trend(Record):
    """A score over log10 of scale."""

    n: int
    slope: Estimate
    """A decade of scale; Student's interval, from the points' own scatter or from their known errors."""
    r2: float
    """Of the line: 1 is a straight line."""
    bend_p: float | None
    """p of a line against a parabola; None where no point is left to tell."""
    turns_at: float | None
    """The scale at the parabola's vertex, where that lies among the points."""
    better: Better
    verdict: Verdict


class Emergence(Record):
    """One task by a hard metric and by a continuous one, over the same models."""

    n: int
    hard_r2: float
    continuous_r2: float
    difference: Interval
    """Continuous less hard, with a bootstrap over models."""
    rank_correlation: float
    """Of the two metrics: near 1, they order the models alike, and differ in how they count only."""
    verdict: Literal["of the metric", "not of the metric", "unclear"]


def trend(scale: Floats, score: Floats, *, errors: Floats | None = None, better: Better = "lower") -> Trend:
    """The trend of `score` (models) over `scale` (models): parameters, tokens or FLOPs.

    `errors` are the scores' standard errors, where known: with four models there is little else to judge by. Raises
    InputError for fewer than three models or a single scale.
    """
    x, y = _checked(scale, score)
    line, parabola = _fit(x, y, degree=1, errors=errors), _fit(x, y, degree=2, errors=errors)
    slope = _slope(x, line, errors)
    bend_p = _bend_p(line.chi2, parabola.chi2, len(x), errors)
    turns_at = _vertex(parabola.coefficients, x)
    return Trend(
        n=len(x),
        slope=slope,
        r2=float(_r2(x, y)),
        bend_p=bend_p,
        turns_at=turns_at,
        better=better,
        verdict=_verdict(slope, bend_p, turns_at, float(parabola.coefficients[2]), better),
    )


def emergence(scale: Floats, hard: Floats, continuous: Floats, *, draws: int = 2000, seed: int = 0) -> Emergence:
    """Whether `continuous` goes more evenly with log scale than `hard` does, over models with both (models each).

    "Of the metric": its R2 is greater in 97.5% of the bootstrap draws. Raises InputError for fewer than three models.
    """
    x, y = _checked(scale, hard)
    _, smooth = _checked(scale, continuous)
    rows = np.random.RandomState(seed).randint(len(x), size=(draws, len(x)))
    rows = rows[np.ptp(x[rows], axis=1) > 0]
    hard_r2, continuous_r2 = float(_r2(x, y)), float(_r2(x, smooth))
    difference = Interval.of(continuous_r2 - hard_r2, _r2(x[rows], smooth[rows]) - _r2(x[rows], y[rows]))
    return Emergence(
        n=len(x),
        hard_r2=hard_r2,
        continuous_r2=continuous_r2,
        difference=difference,
        rank_correlation=float(np.corrcoef(rankdata(y), rankdata(smooth))[0, 1]),
        verdict=_of_metric(difference),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Polynomial:
    """Weighted least squares: coefficients from the constant up, and the sum of squares left."""

    coefficients: Floats
    chi2: float


def _checked(scale: Floats, score: Floats) -> tuple[Floats, Floats]:
    """log10 of the scale, and the score."""
    if len(scale) < MODELS or np.ptp(scale) == 0:
        sizes = len(np.unique(scale))
        raise InputError(where="a trend", what=f"has {len(scale)} models of {sizes} sizes", expected="3 or more")
    if not (np.isfinite(scale).all() and np.isfinite(score).all() and np.min(scale) > 0):
        raise InputError(where="a trend", what="has a scale or score that is no number", expected="scales above 0")
    return np.log10(scale), np.asarray(score, dtype=np.float64)


def _fit(x: Floats, y: Floats, *, degree: int, errors: Floats | None) -> _Polynomial:
    weights = np.ones_like(y) if errors is None else 1 / errors
    basis = np.vander(x - x.mean(), degree + 1, increasing=True) * weights[:, None]
    coefficients = np.asarray(np.linalg.lstsq(basis, y * weights, rcond=None)[0], dtype=np.float64)
    left = y * weights - basis @ coefficients
    return _Polynomial(coefficients=coefficients, chi2=float(left @ left))


def _slope(x: Floats, line: _Polynomial, errors: Floats | None) -> Estimate:
    """The slope with Student's interval: the scatter about the line counts even where errors are known, if larger."""
    weights = np.ones_like(x) if errors is None else 1 / errors**2
    centred = x - np.average(x, weights=weights)
    degrees = len(x) - 2
    variance = line.chi2 / degrees if errors is None else max(line.chi2 / degrees, 1.0)
    se = float(np.sqrt(variance / np.sum(weights * centred**2)))
    reach = float(stdtrit(degrees, 1 - SIGNIFICANT / 2)) * se
    value = float(line.coefficients[1])
    return Estimate(value=value, se=se, ci95=(value - reach, value + reach))


def _bend_p(line: float, parabola: float, n: int, errors: Floats | None) -> float | None:
    """Chi-square where errors are known, else F; None for three points without errors."""
    gained = max(line - parabola, 0.0)
    if errors is not None:
        return float(chdtrc(1, gained))
    if n < 4 or parabola <= 0:
        return None
    return float(fdtrc(1, n - 3, gained / (parabola / (n - 3))))


def _vertex(coefficients: Floats, x: Floats) -> float | None:
    if coefficients[2] == 0:
        return None
    vertex = x.mean() - coefficients[1] / (2 * coefficients[2])
    return float(10**vertex) if x.min() < vertex < x.max() else None


def _verdict(slope: Estimate, bend_p: float | None, turns_at: float | None, bend: float, better: Better) -> Verdict:
    sign = 1 if better == "higher" else -1
    if bend_p is not None and bend_p < SIGNIFICANT and turns_at is not None:
        return "u-shaped" if sign * bend > 0 else "inverted-u"
    low, high = slope.ci95 or (-np.inf, np.inf)
    if low <= 0 <= high:
        return "unclear"
    return "normal" if sign * slope.value > 0 else "inverse"


def _of_metric(difference: Interval) -> Literal["of the metric", "not of the metric", "unclear"]:
    if difference.low is not None and difference.low > 0:
        return "of the metric"
    return "not of the metric" if difference.high is not None and difference.high < 0 else "unclear"


def _r2(x: Floats, y: Floats) -> Floats:
    """R2 of a line, over the last axis."""
    dx, dy = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum(dx * dy, axis=-1) ** 2 / (np.sum(dx**2, axis=-1) * np.sum(dy**2, axis=-1)))
