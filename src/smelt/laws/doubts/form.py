"""What to doubt about the fit of a form."""

from __future__ import annotations

from collections.abc import Iterator

from smelt.laws.doubts.words import counted, listed
from smelt.laws.findings import (
    Dropping,
    Findings,
    Parametric,
)
from smelt.laws.forms import FORMS

FEW_STARTS = 0.01
"""Share of starts at the optimum below which there may be a better one nobody found."""
MOVED = 1.0
"""Standard errors that the exponent may move with a few runs left out."""
NAMED = 3
"""Influential runs that are named."""
APART = 2
"""Factor between the widths of a bootstrap's and a profile's interval that is worth a word: taste."""
TINY = 1e-12
"""No interval is narrower."""


def about_parametric(parametric: Parametric, findings: Findings) -> Iterator[str]:
    if parametric.loose:
        said = "; ".join(_loose_range(parametric, name) for name in parametric.loose)
        yield f"These runs do not identify {listed(parametric.loose)} of the parametric form: {said}."
    if not parametric.usable:
        trust = ": trust the parabolas" if findings.trusted == "isoflop" else ""
        yield f"The parametric fit {parametric.formula} is not usable at this scale{trust}."
    if parametric.at_optimum is not None and parametric.at_optimum < FEW_STARTS:
        yield f"Only {parametric.at_optimum:.1%} of {parametric.n_starts} starts reached the optimum of the fit."
    yield from parametric.caveats
    yield from _about_dropping(parametric)
    yield from _about_influence(parametric)
    yield from _about_intervals(parametric)


def _about_dropping(parametric: Parametric) -> Iterator[str]:
    """A few runs that move the exponent by more than its standard error, said once for each order of dropping them."""
    told: set[frozenset[str]] = set()
    for dropping in parametric.dropping:
        worst = max(range(len(dropping.errors)), key=lambda i, dropping=dropping: dropping.errors[i], default=0)
        runs = frozenset(dropping.runs[:worst])
        if worst and dropping.errors[worst] > MOVED and runs not in told:
            told.add(runs)
            which = {"loss": "largest losses", "residual": "worst fitted"}[dropping.by]
            yield (
                f"Without {counted(worst, which)} ({', '.join(sorted(runs))}) {_moved(dropping, parametric, worst)}, "
                f"{dropping.errors[worst]:.2g} standard errors: look at these runs before believing either."
            )


def _moved(dropping: Dropping, parametric: Parametric, count: int) -> str:
    """What moved, from where to where."""
    if dropping.exponent:
        return f"the exponent a goes from {dropping.exponent[0]:.3f} to {dropping.exponent[count]:.3f}"
    moves = {name: dropping.params[name] for name in dropping.params if name in parametric.params}
    errors = {name: parametric.params[name].se for name in moves}
    name = max(moves, key=lambda name: abs(moves[name][count] - moves[name][0]) / (errors[name] or float("inf")))
    return f"{name} goes from {moves[name][0]:.3g} to {moves[name][count]:.3g}"


def _about_influence(parametric: Parametric) -> Iterator[str]:
    alone = [run for run in parametric.influence if run.errors > MOVED]
    if alone:
        named = listed([f"{run.run} ({run.errors:.2g})" for run in alone[:NAMED]])
        more = f" and {len(alone) - NAMED} more" if len(alone) > NAMED else ""
        yield f"Single runs move the fit by more than a standard error (so many in brackets): {named}{more}."


def _about_intervals(parametric: Parametric) -> Iterator[str]:
    """Where the profile and the bootstrap say very different things of a parameter that the runs identify."""
    for name in parametric.judged:
        found, ends = parametric.identifiability.get(name), parametric.params[name].ci95
        if found is None or ends is None or name in parametric.loose:
            continue
        ours = f"the bootstrap has {ends[0]:.3g} to {ends[1]:.3g}"
        if found.low is None or found.high is None:
            yield f"By its profile {found.verdict}; {ours}. Believe the wider."
        elif not 1 / APART < (found.high - found.low) / max(ends[1] - ends[0], TINY) < APART:
            yield (
                f"The two intervals of {name} differ by more than a factor of {APART}: by its profile {found.verdict}, "
                f"{ours}. The runs differ in noise, or a few decide; believe the wider."
            )


def about_form(parametric: Parametric | None) -> Iterator[str]:
    if parametric is None or {"N", "D"} <= set(FORMS[parametric.form].variables):
        return
    yield (
        f"{parametric.formula} does not say what a larger model and what more data are each worth: it predicts, and "
        "has no optimal split of a budget."
    )


def without_form(findings: Findings) -> Iterator[str]:
    yield f"With {findings.data.n_used} runs there is no parametric fit: losses away from the optimum are unknown."


def _loose_range(parametric: Parametric, name: str) -> str:
    """By the profile, unless it is as sure as the bootstrap is not."""
    profile, ends = parametric.identifiability.get(name), parametric.params[name].ci95
    if profile is not None and (profile.low is None or profile.high is None or "anywhere" in profile.verdict):
        return profile.verdict
    if ends is None:
        return f"{name} is anywhere"
    if ends[1] - ends[0] <= abs(parametric.params[name].value):
        return f"{name} is without effect where the fit left it, at {parametric.params[name].value:.2g}"
    low = f"{ends[0]:.2g}" if abs(ends[0]) > 1e-3 else "0"  # a floor of 1e-12 nats is none
    return f"{name} is anywhere from {low} to {ends[1]:.2g}"
