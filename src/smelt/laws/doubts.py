"""What to doubt about a law, in plain words.

Nothing is refused here: a law that cannot be trusted says so, and the plan made of it repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator

from smelt.laws.findings import METHOD_NAMES, BudgetMinimum, Findings, IsoFlop, Parametric
from smelt.units import format_count

FEW_BUDGETS = 4
"""Below, little is left to tell a power law from a bend (Hoffmann et al. 2022 used nine budgets)."""
NARROW = 10
"""Budgets that span less than this factor say little of a trend."""
MANY_EPOCHS = 4
"""Up to here repeated data are nearly as good as fresh (Muennighoff et al. 2023)."""
SURPRISING = 0.05
"""p below which the minima scatter more about their line than noise explains."""
FEW_STARTS = 0.01
"""Share of starts at the optimum below which there may be a better one nobody found."""


def doubts(findings: Findings) -> list[str]:
    """Every doubt, the gravest kind first."""
    return [
        *_about_agreement(findings),
        *(_about_isoflop(findings.isoflop) if findings.isoflop else _without_budgets()),
        *(_about_parametric(findings.parametric, findings) if findings.parametric else _without_form(findings)),
        *_about_data(findings),
    ]


def _about_agreement(findings: Findings) -> Iterator[str]:
    agreement = findings.agreement
    if agreement is None or agreement.agree:
        return
    said = " and ".join(f"{format_count(n.mid)} by the {METHOD_NAMES[method]}" for method, n in agreement.n_opt.items())
    yield (
        f"The methods disagree beyond their intervals: at {agreement.flops:.2g} FLOPs the best model has {said} "
        f"parameters, a factor of {agreement.factor:.2g}. Do not extrapolate from either without more runs."
    )


def _about_isoflop(isoflop: IsoFlop) -> Iterator[str]:
    usable = [minimum for minimum in isoflop.budgets if minimum.in_line]
    if not isoflop.usable:
        yield (
            f"Only {len(usable)} of {len(isoflop.budgets)} budgets have a minimum inside the sizes tried and clear of "
            "noise; the line through the minima needs three to be trusted."
        )
    elif len(usable) < FEW_BUDGETS:
        yield f"The exponents stand on {len(usable)} budgets: too few to see whether they change with scale."
    if len(usable) > 1 and usable[-1].budget_flops < NARROW * usable[0].budget_flops:
        factor = usable[-1].budget_flops / usable[0].budget_flops
        yield f"The budgets span only a factor of {factor:.2g}: a trend over so short a range is mostly noise."
    for minimum in isoflop.budgets:
        yield from _about_minimum(minimum)
    if isoflop.d_opt is not None and isoflop.d_opt.slope.ci95 is None:
        yield "There are too few sizes a budget to tell noise from curve: the parabolas have no intervals."
    if isoflop.d_opt is not None and isoflop.d_opt.excess is not None and isoflop.d_opt.excess < SURPRISING:
        yield (
            "The minima scatter about their line more than the noise of the runs explains: something else differs "
            "between budgets, and the exponents' intervals are too narrow."
        )


def _about_minimum(minimum: BudgetMinimum) -> Iterator[str]:
    budget = f"{minimum.budget_flops:.2g} FLOPs"
    if minimum.n_opt is None:
        yield f"At {budget} loss against size bends downwards: there is no minimum to be had."
    elif not minimum.interior:
        yield (
            f"At {budget} the minimum ({format_count(minimum.n_opt.mid)} parameters) lies at or beyond the edge of the "
            "sizes tried; it is left out. Try sizes on that side."
        )
    elif minimum.flat:
        yield (
            f"At {budget} the curve is too flat for its noise: the best size is {minimum.n_opt.in_words()} parameters; "
            "it is left out. Try a wider range of sizes, or more seeds."
        )


def _about_parametric(parametric: Parametric, findings: Findings) -> Iterator[str]:
    if parametric.loose:
        said = "; ".join(f"{name} is {_loose_range(parametric, name)}" for name in parametric.loose)
        yield f"These runs do not identify {_and(parametric.loose)} of the parametric form: {said}."
    if not parametric.usable:
        trust = ": trust the parabolas" if findings.trusted == "isoflop" else ""
        yield f"The parametric fit {parametric.formula} is not usable at this scale{trust}."
    if parametric.at_optimum < FEW_STARTS:
        yield f"Only {parametric.at_optimum:.1%} of {parametric.n_starts} starts reached the optimum of the fit."


def _about_data(findings: Findings) -> Iterator[str]:
    data = findings.data
    if data.dropped:
        reasons = "; ".join(f"{run}: {reason}" for run, reason in sorted(data.dropped.items())[:3])
        yield f"{len(data.dropped)} of {data.n_runs} runs were left out ({reasons})."
    if data.epochs is not None and data.epochs.greatest > MANY_EPOCHS:
        yield (
            f"Some runs saw their data {data.epochs.greatest:.2g} times: beyond {MANY_EPOCHS} epochs a token is worth "
            "less than a fresh one, and the law counts it in full."
        )


def _without_budgets() -> Iterator[str]:
    yield "No budget has three sizes: the optimum rests on the parametric form alone."


def _without_form(findings: Findings) -> Iterator[str]:
    yield f"With {findings.data.n_used} runs there is no parametric fit: losses away from the optimum are unknown."


def _loose_range(parametric: Parametric, name: str) -> str:
    ends = parametric.params[name].ci95
    if ends is None:
        return "anywhere"
    low = f"{ends[0]:.2g}" if abs(ends[0]) > 1e-3 else "0"  # a floor of 1e-12 nats is none
    return f"anywhere from {low} to {ends[1]:.2g}"


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
