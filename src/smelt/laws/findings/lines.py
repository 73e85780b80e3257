"""What the approaches that draw lines found."""

from __future__ import annotations

from smelt.laws.findings.figures import Estimate, Interval, Record, Span


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
    scatter: float = 1.0
    """By how much the intervals are widened for that: the root of chi-square over its degrees of freedom."""


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
