"""From a table of runs to a law: every method that can be computed, what they agree on, and what to doubt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from smelt.errors import InputError
from smelt.laws import lines
from smelt.laws.checklist import checklist
from smelt.laws.doubts import doubts
from smelt.laws.findings import METHOD_NAMES, Data, Findings, HeldOut, Largest, Lines, Method, Parametric, Span
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.resampling import Resampling, usual
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.law import ScalingLaw, trusted_method
from smelt.laws.methods import NEEDED
from smelt.laws.overhead import Overhead
from smelt.laws.parametric import fit_parametric
from smelt.laws.points import COUNTING, Points
from smelt.laws.validate import agreement, largest, split, validate


@dataclass(frozen=True, slots=True)
class Settings:
    """How a law is derived."""

    form: Form = FORMS["chinchilla"]
    draws: int = 1000
    """Bootstrap draws of each method; 1,000 know the ends of a 95% interval to about 5% of its width."""
    seed: int = 0
    objective: Objective = field(default_factory=Objective)
    resampling: Resampling | None = None
    """What the bootstrap of the form draws anew: residuals, runs, seeds or budgets; None for `resampling.usual`."""
    hold_out: Largest = "flops"
    """Which runs are predicted from the others: those of the largest budget, or those of the largest N."""
    method: Method | None = None
    """The method to follow; None leaves it to `trusted_method`."""


def derive_law(
    runs: pl.DataFrame, settings: Settings | None = None, held_out: NDArray[np.bool_] | None = None
) -> ScalingLaw:
    """The law of a table of runs (columns as in `Points.from_frame`, and epochs and bpb if known).

    `held_out` (rows of the table) names the runs to be predicted from the others, instead of the largest. The law
    itself stands on all runs, whichever are held out to test it. Raises InputError where no method can be applied, or
    not the one that the settings name.
    """
    settings = settings or Settings()
    rows, dropped = Points.from_frame(runs, other=settings.form.further)
    points = rows.final
    parametric, theta_draws = _parametric(points, settings)
    surface = (settings.form, np.array(list(parametric.theta.values()))) if parametric else None
    isoflop, isoflop_draws = lines.isoflop_lines(points.alike, surface, draws=settings.draws, seed=settings.seed)
    akima, akima_draws = lines.akima_lines(points.alike, draws=settings.draws, seed=settings.seed)
    envelope, envelope_draws = lines.envelope_lines(rows.alike, draws=settings.draws, seed=settings.seed)
    trusted = trusted_method(isoflop, parametric, akima, envelope)
    if trusted is None:
        raise _too_little(points, settings.form)
    findings = Findings(
        counting=COUNTING,
        data=_data(runs, rows, dropped),
        parametric=parametric,
        isoflop=isoflop,
        akima=akima,
        envelope=envelope,
        held_out=_held_out(runs, points, settings, held_out),
        agreement=None,
        trusted=trusted,
        draws=settings.draws,
        seed=settings.seed,
        warnings=[],
        checklist={},
    )
    findings = _following(findings, settings.method)
    law = ScalingLaw(findings, pl.DataFrame(theta_draws | isoflop_draws | akima_draws | envelope_draws))
    findings = findings.model_copy(update={"agreement": agreement(law)})
    said = {"warnings": doubts(findings), "checklist": checklist(findings, runs)}
    return replace(law, findings=findings.model_copy(update=said))


def _parametric(points: Points, settings: Settings) -> tuple[Parametric | None, dict[str, Floats]]:
    return fit_parametric(
        points,
        settings.form,
        objective=settings.objective,
        draws=settings.draws,
        seed=settings.seed,
        by=settings.resampling or usual(len(points)),
    )


def _held_out(
    runs: pl.DataFrame, points: Points, settings: Settings, chosen: NDArray[np.bool_] | None
) -> HeldOut | None:
    held = largest(points, by=settings.hold_out) if chosen is None else split(runs, chosen, other=settings.form.further)
    if held is None:
        return None
    return validate(held, settings.form, objective=settings.objective, seed=settings.seed)


def _following(findings: Findings, method: Method | None) -> Findings:
    """With the method that the settings name as the one to follow; InputError where it has no optimum."""
    if method is None:
        return findings
    found = findings.by(method)
    if found is None or (isinstance(found, Lines) and found.d_opt is None):
        raise InputError(
            where="the run table",
            what=f"gives no optimum by the {METHOD_NAMES[method]}, the method asked for",
            expected=NEEDED[method],
            do=f"name no method: these runs would follow the {METHOD_NAMES[findings.trusted]}",
        )
    return findings.model_copy(update={"trusted": method})


def _data(runs: pl.DataFrame, rows: Points, dropped: dict[str, str]) -> Data:
    points = rows.final
    epochs, overhead = _positive(runs, "epochs"), Overhead.of(points)
    return Data(
        n_runs=runs.height,
        n_used=len(points),
        dropped=dropped,
        checkpoints=len(rows) - len(points),
        budgets_recognised=bool(len(points.budgets)) and "budget_flops" not in runs.columns,
        budgets=[float(budget) for budget in points.budgets],
        flops=Span.of(points.flops),
        n_params=Span.of(points.n_params),
        n_tokens=Span.of(points.n_tokens),
        overhead=[(float(n), float(ratio)) for n, ratio in zip(overhead.n_params, overhead.ratio, strict=True)],
        epochs=Span.of(epochs) if len(epochs) else None,
        unique_tokens=_median_ratio(runs, "n_tokens", "epochs"),
        typical=points.typical,
        bpb_per_nat=_median_ratio(runs, "bpb", "loss_nats"),
    )


def _median_ratio(runs: pl.DataFrame, above: str, below: str) -> float | None:
    """The median of one column over another; None where the table lacks one."""
    if not {above, below} <= set(runs.columns):
        return None
    ratio = (runs[above] / runs[below]).drop_nulls()
    ratio = ratio.filter(ratio.is_finite())
    return float(np.median(ratio.to_numpy())) if len(ratio) else None


def _positive(runs: pl.DataFrame, name: str) -> Floats:
    if name not in runs.columns:
        return np.empty(0)
    values = runs[name].drop_nulls().to_numpy().astype(np.float64)
    return values[values > 0]


def _too_little(points: Points, form: Form) -> InputError:
    return InputError(
        where="the run table",
        what=f"holds {len(points)} usable runs at {len(points.budgets)} budgets, too few for a law",
        expected=f"at least {len(form.parameters) + 1} runs, or two budgets of three sizes with their minima inside",
        do="add sizes or budgets to the ladder",
    )
