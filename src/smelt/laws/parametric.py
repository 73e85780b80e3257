"""A form fitted to runs, as law.json says it: parameters with both intervals, residuals, and what the fit hangs on."""

from __future__ import annotations

import numpy as np

from smelt.laws.findings import Dropping, Estimate, Identifiability, Influence, Parametric, Residual
from smelt.laws.fitting import resampling
from smelt.laws.fitting.fit import Fit, bootstrap, exponent, fit
from smelt.laws.fitting.influence import By, drop_in_turn, leave_out_each
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.profile import Profile, profiles
from smelt.laws.fitting.resampling import Resampling
from smelt.laws.forms import LARGEST_LOG, Floats, Form
from smelt.laws.lines import exponents
from smelt.laws.points import Observations, Points

RUNS_A_PARAMETER = 2
"""Fewer, and a parametric fit is not trusted whatever its bootstrap says: assumption, not studied."""
EFFECT = 1e-6
"""A parameter that, moved by 1 (a size: by a factor of e), changes no loss by more than a millionth, has none."""
LISTED = 1_000
"""Residuals in law.json."""
EXPONENT = "exponent"
"""What a of N* ~ C^a is called among parameters, of which one may itself be an a."""
INFLUENTIAL = 10
"""Runs in law.json whose leaving out moves the fit most."""


def fit_parametric(
    points: Points, form: Form, *, objective: Objective, draws: int, seed: int, by: Resampling
) -> tuple[Parametric | None, dict[str, Floats]]:
    """The fit, and the bootstrap draws of theta by parameter; none with fewer runs than parameters."""
    if len(points) <= len(form.parameters):
        return None, {}
    seen = points.observations
    found = fit(form, seen, objective=objective)
    theta = bootstrap(found, seen, draws=draws, seed=seed, objective=objective, by=by)
    params = _estimates(form.named(found.theta), form.named(theta))
    slopes = exponents(exponent(form, found.theta, seen), exponent(form, theta, seen))
    flat = _without_effect(found, seen)
    loose = [name for name in form.judged if name in flat or _is_loose(params[name])]
    errors = _errors(form, params, slopes)
    followed = profiles(found, seen, objective=objective)
    return Parametric(
        form=form.name,
        formula=form.formula,
        source=form.source,
        fails=form.fails,
        params=params,
        theta={name: float(value) for name, value in zip(form.parameters, found.theta, strict=True)},
        exponents=slopes,
        objective=found.objective,
        objective_in_words=objective.in_words(),
        n_starts=found.n_starts,
        at_optimum=found.at_optimum,
        loose=loose,
        usable=not loose and len(points) >= RUNS_A_PARAMETER * len(form.parameters),
        residuals=_residuals(found, points),
        optimiser=_optimiser(found, objective),
        resampling=resampling.in_words(by),
        judged=list(form.judged),
        identifiability={_name(profile.parameter): _identifiability(profile) for profile in followed},
        influence=_influence(found, seen, objective, errors),
        dropping=[_dropping(found, seen, objective, errors, by=order) for order in ("loss", "residual")],
        caveats=caveats(found, followed),
    ), {name: theta[:, i] for i, name in enumerate(form.parameters)}


def verdict(profile: Profile) -> str:
    """What the runs say of a parameter, in words: "alpha is 0.322 to 0.370", "E has no lower end: ..."."""
    name = _name(profile.parameter)
    low, high = _ends(profile)
    if low is None:
        if high is None:
            return f"{name} is not identified at all: no value of it fits much worse than another"
        return f"{name} has no lower end: anything up to {_said(high)}"
    if high is None:
        return f"{name} has no upper end: anything from {_said(low)}"
    anywhere = "anywhere from " if high - low > max(abs(low), abs(high)) / 2 else ""
    return f"{name} is {anywhere}{_said(low)} to {_said(high)}"


def caveats(found: Fit, followed: list[Profile]) -> list[str]:
    """What befell the fit itself, in words."""
    said: list[str] = []
    if found.why_not_compiled is not None:
        said.append(
            f"The form {found.form.name} does not compile ({found.why_not_compiled}): it was fitted by scipy from the "
            f"{found.n_starts} most promising of its starts."
        )
    if found.n_sampled is not None:
        said.append(
            f"All starts were tried on {found.n_sampled} of the runs, and only the best of them fitted to all runs."
        )
    if better := [_name(profile.parameter) for profile in followed if profile.better]:
        said.append(
            f"A better fit than from any start turned up while {better[0]} was held: the optimum is not certain."
        )
    return said


def _identifiability(profile: Profile) -> Identifiability:
    low, high = _ends(profile)
    return Identifiability(
        values=[_value(profile.parameter, value) for value in profile.values],
        rise=[_brief(rise) for rise in np.minimum(profile.rise, np.finfo(np.float64).max)],
        limit=_brief(profile.limit),
        low=low,
        high=high,
        verdict=verdict(profile),
    )


def _errors(form: Form, params: dict[str, Estimate], slopes: dict[str, Estimate]) -> dict[str, float]:
    """Standard errors by which moves are judged: of the exponent; without one, of the judged parameters."""
    judged = {EXPONENT: slopes["a"]} if slopes else {name: params[name] for name in form.judged}
    return {name: estimate.se for name, estimate in judged.items() if estimate.se}


def _moves(found: Fit, theta: Floats, slopes: Floats, seen: Observations) -> dict[str, Floats]:
    """By how much every parameter, and the exponent, differ from the fit's, at thetas (fits, P)."""
    form = found.form
    now, then = form.named(theta), form.named(found.theta)
    with np.errstate(over="ignore", invalid="ignore"):
        moves = {name: np.asarray(now[name] - then[name], dtype=np.float64) for name in now}
        return {**moves, EXPONENT: slopes - exponent(form, found.theta, seen)}


def _in_errors(moves: dict[str, Floats], errors: dict[str, float]) -> Floats:
    """The largest move (fits) of those that are judged, in standard errors."""
    each = [np.abs(moves[name]) / error for name, error in errors.items()]
    return np.nan_to_num(np.max(each, axis=0)) if each else np.zeros(len(moves[EXPONENT]))


def _influence(found: Fit, seen: Observations, objective: Objective, errors: dict[str, float]) -> list[Influence]:
    left = leave_out_each(found, seen, objective=objective)
    moves, residuals = _moves(found, left.theta, left.exponent, seen), found.residuals(seen)
    far = _in_errors(moves, errors)
    return [
        Influence(
            run=seen.run[left.runs[i]],
            residual=_brief(residuals[left.runs[i]]),
            change={name: _brief(move[i]) for name, move in moves.items() if np.isfinite(move[i])},
            errors=_brief(far[i]),
        )
        for i in np.argsort(-far, kind="stable")[:INFLUENTIAL]
    ]


def _dropping(found: Fit, seen: Observations, objective: Objective, errors: dict[str, float], *, by: By) -> Dropping:
    dropped = drop_in_turn(found, seen, by=by, objective=objective)
    is_defined = bool(np.all(np.isfinite(dropped.exponent)))
    far = _in_errors(_moves(found, dropped.theta, dropped.exponent, seen), errors)
    return Dropping(
        by=by,
        runs=[seen.run[i] for i in dropped.runs],
        params={name: [_brief(v) for v in values] for name, values in found.form.named(dropped.theta).items()},
        exponent=[_brief(a) for a in dropped.exponent] if is_defined else [],
        errors=[_brief(move) for move in far],
    )


def _optimiser(found: Fit, objective: Objective) -> str:
    engine = "BFGS, weak Wolfe line search" if found.compiled else "scipy's BFGS, not compiled"
    projected = objective.kind == "mse" and found.form.nonlinear and not found.form.fixed
    return f"variable projection, Nelder-Mead, then {engine}" if projected else engine


def _residuals(found: Fit, points: Points) -> list[Residual]:
    residuals = found.residuals(points.observations)
    listed = np.arange(0, len(points), -(-len(points) // LISTED))
    return [
        Residual(
            run=points.run[i],
            n_params=float(points.n_params[i]),
            n_tokens=float(points.n_tokens[i]),
            loss_nats=float(points.loss_nats[i]),
            residual=float(residuals[i]),
        )
        for i in listed
    ]


def _estimates(values: dict[str, Floats], draws: dict[str, Floats]) -> dict[str, Estimate]:
    return {name: Estimate.of(float(value), draws[name]) for name, value in values.items()}


def _is_loose(estimate: Estimate) -> bool:
    """The interval is wider than the value, or there is none."""
    if estimate.ci95 is None:
        return True
    low, high = estimate.ci95
    return high - low > abs(estimate.value)


def _without_effect(found: Fit, seen: Observations) -> set[str]:
    """Parameters on which no run's loss depends where the fit ended: they could be anything from there on."""
    form, moved = found.form, found.theta + np.eye(len(found.theta))
    with np.errstate(all="ignore"):  # an exponent moved by 1 may well overflow
        change = np.log(form.loss(moved[:, None, :], seen.variables) / form.loss(found.theta, seen.variables))
    flat = np.abs(change).max(axis=1) < EFFECT
    return {_name(name) for name, is_flat in zip(form.parameters, flat, strict=True) if is_flat}


def _ends(profile: Profile) -> tuple[float | None, float | None]:
    """Of the interval, as the formula names the parameter."""
    low, high = (None if end is None else _value(profile.parameter, end) for end in (profile.low, profile.high))
    return low, high


def _said(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.4g}"


def _name(parameter: str) -> str:
    return parameter.removeprefix("ln_")


def _value(parameter: str, held: float) -> float:
    """A for ln A."""
    return _brief(np.exp(min(held, LARGEST_LOG)) if parameter.startswith("ln_") else held)


def _brief(value: float | Floats) -> float:
    """A number to six digits: law.json is read by people too."""
    return float(f"{float(value):.6g}")
