"""All doubts about a law, and those about it as a whole.

Nothing is refused here: a law that cannot be trusted says so, and the plan made of it repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator

from scipy.special import bdtr

from smelt.laws.doubts.form import about_form, about_parametric, without_form
from smelt.laws.doubts.lines import about_bias, about_envelope, about_isoflop, about_misfit, without_budgets
from smelt.laws.doubts.words import listed
from smelt.laws.findings import (
    METHOD_NAMES,
    Agreement,
    Findings,
    HeldOut,
    Method,
)
from smelt.laws.forms import FORMS
from smelt.laws.forms.repeated import MANY_EPOCHS

COVERED = 0.8
"""Share of held-out runs in their 95% intervals that is good enough however many they are: taste."""
MISSED = 0.01
"""p below which too few held-out runs lie in their 95% intervals: with three of five the chance is 2%, with two .1%."""


def doubts(findings: Findings) -> list[str]:
    """Every doubt, the gravest kind first."""
    return [
        *_about_agreement(findings),
        *(about_isoflop(findings.isoflop) if findings.isoflop else without_budgets()),
        *(about_bias(findings.isoflop, findings.parametric) if findings.isoflop else ()),
        *(about_misfit(findings.isoflop, findings.parametric) if findings.isoflop else ()),
        *(about_envelope(findings.envelope, findings.trusted) if findings.envelope else ()),
        *(about_parametric(findings.parametric, findings) if findings.parametric else without_form(findings)),
        *(_about_held_out(findings.held_out) if findings.held_out else ()),
        *about_form(findings.parametric),
        *_about_data(findings),
    ]


def _about_agreement(findings: Findings) -> Iterator[str]:
    agreement = findings.agreement
    if agreement is None or agreement.agree:
        return
    quarrels = listed([f"{METHOD_NAMES[one]} against {METHOD_NAMES[other]}" for one, other in agreement.disagreeing])
    yield (
        f"The methods disagree beyond their intervals ({quarrels}): at {agreement.flops:.2g} FLOPs the best model has "
        f"{_sizes(agreement)}, a factor of {agreement.factor:.2g}. Do not extrapolate from any of them without more "
        "runs."
    )


def _sizes(agreement: Agreement) -> str:
    """What each method that is judged says of N* and of its exponent."""
    return listed([f"{_size(agreement, method)} by the {METHOD_NAMES[method]}" for method in agreement.judged])


def _size(agreement: Agreement, method: Method) -> str:
    exponent = agreement.exponents.get(method)
    growing = f", as C^{exponent.mid:.2f}," if exponent else ""
    return f"{agreement.n_opt[method].in_words()} parameters{growing}"


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
