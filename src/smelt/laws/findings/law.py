"""law.json itself: the data, runs held out, the methods side by side, and all that was found."""

from __future__ import annotations

from pydantic import Field

from smelt.laws.findings.figures import Interval, Method, Record, Span
from smelt.laws.findings.form import Parametric
from smelt.laws.findings.lines import Akima, Envelope, IsoFlop, Lines


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
    d_opt: dict[Method, Interval] = Field(default_factory=dict[Method, Interval])
    """Its tokens."""
    exponents: dict[Method, Interval] = Field(default_factory=dict[Method, Interval])
    """a of N* ~ C^a; a method without one is missing."""
    judged: list[Method] = Field(default_factory=list[Method])
    """The methods that are compared: those that are usable, and the trusted one; all where that leaves one."""
    disagreeing: list[tuple[Method, Method]] = Field(default_factory=list[tuple[Method, Method]])
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
