"""What to doubt about a law, in plain words.

Nothing is refused here: a law that cannot be trusted says so, and the plan made of it repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator

from scipy.special import bdtr

from smelt.laws.findings import (
    METHOD_NAMES,
    Agreement,
    CurveMinimum,
    Dropping,
    Envelope,
    Findings,
    HeldOut,
    IsoFlop,
    Method,
    Parametric,
)
from smelt.laws.forms import FORMS
from smelt.laws.forms.repeated import MANY_EPOCHS
from smelt.laws.law import MISFIT
from smelt.units import format_count

FEW_BUDGETS = 4
"""Below, little is left to tell a power law from a bend (Hoffmann et al. 2022 used nine budgets)."""
NARROW = 10
"""Budgets that span less than this factor say little of a trend."""
SURPRISING = 0.05
"""p below which the minima scatter more about their line than noise explains."""
BIASED = 1.05
"""A bias of N* by more than this factor is worth a sentence: taste."""
MUCH_EDGE = 0.25
"""Share of the envelope held by the smallest or largest size from which one should know: taste."""
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
COVERED = 0.8
"""Share of held-out runs in their 95% intervals that is good enough however many they are: taste."""
MISSED = 0.01
"""p below which too few held-out runs lie in their 95% intervals: with three of five the chance is 2%, with two .1%."""


def doubts(findings: Findings) -> list[str]:
    """Every doubt, the gravest kind first."""
    return [
        *_about_agreement(findings),
        *(_about_isoflop(findings.isoflop) if findings.isoflop else _without_budgets()),
        *(_about_bias(findings.isoflop, findings.parametric) if findings.isoflop else ()),
        *(_about_misfit(findings.isoflop, findings.parametric) if findings.isoflop else ()),
        *(_about_envelope(findings.envelope, findings.trusted) if findings.envelope else ()),
        *(_about_parametric(findings.parametric, findings) if findings.parametric else _without_form(findings)),
        *(_about_held_out(findings.held_out) if findings.held_out else ()),
        *_about_form(findings.parametric),
        *_about_data(findings),
    ]


def _about_agreement(findings: Findings) -> Iterator[str]:
    agreement = findings.agreement
    if agreement is None or agreement.agree:
        return
    quarrels = _and([f"{METHOD_NAMES[one]} against {METHOD_NAMES[other]}" for one, other in agreement.disagreeing])
    yield (
        f"The methods disagree beyond their intervals ({quarrels}): at {agreement.flops:.2g} FLOPs the best model has "
        f"{_sizes(agreement)}, a factor of {agreement.factor:.2g}. Do not extrapolate from any of them without more "
        "runs."
    )


def _sizes(agreement: Agreement) -> str:
    """What each method that is judged says of N* and of its exponent."""
    return _and([f"{_size(agreement, method)} by the {METHOD_NAMES[method]}" for method in agreement.judged])


def _size(agreement: Agreement, method: Method) -> str:
    exponent = agreement.exponents.get(method)
    growing = f", as C^{exponent.mid:.2f}," if exponent else ""
    return f"{agreement.n_opt[method].in_words()} parameters{growing}"


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


def _about_bias(isoflop: IsoFlop, parametric: Parametric | None) -> Iterator[str]:
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


def _about_misfit(isoflop: IsoFlop, parametric: Parametric | None) -> Iterator[str]:
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


def _about_envelope(envelope: Envelope, trusted: Method) -> Iterator[str]:
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


def _about_parametric(parametric: Parametric, findings: Findings) -> Iterator[str]:
    if parametric.loose:
        said = "; ".join(_loose_range(parametric, name) for name in parametric.loose)
        yield f"These runs do not identify {_and(parametric.loose)} of the parametric form: {said}."
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
                f"Without {_counted(worst, which)} ({', '.join(sorted(runs))}) {_moved(dropping, parametric, worst)}, "
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
        named = _and([f"{run.run} ({run.errors:.2g})" for run in alone[:NAMED]])
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


def _about_held_out(held_out: HeldOut) -> Iterator[str]:
    if held_out.covered is None:
        return
    inside = round(held_out.covered * held_out.n)
    if held_out.covered < COVERED and bdtr(inside, held_out.n, 0.95) < MISSED:
        lie = {0: "none lies", 1: "one lies"}.get(inside, f"only {inside} lie")
        yield (
            f"Of {held_out.n} runs held out ({held_out.what}) {lie} in the 95% interval that the others give them: the "
            "form does not hold as far as that."
        )


def _about_form(parametric: Parametric | None) -> Iterator[str]:
    if parametric is None or {"N", "D"} <= set(FORMS[parametric.form].variables):
        return
    yield (
        f"{parametric.formula} does not say what a larger model and what more data are each worth: it predicts, and "
        "has no optimal split of a budget."
    )


def _about_data(findings: Findings) -> Iterator[str]:
    data = findings.data
    if data.budgets_recognised:
        yield (
            f"The table names no budgets: {len(data.budgets)} were recognised, each by three or more sizes whose "
            "FLOPs agree within a tenth and lie far from all others."
        )
    if data.checkpoints:
        yield (
            f"{data.checkpoints} rows are checkpoints before the end of their run (rows of one run and size): only the "
            "envelope uses them. Runs of their own need names of their own."
        )
    if data.dropped:
        reasons = "; ".join(f"{run}: {reason}" for run, reason in sorted(data.dropped.items())[:3])
        yield f"{len(data.dropped)} of {data.n_runs} runs were left out ({reasons})."
    counts_repeats = findings.parametric is not None and "U" in FORMS[findings.parametric.form].variables
    if data.epochs is not None and data.epochs.greatest > MANY_EPOCHS and not counts_repeats:
        yield (
            f"Some runs saw their data {data.epochs.greatest:.2g} times: beyond {MANY_EPOCHS} epochs a token is worth "
            "less than a fresh one, and the law counts it in full."
        )


def _without_budgets() -> Iterator[str]:
    yield "No budget has three sizes that are alike in all else: the optimum rests on the parametric form alone."


def _without_form(findings: Findings) -> Iterator[str]:
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


def _counted(count: int, what: str) -> str:
    return f"the {count} {what}" if count > 1 else f"the one run with the {what.removesuffix('es')}"


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
