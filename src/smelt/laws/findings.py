"""What law.json says: all that a report or a plan needs of a fitted law but its draws.

Plain records, no behaviour (that is law.py). A figure that could not be had is null, never NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from smelt.laws.forms import Floats
from smelt.units import format_count

Method = Literal["isoflop", "parametric"]
METHOD_NAMES: dict[Method, str] = {"isoflop": "parabolas", "parametric": "parametric form"}

LEVEL = (2.5, 97.5)
"""Percentiles of every interval."""


class Record(BaseModel):
    """Base of the records: frozen, and nothing unknown read in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Record):
    """A figure with its 95% interval, in the figure's unit; an end is None where the draws cannot say."""

    mid: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, mid: float, draws: Floats) -> Self:
        """The figure with percentiles of its bootstrap draws."""
        low, high = _ends(draws)
        return cls(mid=mid, low=low, high=high)

    @classmethod
    def of_log(cls, log_mid: float, log_draws: Floats) -> Self:
        """The same for a figure known by its logarithm."""
        with np.errstate(over="ignore"):
            return cls.of(float(np.exp(log_mid)), np.exp(log_draws))

    def in_words(self, form: Callable[[float], str] = format_count) -> str:
        """For people: "641M (68.3M to 2.62B)"."""
        if self.low is None or self.high is None:
            return f"{form(self.mid)} (no interval)"
        return f"{form(self.mid)} ({form(self.low)} to {form(self.high)})"

    def overlaps(self, other: Interval) -> bool:
        """The intervals touch; an open end reaches everywhere."""
        below = self.high is not None and other.low is not None and self.high < other.low
        above = self.low is not None and other.high is not None and self.low > other.high
        return not (below or above)


class Estimate(Record):
    """A parameter with its bootstrap standard error and 95% interval."""

    value: float
    se: float | None = None
    ci95: tuple[float, float] | None = None

    @classmethod
    def of(cls, value: float, draws: Floats) -> Self:
        """From bootstrap draws of the parameter; neither error nor interval where they are not finite."""
        low, high = _ends(draws)
        if low is None or high is None:
            return cls(value=value)
        with np.errstate(over="ignore", invalid="ignore"):
            se = float(np.nanstd(draws))
        return cls(value=value, se=se if np.isfinite(se) else None, ci95=(low, high))

    @property
    def interval(self) -> Interval:
        """The same without the error."""
        low, high = self.ci95 or (None, None)
        return Interval(mid=self.value, low=low, high=high)


def _ends(draws: Floats) -> tuple[float | None, float | None]:
    """The percentiles of `LEVEL` over draws, up to 5% of which may be NaN; None for an end that is not finite."""
    known = draws[~np.isnan(draws)]
    if not len(known) or len(known) < 0.95 * len(draws):
        return None, None
    low, high = (float(end) for end in np.percentile(known, LEVEL, method="closest_observation"))
    return low if np.isfinite(low) else None, high if np.isfinite(high) else None


class Span(Record):
    """The least and the greatest of a quantity over the runs used."""

    least: float
    greatest: float

    @classmethod
    def of(cls, values: Floats) -> Self:
        return cls(least=float(values.min()), greatest=float(values.max()))


class Data(Record):
    """The runs that the law stands on."""

    n_runs: int
    """In the table."""
    n_used: int
    dropped: dict[str, str]
    """Run to reason."""
    budgets: list[float]
    """Ascending; empty where runs were not made for budgets."""
    flops: Span
    n_params: Span
    n_tokens: Span
    overhead: list[tuple[float, float]]
    """n_params and exact FLOPs over 6ND of each size, ascending; empty where FLOPs are 6ND."""
    epochs: Span | None
    unique_tokens: float | None
    """Tokens of training data at hand: n_tokens / epochs, where the table has epochs."""
    bpb_per_nat: float | None
    """Bits per byte of a loss of one nat per token: 1 / (ln 2 x bytes per token); where the table has bpb."""


class Residual(Record):
    """One run against the parametric fit."""

    run: str
    n_params: float
    n_tokens: float
    loss_nats: float
    residual: float
    """ln of observed over predicted loss: .01 is 1% worse than the law says."""


class Parametric(Record):
    """The fit of a form L(N, D)."""

    form: str
    formula: str
    source: str
    fails: str
    params: dict[str, Estimate]
    """As the formula names them."""
    theta: dict[str, float]
    """As the fitter holds them: sizes and floor as logarithms."""
    exponents: dict[str, Estimate]
    """a and b of N* ~ C^a and D* ~ C^b; empty where more size or more data would not help at all."""
    objective: float | None
    """What was minimised, at its least; null where a paper does not say."""
    objective_in_words: str
    n_starts: int
    at_optimum: float | None
    """Share of the starts that ended at the optimum; null where a paper does not say."""
    loose: list[str]
    """Parameters that the runs do not identify: their interval is wider than their value."""
    usable: bool
    """Nothing loose, and at least two runs a parameter."""
    residuals: list[Residual]


class BudgetMinimum(Record):
    """The parabola of one budget: loss = c0 + c1 u + c2 u^2, u = ln N - centre."""

    budget_flops: float
    n_runs: int
    centre: float
    coefficients: tuple[float, float, float]
    n_opt: Interval | None
    """Parameters; null where the parabola does not bend upwards."""
    d_opt: Interval | None
    loss_opt: Interval | None
    """Nats per token."""
    interior: bool
    """The minimum lies between the smallest and the largest size tried."""
    flat: bool
    """The bend could be noise: the optimum is not identified."""
    in_line: bool
    """Interior and not flat: it enters the line."""


class LineFit(Record):
    """ln y = intercept + slope x ln C."""

    intercept: float
    slope: Estimate
    excess: float | None
    """The chance of minima scattering about the line as they do, or worse, if their own intervals were all the noise
    there is; null with two minima or without draws. Small: something else differs between budgets."""


class IsoFlop(Record):
    """Approach 2: parabolas and the lines through their minima."""

    fails: str
    budgets: list[BudgetMinimum]
    d_opt: LineFit | None
    """ln D* against ln C; null with fewer than two usable minima."""
    loss_opt: LineFit | None
    """ln of the least loss against ln C: a power law without a floor."""
    exponents: dict[str, Estimate]
    """a and b of N* ~ C^a and D* ~ C^b; they add up to one. Empty without a line."""
    usable: bool
    """At least three minima are interior and not flat."""


class HeldOut(Record):
    """The runs of the largest budget, predicted from all others (the largest tenth by FLOPs where no budgets are)."""

    flops: float
    """From here on runs were held out."""
    n: int
    """Runs held out."""
    parametric: float | None
    """Mean relative error of the loss."""
    isoflop_loss: float | None
    """Relative error of the least loss."""
    isoflop_n_opt: float | None
    """Relative error of N*, as fits count it."""


class Agreement(Record):
    """The two methods side by side at the largest budget of the runs."""

    flops: float
    n_opt: dict[Method, Interval]
    """Parameters of the optimum, by method."""
    factor: float
    """The larger N* over the smaller."""
    agree: bool
    """The intervals of N* and of the exponents overlap."""


class Findings(Record):
    """law.json.

    counting, data           what N, D, C and loss mean, and the runs behind the law
    parametric               form, formula, params with se and ci95, objective, residuals by run
    isoflop                  per budget: coefficients, n_opt, d_opt, loss_opt, interior, flat; exponents with ci95
    held_out, agreement      the largest budget predicted from the others; the methods side by side
    trusted                  the method a plan follows, by the rule of `law.trusted_method`
    warnings                 in plain words, worst first
    checklist                the (Mis)Fitting checklist (Li et al. 2025)
    """

    format: int = 1
    counting: str
    data: Data
    parametric: Parametric | None
    isoflop: IsoFlop | None
    held_out: HeldOut | None
    agreement: Agreement | None
    trusted: Method
    draws: int
    seed: int
    warnings: list[str]
    checklist: dict[str, str]
    published: str | None = None
    """Paper and place of a published law (laws/published.toml), which has no runs here; null for a fitted one."""
