"""What the fit of a form found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smelt.laws.findings.figures import Estimate, Record


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
