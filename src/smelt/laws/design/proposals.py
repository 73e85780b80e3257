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
from collections.abc import Iterable, Sequence
from typing import TypeVar

from smelt.laws.design.candidates import FORM_SPAN, around_form, around_valley, spanned
from smelt.laws.design.designs import TIE, Candidate, Design, FormDesign, LineDesign, cost_of, no_design
from smelt.laws.design.valley import fit_valley
from smelt.laws.findings import Method, Record
from smelt.laws.law import ScalingLaw
from smelt.laws.points import Points
from smelt.units import format_count

LOOK_AHEAD = 32
"""Moves looked ahead for what a goal will cost: some eight rounds, beyond which no plan is kept (taste)."""
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
        moves = [move for move in design.moves(offered) if len(move) <= k - len(found) and cost_of(move) <= spend]
        best = _best(design, moves)
        if best is None:
            return found
        after = design.adding(best)
        why = "narrows" if len(best) == 1 else "opens a budget"
        found += [_proposed(run, design=design, after=after, why=why) for run in best]
        spend -= cost_of(best)
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
        return form, around_form(points, form, span=span or FORM_SPAN) if candidates is None else candidates
    valley = fit_valley(points)
    if valley is None:
        raise no_design("the runs have no minimum in common: loss must bend upwards over size at two budgets or more")
    span = span or spanned(points, valley)
    line = LineDesign.of(points, valley, target_flops=target_flops, span=span)
    return line, around_valley(points, valley, span=span) if candidates is None else candidates


def _best(design: Design, moves: Iterable[tuple[Candidate, ...]]) -> tuple[Candidate, ...] | None:
    """The move that takes most variance off a FLOP; from no variance at all, the cheapest that leads to one."""
    best, most = None, 0.0
    before = design.sd
    for move in moves:
        after = design.adding(move).sd
        if not math.isfinite(after):
            continue
        gained = (before**2 - after**2 if math.isfinite(before) else 1.0) / cost_of(move)
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
        if best is None or cost + cost_of(best) > most:
            return math.inf
        cost += cost_of(best)
        design = design.adding(best)
    return math.inf


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


def _known_to(run: ProposedRun) -> str:
    before, after = (f"x{math.exp(1.96 * sd):.3f}" if sd is not None else "?" for sd in (run.sd_before, run.sd_after))
    return f"{before} -> {after}"


def _by(runs: Sequence[ProposedRun]) -> str:
    return "parabolas" if runs[0].method == "isoflop" else "parametric form"
