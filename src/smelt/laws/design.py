"""Which runs to train next: those that narrow the interval of N* at a target budget most, for their compute.

A run is worth what it takes off Var(ln N*(target)), over its FLOPs. Both methods have that variance in closed form, by
the delta method, and it does not depend on the loss that the run will have: so it is known before the run is paid for
(Atkinson, Donev & Tobias 2007, chapters 10 and 17: c-optimal designs for functions of the parameters, built one run at
a time).

    parabolas   L = l(C) + k (ln N - ln N*(C))^2, ln N* = a + b ln C, one bend k for all budgets. Beside the scale
                (noise / 2k)^2 the variance is geometry alone: at each budget [(X'X)^-1] of the slope at the minimum,
                X = (1, u, u^2), u = ln N - ln N*; over the budgets the squared weights that a line gives them at the
                target. So runs at the ends of the sizes tell most (u^2), cheap budgets far from the target give the
                line its lever, and how many runs go to each follows |weight| / sqrt(cost) (Elfving 1952).
    form        (c'M^-1 c) with M the information of the runs about theta and c the gradient of ln N*(target).

Why one bend for all budgets: a bend of each budget's own is known to tens of per cent from five runs, and a design that
follows it chases noise. The parametric form would say how the bend changes, but is not identified on a small ladder.

What no design may buy is a wider range of sizes: u^2 rewards it without end, while a parabola off its minimum is biased
by the cube. So sizes stay within `span` of N*, and budgets within those at hand and one step beyond.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, Self, TypeVar

import numpy as np

from smelt.errors import InputError
from smelt.laws.findings import Method, Record
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.law import ScalingLaw
from smelt.laws.minima import SIZES
from smelt.laws.overhead import Overhead
from smelt.laws.points import Points
from smelt.laws.valley import Valley, fit_valley
from smelt.units import format_count

REPEAT_SHARE = 0.5
"""Share of a run's noise that a second seed of the same size does not average out: runs scatter about their curve by
.01 to .036 nats, seeds of one size by .013 (ladders of 23 runs of 2e10 to 5e11 FLOPs, 2026-11). A second seed is
worth a third of a first run; another size nearby is worth more."""
OFFSETS = 9
"""Sizes offered at each budget where the caller names none."""
FORM_SPAN = 8.0
"""How far from N* sizes are offered to a parametric form, which needs runs off the optimum to tell A from B
(IsoFLOP grids reach 4x to 8x either side: Hoffmann et al. 2022, figure 3)."""
LOOK_AHEAD = 32
"""Moves looked ahead for what a goal will cost: some eight rounds, beyond which no plan is kept (taste)."""
TIE = 1e-9
"""Scores this close are one: the earlier candidate is taken, however sums are rounded."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that could be trained."""

    budget_flops: float
    n_params: float
    """All parameters."""
    size: float
    """N of the fits: FLOPs a token over 6."""

    @property
    def n_tokens(self) -> float:
        """What the budget pays for."""
        return self.budget_flops / (6 * self.size)


C = TypeVar("C", bound=Candidate)


class ProposedRun(Record):
    """A run to train next, and what it is expected to do."""

    budget_flops: float
    n_params: float
    n_tokens: float
    flops: float
    method: Method
    """By which N* is read off."""
    sd_before: float | None
    """Standard error of ln N* at the target before this run; null where the runs have none yet."""
    sd_after: float | None
    why: str


def next_runs(
    points: Points,
    target_flops: float,
    k: int,
    *,
    law: ScalingLaw | None = None,
    candidates: Sequence[Candidate] | None = None,
    span: float | None = None,
    spend: float = math.inf,
) -> list[ProposedRun]:
    """The k runs that most narrow N* at `target_flops` for their FLOPs, in the order of their worth.

    By the method that `law` trusts, else by the parabolas. `candidates` are the runs to choose from: by default sizes
    around N* at the budgets of the runs and at one step beyond. `span` bounds the sizes, N* times and over it: by
    default what the runs themselves span. Raises InputError where there is nothing yet to improve on.
    """
    design, offered = _start(points, target_flops, law=law, candidates=candidates, span=span)
    found: list[ProposedRun] = []
    while len(found) < k:
        moves = [move for move in design.moves(offered) if len(move) <= k - len(found) and _cost(move) <= spend]
        best = _best(design, moves)
        if best is None:
            return found
        after = design.adding(best)
        why = "narrows" if len(best) == 1 else "opens a budget"
        found += [_proposed(run, design=design, after=after, why=why) for run in best]
        spend -= _cost(best)
        design = after
    return found


def worth_offering(
    points: Points, target_flops: float, shrink: float, *, candidates: Sequence[C], span: float
) -> Sequence[C]:
    """The candidates, without the budgets that have no runs yet where those at hand suffice for less.

    To suffice is to bring the standard error of ln N* to `shrink` times what it is. Run by run the worth of a new
    budget is looked at alone, and the last small step may be cheaper than its three runs.
    """
    line, _ = _start(points, target_flops, law=None, candidates=candidates, span=span)
    known = set(points.budgets)
    at_hand = [run for run in candidates if run.budget_flops in known]
    most = _cost_of_reaching(line, candidates, line.sd * shrink, most=math.inf)
    if math.isinf(most):
        return candidates
    enough = math.isfinite(_cost_of_reaching(line, at_hand, line.sd * shrink, most=most))
    return at_hand if enough else candidates


def in_words(runs: Sequence[ProposedRun], target_flops: float) -> str:
    """A table for people, and what it comes to."""
    if not runs:
        return "No affordable run would narrow the interval of N*."
    rows = [("budget", "parameters", "tokens", "N* known to", "")]
    rows += [
        (f"{run.budget_flops:.3g}", format_count(run.n_params), format_count(run.n_tokens), _known_to(run), run.why)
        for run in runs
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    total = sum(run.flops for run in runs)
    head = f"The next {len(runs)} runs for N* at {target_flops:.3g} FLOPs: {total:.3g} FLOPs in all."
    return "\n".join([head, *lines, f"(N* within that factor either way, at 95%, by the {_by(runs)})"])


class Design(Protocol):
    """Runs at hand, and how well they tell ln N* at a target."""

    @property
    def method(self) -> Method: ...

    @property
    def sd(self) -> float:
        """Standard error of ln N* at the target; infinite where the runs have none yet."""
        ...

    def moves(self, candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
        """What can be added at once: a run, or the runs that a parabola needs."""
        ...

    def adding(self, runs: Iterable[Candidate]) -> Self:
        """The design with these runs too."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LineDesign:
    """The line through the minima of parabolas."""

    valley: Valley
    log_target: float
    span: float
    offsets: Mapping[float, tuple[float, ...]]
    """u = ln N - ln N* of the runs, by budget."""
    method: Method = "isoflop"

    @classmethod
    def of(cls, points: Points, valley: Valley, *, target_flops: float, span: float) -> Self:
        """The design of runs."""
        bare = cls(valley=valley, log_target=math.log(target_flops), span=span, offsets={})
        return bare.adding(
            Candidate(budget_flops=float(budget), n_params=float(n), size=float(size))
            for budget, n, size in zip(points.budget_flops, points.n_params, points.size, strict=True)
            if np.isfinite(budget)
        )

    @property
    def sd(self) -> float:
        """Of ln N* by an unweighted line, as isoflop.py draws it, through the budgets that have three sizes."""
        known = {budget: u for budget, u in self.offsets.items() if len(set(u)) >= SIZES}
        if len(known) < 2:
            return math.inf
        weights = line_weights(np.log(list(known)), self.log_target)
        vertices = [self.valley.noise.sd(budget) ** 2 * vertex_variance(u) for budget, u in known.items()]
        return math.sqrt(float(weights**2 @ vertices)) / (2 * self.valley.bend)

    def moves(self, candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
        """A size within the span; at a budget without a parabola, the least, middle and largest that it lacks."""
        found: list[tuple[Candidate, ...]] = []
        reach = math.log(self.span) * (1 + TIE)
        for budget in sorted({run.budget_flops for run in candidates}):
            near = [run for run in candidates if run.budget_flops == budget and abs(self._offset(run)) <= reach]
            if len(set(self.offsets.get(budget, ()))) >= SIZES:
                found += [(run,) for run in near]
            elif len(near) >= SIZES:
                found.append(self._opening(near, self.offsets.get(budget, ())))
        return found

    def adding(self, runs: Iterable[Candidate]) -> Self:
        """The design with these runs too."""
        offsets = dict(self.offsets)
        for run in runs:
            offsets[run.budget_flops] = (*offsets.get(run.budget_flops, ()), self._offset(run))
        return replace(self, offsets=dict(sorted(offsets.items())))

    def _offset(self, run: Candidate) -> float:
        return round(math.log(run.size) - self.valley.log_n_opt(run.budget_flops), 9)

    def _opening(self, near: Sequence[Candidate], have: Sequence[float]) -> tuple[Candidate, ...]:
        """The least size, the one nearest to N* and the largest, without those that are there."""
        ordered = sorted(near, key=self._offset)
        middle = min(ordered[1:-1], key=lambda run: abs(self._offset(run)))
        return tuple(run for run in (ordered[0], middle, ordered[-1]) if self._offset(run) not in have)


@dataclass(frozen=True, slots=True, eq=False)
class FormDesign:
    """A parametric form, linear near its optimum."""

    form: Form
    theta: Floats
    gradient: Floats
    """Of ln N* at the target, by theta."""
    information: Floats
    """(P, P): sum over the runs of the outer products of d ln L / d theta."""
    noise_sd: float
    """Of ln L."""
    method: Method = "parametric"

    @classmethod
    def of(cls, points: Points, law: ScalingLaw, *, target_flops: float) -> Self:
        """The design of runs and the form fitted to them."""
        fitted = law.findings.parametric
        if fitted is None or set(FORMS[fitted.form].variables) != {"N", "D"}:
            raise _no_design("the law has no form of N and D to improve on")
        form = FORMS[fitted.form]
        theta = np.array([fitted.theta[name] for name in form.parameters])
        jacobian = _jacobian(form, theta, points.size, points.n_tokens)
        residuals = np.array([residual.residual for residual in fitted.residuals])
        return cls(
            form=form,
            theta=theta,
            gradient=_gradient(form, theta, math.log(target_flops / 6)),
            information=jacobian.T @ jacobian,
            noise_sd=float(np.sqrt(np.sum(residuals**2) / max(1, len(residuals) - len(theta)))),
        )

    @property
    def sd(self) -> float:
        """Of ln N* at the target."""
        variance = float(self.gradient @ np.linalg.pinv(self.information) @ self.gradient)
        return self.noise_sd * math.sqrt(max(variance, 0.0))

    def moves(self, candidates: Sequence[Candidate]) -> list[tuple[Candidate, ...]]:
        """Any run alone."""
        return [(run,) for run in candidates]

    def adding(self, runs: Iterable[Candidate]) -> Self:
        """The design with these runs too."""
        chosen = list(runs)
        sizes, tokens = np.array([run.size for run in chosen]), np.array([run.n_tokens for run in chosen])
        jacobian = _jacobian(self.form, self.theta, sizes, tokens)
        return replace(self, information=self.information + jacobian.T @ jacobian)


def line_weights(log_flops: Floats, log_target: float) -> Floats:
    """What a least-squares line through points at `log_flops` makes of each at the target."""
    apart = log_flops - log_flops.mean()
    return 1 / len(log_flops) + (log_target - log_flops.mean()) * apart / (apart @ apart)


@lru_cache(maxsize=4096)  # a design differs from the one before it at one budget
def vertex_variance(u: tuple[float, ...]) -> float:
    """Variance of a parabola's vertex in units of (noise / 2k)^2, for runs at u = ln N - ln N*.

    Runs of one and the same size share `REPEAT_SHARE` of their noise: m of them weigh as m / (1 + share (m - 1)).
    """
    _, group, counts = np.unique(u, return_inverse=True, return_counts=True)
    weights = 1 / (1 + REPEAT_SHARE * (counts[group] - 1))
    basis = np.vander(np.array(u), SIZES, increasing=True)
    return float(np.linalg.pinv(basis.T @ (weights[:, None] * basis))[1, 1])


def _start(
    points: Points,
    target_flops: float,
    *,
    law: ScalingLaw | None,
    candidates: Sequence[Candidate] | None,
    span: float | None,
) -> tuple[LineDesign | FormDesign, Sequence[Candidate]]:
    """The design of the runs at hand, and what may be added."""
    if law is not None and law.trusted == "parametric":
        form = FormDesign.of(points, law, target_flops=target_flops)
        return form, _around_form(points, form, span=span or FORM_SPAN) if candidates is None else candidates
    valley = fit_valley(points)
    if valley is None:
        raise _no_design("the runs have no minimum in common: loss must bend upwards over size at two budgets or more")
    span = span or _spanned(points, valley)
    line = LineDesign.of(points, valley, target_flops=target_flops, span=span)
    return line, _around_valley(points, valley, span=span) if candidates is None else candidates


def _best(design: Design, moves: Iterable[tuple[Candidate, ...]]) -> tuple[Candidate, ...] | None:
    """The move that takes most variance off a FLOP; from no variance at all, the cheapest that leads to one."""
    best, most = None, 0.0
    before = design.sd
    for move in moves:
        after = design.adding(move).sd
        if not math.isfinite(after):
            continue
        gained = (before**2 - after**2 if math.isfinite(before) else 1.0) / _cost(move)
        if gained > most * (1 + TIE):
            best, most = move, gained
    return best


def _cost_of_reaching(design: Design, candidates: Sequence[Candidate], sd: float, *, most: float) -> float:
    """FLOPs of the runs that bring ln N* to a standard error, by their order of worth; infinite if beyond `most`."""
    cost = 0.0
    for _ in range(LOOK_AHEAD):
        if design.sd <= sd:
            return cost
        best = _best(design, design.moves(candidates))
        if best is None or cost + _cost(best) > most:
            return math.inf
        cost += _cost(best)
        design = design.adding(best)
    return math.inf


def _around_valley(points: Points, valley: Valley, *, span: float) -> list[Candidate]:
    """Sizes within the span of N*, at the budgets of the runs and one step beyond."""
    overhead = Overhead.of(points)
    budgets = [float(budget) for budget in points.budgets]
    step = float(np.exp(np.median(np.diff(np.log(budgets)))))
    return [
        _candidate(budget, valley.log_n_opt(budget) + offset, overhead)
        for budget in (*budgets, budgets[-1] * step)
        for offset in np.linspace(-math.log(span), math.log(span), OFFSETS)
    ]


def _around_form(points: Points, design: FormDesign, *, span: float) -> list[Candidate]:
    """Sizes within the span of N*, at five budgets from the least to the most FLOPs of the runs."""
    overhead = Overhead.of(points)
    found: list[Candidate] = []
    for budget in np.geomspace(points.flops.min(), points.flops.max(), 5):
        best = float(design.form.optimal_log_n(design.theta, math.log(budget / 6)))
        if not math.isfinite(best):
            raise _no_design("the parametric form has no optimum: an exponent is not positive")
        offsets = np.linspace(-math.log(span), math.log(span), OFFSETS)
        found += [_candidate(float(budget), best + float(offset), overhead) for offset in offsets]
    return found


def _candidate(budget: float, log_size: float, overhead: Overhead) -> Candidate:
    size = math.exp(log_size)
    return Candidate(budget_flops=budget, n_params=float(overhead.n_params_of(size)), size=size)


def _spanned(points: Points, valley: Valley) -> float:
    """How far the runs of a budget go from its N*, in the median over the budgets."""
    reach = [
        np.max(np.abs(np.log(points.size[points.budget_flops == budget]) - valley.log_n_opt(float(budget))))
        for budget in points.budgets
    ]
    return float(np.exp(np.median(reach)))


def _jacobian(form: Form, theta: Floats, size: Floats, n_tokens: Floats) -> Floats:
    """d ln L / d theta: (runs, P)."""
    x = form.encode({"N": size, "D": n_tokens})
    jacobian = np.zeros((len(x), len(theta)))
    form.log_loss(theta, x, np.zeros(len(x)), jacobian)
    return jacobian


def _gradient(form: Form, theta: Floats, log_nd: float) -> Floats:
    """d ln N* / d theta, by central differences."""
    steps = 1e-5 * np.maximum(np.abs(theta), 1.0) * np.eye(len(theta))
    ends = [np.asarray(form.optimal_log_n(theta + sign * steps, log_nd)) for sign in (1, -1)]
    return (ends[0] - ends[1]) / (2 * steps.diagonal())


def _proposed(run: Candidate, *, design: Design, after: Design, why: str) -> ProposedRun:
    return ProposedRun(
        budget_flops=run.budget_flops,
        n_params=run.n_params,
        n_tokens=run.n_tokens,
        flops=run.budget_flops,
        method=design.method,
        sd_before=design.sd if math.isfinite(design.sd) else None,
        sd_after=after.sd,
        why=why,
    )


def _cost(runs: Iterable[Candidate]) -> float:
    return sum(run.budget_flops for run in runs)


def _known_to(run: ProposedRun) -> str:
    before, after = (f"x{math.exp(1.96 * sd):.3f}" if sd is not None else "?" for sd in (run.sd_before, run.sd_after))
    return f"{before} -> {after}"


def _by(runs: Sequence[ProposedRun]) -> str:
    return "parabolas" if runs[0].method == "isoflop" else "parametric form"


def _no_design(what: str) -> InputError:
    return InputError(
        where="the next runs",
        what=what,
        expected="a law with a minimum to narrow",
        do="train three sizes at each of two budgets first, around where you expect the best one",
    )
