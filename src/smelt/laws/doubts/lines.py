"""What to doubt about curves and the lines through their minima."""

from __future__ import annotations

from collections.abc import Iterator

from smelt.laws.findings import (
    CurveMinimum,
    Envelope,
    IsoFlop,
    Method,
    Parametric,
)
from smelt.laws.law import MISFIT
from smelt.units import format_count

FEW_BUDGETS = 4
"""Below, little is left to tell a power law from a bend (Hoffmann et al. 2022 used nine budgets)."""
NARROW = 10
"""Budgets that span less than this factor say little of a trend."""
SURPRISING = 0.05
"""p below which curves count as lopsided."""
BIASED = 1.05
"""A bias of N* by more than this factor is worth a sentence: taste."""
MUCH_EDGE = 0.25
"""Share of the envelope held by the smallest or largest size from which one should know: taste."""


def about_isoflop(isoflop: IsoFlop) -> Iterator[str]:
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
    if isoflop.d_opt is not None and isoflop.d_opt.scatter > 1:
        yield (
            f"The minima scatter about their line {isoflop.d_opt.scatter:.2g} times as far as the noise of the runs "
            "explains: something else differs between budgets. The intervals of the line are widened by as much."
        )


def _about_minimum(minimum: CurveMinimum) -> Iterator[str]:
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


def about_bias(isoflop: IsoFlop, parametric: Parametric | None) -> Iterator[str]:
    """Whether the parabolas' minima are off because the curves are none: by the fitted form, and by the curves."""
    bias, lean = isoflop.bias, isoflop.asymmetry
    if bias is not None and parametric is not None and parametric.usable and _is_biased(bias.factor):
        yield (
            f"{'Cubics' if isoflop.cubic else 'Parabolas'} through these sizes are biased on a surface like the fitted "
            f"form: they put N* at {bias.factor:.2f} x the true one at the largest budget, and the exponent off by "
            f"{bias.exponent:+.3f}. The interpolated curves are free of it; sizes nearer to the minimum would mend it."
        )
    if lean is not None and lean.p < SURPRISING and (isoflop.cubic or lean.factor is None or _is_biased(lean.factor)):
        side = "large" if lean.t > 0 else "small"
        by_cubics = f": N* by parabolas is {lean.factor:.2f} x that by cubics" if lean.factor else ""
        what = "so cubics are fitted" if isoflop.cubic else "too unsure for cubics: compare the interpolated curves"
        yield (
            f"The IsoFLOP curves are not symmetric, and rise faster towards {side} models than parabolas do (cubic "
            f"term, t = {lean.t:.1f}){by_cubics}; {what}."
        )
    far = sum(minimum.n_runs - minimum.n_near for minimum in isoflop.budgets)
    if far:
        yield f"{far} runs lie too far above the least loss of their budget to tell of its minimum: none is fitted."


def about_misfit(isoflop: IsoFlop, parametric: Parametric | None) -> Iterator[str]:
    """Whether the runs know better than a form that they would identify."""
    misfit = isoflop.bias.misfit if isoflop.bias else None
    if misfit is not None and misfit < MISFIT and parametric is not None and parametric.usable:
        yield (
            "The parametric form leaves more of these runs than each budget's own curve does (F test, p = "
            f"{misfit:.1g}): it is not their true shape. Its intervals say how well its parameters are known, not that "
            "they are right; beyond the runs it is a guess."
        )


def _is_biased(factor: float) -> bool:
    return not 1 / BIASED < factor < BIASED


def about_envelope(envelope: Envelope, trusted: Method) -> Iterator[str]:
    """What is wrong with the envelope, where its runs have curves or a plan follows it."""
    if not envelope.from_curves and trusted != "envelope":
        return
    if envelope.intermediate:
        yield (
            f"{envelope.intermediate:.0%} of the envelope is held by checkpoints before the end of their run, at a "
            "learning rate that had not yet come down: unless it was constant, their losses are too high, and the "
            "envelope is biased. Runs as long as their budget allows would settle it."
        )
    if len({holder.run for holder in envelope.holders}) == 1:
        yield f"One run, {envelope.holders[0].run}, holds the whole envelope: it says nothing of how N* grows."
    elif not envelope.usable:
        yield f"Only {envelope.n_sizes} sizes hold the envelope: too few for a line through them to be trusted."
    if envelope.edge > MUCH_EDGE:
        yield (
            f"Along {envelope.edge:.0%} of the envelope the smallest or the largest size at hand is the best: these "
            "FLOPs are left out, since the best size may lie beyond."
        )


def without_budgets() -> Iterator[str]:
    yield "No budget has three sizes that are alike in all else: the optimum rests on the parametric form alone."
