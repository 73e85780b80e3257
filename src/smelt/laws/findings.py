"""What law.json says: all that a report or a plan needs of a fitted law but its draws.

Plain records, no behaviour (that is law.py). A figure that could not be had is null, never NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from smelt.laws.forms import Floats
from smelt.units import format_count

Method = Literal["isoflop", "akima", "envelope", "parametric"]
"""How an optimum is had; also the name of its record in `Findings`."""
METHOD_NAMES: dict[Method, str] = {
    "isoflop": "parabolas",
    "akima": "interpolated curves",
    "envelope": "envelope",
    "parametric": "parametric form",
}

Largest = Literal["flops", "n_params"]
"""By what the runs that are held out are the largest."""

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
    checkpoints: int = 0
    """Rows that are checkpoints before a run's end: only the envelope uses them."""
    budgets: list[float]
    """Ascending; empty where runs were not made for budgets."""
    budgets_recognised: bool = False
    """The table named none: they are groups of runs whose FLOPs agree."""
    flops: Span
    n_params: Span
    n_tokens: Span
    overhead: list[tuple[float, float]]
    """n_params and exact FLOPs over 6ND of each size, ascending; empty where FLOPs are 6ND."""
    epochs: Span | None
    unique_tokens: float | None
    """Tokens of training data at hand: n_tokens / epochs, where the table has epochs."""
    typical: dict[str, float] = Field(default_factory=dict)
    """Medians of what else the form depends on, by column: where its optima are drawn and compared."""
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


class Identifiability(Record):
    """What the runs say of one parameter, by its profile: all others fitted anew at every value of it."""

    values: list[float]
    """Of the parameter as the formula names it, ascending."""
    rise: list[float]
    """Twice the rise of the objective over its scale at each value: a likelihood ratio."""
    limit: float
    """Its value at the ends of the 95% interval."""
    low: float | None
    high: float | None
    """The ends; null where the runs set none."""
    verdict: str
    """In words: "alpha is .322 to .370", "E has no lower end: anything up to 1.9"."""


class Influence(Record):
    """What leaving one run out does."""

    run: str
    residual: float
    """ln of observed over predicted loss, by the fit with it."""
    change: dict[str, float]
    """Of every parameter, and of the exponent a of N* ~ C^a as `exponent`, by leaving it out."""
    errors: float
    """The largest of these changes in standard errors: of the exponent, or of the parameters that are judged."""


class Dropping(Record):
    """The fit without the runs that lie furthest out, dropped one after the other."""

    by: Literal["loss", "residual"]
    """The largest losses; or the largest residual of the fit to those left, each time."""
    runs: list[str]
    """In the order in which they are dropped."""
    params: dict[str, list[float]]
    """Every parameter, with 0, 1, ... of them dropped."""
    exponent: list[float]
    """a of N* ~ C^a; empty where the form has none."""
    errors: list[float]
    """How far the exponent, or else the judged parameter that moves most, is from its place with all runs, in standard
    errors."""


class Parametric(Record):
    """The fit of a form."""

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
    """Of at most a thousand runs: of more, every so manieth."""
    optimiser: str = "BFGS, weak Wolfe line search"
    resampling: str = "runs resampled"
    """What the bootstrap drew anew."""
    judged: list[str] = Field(default_factory=list[str])
    """The parameters that the runs must identify for the fit to be of use."""
    identifiability: dict[str, Identifiability] = Field(default_factory=dict[str, Identifiability])
    """By parameter; empty where there are no more runs than parameters, or none off the form."""
    influence: list[Influence] = Field(default_factory=list[Influence])
    """The ten runs that move it most, the most influential first."""
    dropping: list[Dropping] = Field(default_factory=list[Dropping])
    caveats: list[str] = Field(default_factory=list[str])
    """What befell the fit itself: not compiled, started on a sample."""


class CurveMinimum(Record):
    """Where one budget's curve is least."""

    budget_flops: float
    n_runs: int
    n_opt: Interval | None
    """Parameters; null where the curve has no minimum."""
    d_opt: Interval | None
    loss_opt: Interval | None
    """Nats per token."""
    interior: bool
    """The minimum lies between the smallest and the largest size tried."""
    flat: bool
    """The bend could be noise: the optimum is not identified."""
    in_line: bool
    """Interior and not flat: it enters the line."""


class BudgetMinimum(CurveMinimum):
    """The polynomial of one budget: loss = c0 + c1 u + c2 u^2 (+ c3 u^3), u = ln N - centre."""

    n_near: int
    """Runs near enough to the least loss to be fitted."""
    centre: float
    coefficients: tuple[float, ...]
    """Three of a parabola, four of a cubic."""


class LineFit(Record):
    """ln y = intercept + slope x ln C."""

    intercept: float
    slope: Estimate
    excess: float | None
    """The chance of minima scattering about the line as they do, or worse, if their own intervals were all the noise
    there is; null with two minima or without draws. Small: something else differs between budgets."""


class Lines(Record):
    """An approach that draws lines through the optima of several budgets."""

    fails: str
    d_opt: LineFit | None
    """ln D* against ln C; null where there are too few optima for a line."""
    loss_opt: LineFit | None
    """ln of the least loss against ln C: a power law without a floor."""
    exponents: dict[str, Estimate]
    """a and b of N* ~ C^a and D* ~ C^b; they add up to one. Empty without a line."""
    usable: bool
    """The line stands on at least three optima inside the sizes tried and clear of noise."""


class Bias(Record):
    """What these curves through these sizes do on the surface of the fitted parametric form, without noise."""

    factor: float
    """N* by the curves over the true one, at the largest budget in the line."""
    exponent: float
    """What the line through the biased minima adds to a."""
    errors: float | None = None
    """ln of the factor, in standard errors of ln N* by the line at that budget; null without draws."""
    misfit: float | None = None
    """The chance that the form leaves so much more of the runs than the curves do, if it were right; null where the
    curves leave nothing to tell by."""


class Asymmetry(Record):
    """A cubic term in the IsoFLOP curves, of all budgets together."""

    t: float
    """Student's t; positive where loss rises faster towards large models than towards small ones."""
    p: float
    """The chance of so large a t on symmetric curves."""
    factor: float | None
    """N* by parabolas over N* by cubics; null where a cubic has no minimum."""


class IsoFlop(Lines):
    """Approach 2: parabolas, or cubics where the curves lean, and the lines through their minima."""

    budgets: list[BudgetMinimum]
    bias: Bias | None = None
    """Null without a parametric fit that has an optimum."""
    asymmetry: Asymmetry | None = None
    """Null where no budget has the six runs that a cubic needs."""
    cubic: bool = False
    """The curves lean beyond doubt: cubics are fitted where there are runs enough, and parabolas elsewhere."""


class Akima(Lines):
    """Approach 2 with curves interpolated between the runs (Porian et al. 2024)."""

    budgets: list[CurveMinimum]


class Holder(Record):
    """A run that holds the envelope over a stretch of compute."""

    run: str
    n_params: float
    flops: Span
    n_tokens: Span
    loss_nats: Span


class Envelope(Lines):
    """Approach 1: the lower envelope of loss over compute."""

    from_curves: bool
    """From checkpoints along the runs, and not from final runs alone."""
    holders: list[Holder]
    """By ascending FLOPs, without the smallest and the largest size of a level."""
    n_sizes: int
    """Different sizes among them."""
    intermediate: float
    """Share of the envelope that is held by checkpoints before their run's end."""
    edge: float
    """Share of the envelope left out because the smallest or the largest size at hand holds it."""


class Predicted(Record):
    """A run held out, and what a law that never saw it says of it."""

    run: str
    n_params: float
    n_tokens: float
    loss_nats: float
    """Observed."""
    predicted: Interval
    """With the interval in which a single run should lie: that of the parameters, and the scatter of runs."""


class HeldOut(Record):
    """Runs that a law fitted to all others was asked to predict."""

    flops: float
    """FLOPs of the smallest of them."""
    n: int
    """Runs held out."""
    parametric: float | None
    """Mean relative error of the loss."""
    isoflop_loss: float | None
    """Relative error of the least loss of the largest budget."""
    isoflop_n_opt: float | None
    """Relative error of N* there, as fits count it."""
    what: str = "the runs of the largest budget"
    """What was held out, in words."""
    runs: list[Predicted] = Field(default_factory=list[Predicted])
    """At most a hundred of them, those of the most FLOPs."""
    covered: float | None = None
    """Share of the runs held out that lie in their 95% interval."""


class Agreement(Record):
    """All methods side by side at the largest budget of the runs."""

    flops: float
    n_opt: dict[Method, Interval]
    """Parameters of the optimum, by method."""
    d_opt: dict[Method, Interval] = {}
    """Its tokens."""
    exponents: dict[Method, Interval] = {}
    """a of N* ~ C^a; a method without one is missing."""
    judged: list[Method] = []
    """The methods that are compared: those that are usable, and the trusted one; all where that leaves one."""
    disagreeing: list[tuple[Method, Method]] = []
    """Pairs whose intervals of N* or of the exponent do not overlap."""
    factor: float
    """The largest N* of those judged over the smallest."""
    agree: bool
    """No pair disagrees."""


class Findings(Record):
    """law.json.

    counting, data           what N, D, C and loss mean, and the runs behind the law
    parametric               form, formula, params with se and ci95, objective, residuals by run; profiles of the
                             parameters, the runs that move them most
    isoflop, akima           per budget: n_opt, d_opt, loss_opt, interior, flat; exponents with ci95
    envelope                 which run holds it over which FLOPs; exponents with ci95
    held_out, agreement      the largest runs predicted from the others; the methods side by side
    trusted                  the method a plan follows, by the rule of `law.trusted_method`
    warnings                 in plain words, worst first
    checklist                the (Mis)Fitting checklist (Li et al. 2025)
    """

    format: int = 1
    counting: str
    data: Data
    parametric: Parametric | None
    isoflop: IsoFlop | None
    akima: Akima | None = None
    envelope: Envelope | None = None
    held_out: HeldOut | None
    agreement: Agreement | None
    trusted: Method
    draws: int
    seed: int
    warnings: list[str]
    checklist: dict[str, str]
    published: str | None = None
    """Paper and place of a published law (laws/published.toml), which has no runs here; null for a fitted one."""

    def by(self, method: Method) -> Lines | Parametric | None:
        """What one method found; None where it could not be computed."""
        found: dict[Method, Lines | Parametric | None] = {
            "isoflop": self.isoflop,
            "akima": self.akima,
            "envelope": self.envelope,
            "parametric": self.parametric,
        }
        return found[method]
