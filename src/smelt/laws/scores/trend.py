"""How a score goes with scale: normal, inverse, U-shaped; and whether a jump is the model's or the metric's.

A score against log10 of size or compute: the slope a decade, its interval, how straight it is, and whether it turns.
"Better" is said of the model: a U is worse first and better later (Wei et al. 2023,
"Inverse scaling can become U-shaped"), an inverted U the reverse.

A benchmark that jumps may only be a hard way to count: exact match needs every token right, which turns a steady gain
per token into a leap (Schaeffer et al. 2023, "Are emergent abilities of large language models a mirage?"). The test is
to score the same answers by a continuous metric and to see whether that goes more evenly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import fdtr, stdtrit
from scipy.stats import rankdata

from smelt.errors import InputError
from smelt.laws.findings import Estimate, Interval, Record
from smelt.laws.forms import Floats

Better = Literal["lower", "higher"]
Verdict = Literal["normal", "inverse", "u-shaped", "inverted-u", "unclear"]

SIGNIFICANT = 0.05
"""Level of every test here."""
MODELS = 3
"""Fewer have no residual to judge a slope by."""


class Trend(Record):
    """A score over log10 of scale."""

    n: int
    slope: Estimate
    """A decade of scale, by least squares, with Student's interval."""
    r2: float
    """Of the line: 1 is a straight line."""
    bend_p: float | None
    """p of a line against a parabola; None for three models."""
    turns_at: float | None
    """The scale of the model at which it turns, where it does."""
    better: Better
    direction: Literal["normal", "inverse"]
    """The slope's sign, whatever its interval."""
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

    A U is claimed only where the score itself turns, for the vertex of a parabola through a curve that levels off lies
    among the points too. With the scores' standard `errors`: some model between differs from both the smallest and the
    largest, in one direction, by more than their errors allow; and normal or inverse is the difference of these two.
    Without: the slopes before and after the turn are significant with opposite signs (the two-lines test, Simonsohn
    2018), and normal or inverse is the slope of all. Raises InputError for fewer than three models or a single scale.
    """
    x, y = _checked(scale, score)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    slope, sign = _slope(x, y), 1 if better == "higher" else -1
    if errors is not None:
        turn, change = _turn_by_errors(y, errors[order]), _significant(y[-1] - y[0], errors[order][[0, -1]])
    else:
        turn, change = _turn_by_lines(x, y), _clear_sign(slope)
    return Trend(
        n=len(x),
        slope=slope,
        r2=float(_r2(x, y)),
        bend_p=_bend_p(x, y),
        turns_at=None if turn is None else float(10 ** x[turn.at]),
        better=better,
        direction="normal" if sign * slope.value > 0 else "inverse",
        verdict=_verdict(None if turn is None else sign * turn.bend, sign * change),
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


@dataclass(frozen=True, slots=True)
class _Turn:
    """Where a score turns, and how: 1 falls first and then rises, -1 rises first."""

    at: int
    bend: int


def _checked(scale: Floats, score: Floats) -> tuple[Floats, Floats]:
    """log10 of the scale, and the score."""
    if len(scale) < MODELS or np.ptp(scale) == 0:
        sizes = len(np.unique(scale))
        raise InputError(where="a trend", what=f"has {len(scale)} models of {sizes} sizes", expected="3 or more")
    if not (np.isfinite(scale).all() and np.isfinite(score).all() and np.min(scale) > 0):
        raise InputError(where="a trend", what="has a scale or score that is no number", expected="scales above 0")
    return np.log10(scale), np.asarray(score, dtype=np.float64)


def _slope(x: Floats, y: Floats) -> Estimate:
    """Of the line by least squares, with Student's interval."""
    centred, degrees = x - x.mean(), len(x) - 2
    value = float(centred @ y / (centred @ centred))
    left = y - y.mean() - value * centred
    se = float(np.sqrt(left @ left / degrees / (centred @ centred)))
    reach = float(stdtrit(degrees, 1 - SIGNIFICANT / 2)) * se
    return Estimate(value=value, se=se, ci95=(value - reach, value + reach))


def _bend_p(x: Floats, y: Floats) -> float | None:
    """The F test of a parabola against a line."""
    degrees = len(x) - 3
    line, parabola = (float(np.sum((y - np.polyval(np.polyfit(x, y, k), x)) ** 2)) for k in (1, 2))
    if degrees < 1 or parabola <= 0 or len(np.unique(x)) < 3:
        return None
    return float(1 - fdtr(1, degrees, max(line - parabola, 0.0) / (parabola / degrees)))


def _turn_by_errors(y: Floats, errors: Floats) -> _Turn | None:
    """The model between that is furthest beyond both ends, if that is beyond the errors."""
    for bend in (1, -1):
        at = int(np.argmin(bend * y))
        ends = [_significant(bend * (y[end] - y[at]), errors[[end, at]]) for end in (0, -1)]
        if ends == [1, 1]:
            return _Turn(at, bend)
    return None


def _turn_by_lines(x: Floats, y: Floats) -> _Turn | None:
    """The extreme of the parabola's kind, if the lines on either side of it clearly go opposite ways."""
    if len(np.unique(x)) < 3:
        return None
    bend = 1 if np.polyfit(x, y, 2)[0] > 0 else -1
    at = int(np.argmin(bend * y))
    sides = [(x[: at + 1], y[: at + 1]), (x[at:], y[at:])]
    if min(len(np.unique(side)) for side, _ in sides) < MODELS:
        return None
    before, after = (_clear_sign(_slope(*side)) for side in sides)
    return _Turn(at, bend) if (before, after) == (-bend, bend) else None


def _significant(difference: float, errors: Floats) -> int:
    """The sign of a difference of two scores, 0 within 1.96 of its standard error."""
    return int(np.sign(difference)) if abs(difference) > 1.96 * float(np.hypot(*errors)) else 0


def _clear_sign(slope: Estimate) -> int:
    """The sign of a slope, 0 where its interval holds 0."""
    low, high = slope.ci95 or (-np.inf, np.inf)
    return 0 if low <= 0 <= high else int(np.sign(slope.value))


def _verdict(bend: int | None, change: int) -> Verdict:
    """Of signs that are positive where more is better."""
    if bend is not None:
        return "u-shaped" if bend > 0 else "inverted-u"
    names: dict[int, Verdict] = {1: "normal", -1: "inverse", 0: "unclear"}
    return names[change]


def _of_metric(difference: Interval) -> Literal["of the metric", "not of the metric", "unclear"]:
    if difference.low is not None and difference.low > 0:
        return "of the metric"
    return "not of the metric" if difference.high is not None and difference.high < 0 else "unclear"


def _r2(x: Floats, y: Floats) -> Floats:
    """R2 of a line, over the last axis."""
    dx, dy = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum(dx * dy, axis=-1) ** 2 / (np.sum(dx**2, axis=-1) * np.sum(dy**2, axis=-1)))
