"""Runs and parameters for any form, found from the form itself: a new form is tested by being in `FORMS`."""

from __future__ import annotations

import numpy as np

from smelt.laws.forms import Floats, Form
from smelt.laws.points import Observations

SPANS = {
    "N": (1e7, 1e10),
    "D": (1e9, 1e12),
    "C": (1e17, 1e22),
    "U": (1e9, 1e11),
    "experts": (1.0, 256.0),
    "G": (1.0, 32.0),
}
"""From where to where a variable goes; one that is not here goes from 1 to 100."""


def some_variables(form: Form, *, runs: int = 60, seed: int = 0) -> dict[str, Floats]:
    """Runs anywhere within the spans of the form's variables, evenly in logarithms."""
    generator = np.random.default_rng(seed)
    spans = (np.log(SPANS.get(name, (1.0, 100.0))) for name in form.variables)
    return {name: np.exp(generator.uniform(*span, runs)) for name, span in zip(form.variables, spans, strict=True)}


def log_loss(form: Form, theta: Floats, x: Floats) -> tuple[Floats, Floats]:
    """The form's ln L and its gradient, as the fitter would have them."""
    values, jacobian = np.empty(len(x)), np.empty((len(x), len(theta)))
    form.log_loss(np.asarray(theta, dtype=np.float64), np.ascontiguousarray(x), values, jacobian)
    return values, jacobian


def is_free(form: Form) -> np.ndarray:
    """Which of the form's parameters a fit moves."""
    return np.array([name not in form.fixed for name in form.parameters])


def planted_theta(form: Form, variables: dict[str, Floats]) -> Floats:
    """Parameters that these runs identify well: near the form's start whose gradient is the best conditioned.

    Starts are made for losses from 2 to 4 nats; the theta given is 5% or so from that start, and not a start itself.
    """
    x = form.encode(variables)
    target = np.linspace(np.log(4), np.log(2), len(x))
    starts = form.starts(x, target)
    chosen = starts[:: max(len(starts) // 200, 1)]
    best = chosen[int(np.argmax([_conditioning(form, theta, x) for theta in chosen]))]
    nudge = 0.05 * np.random.default_rng(1).uniform(0.5, 1, len(best)) * np.where(is_free(form), 1.0, 0.0)
    return best + nudge * np.where(np.abs(best) < 1, np.abs(best), 1.0)


def planted_runs(form: Form, *, noise: float = 0.0) -> tuple[Floats, Observations]:
    """Theta, and the runs that follow it."""
    variables = some_variables(form)
    theta = planted_theta(form, variables)
    loss = np.exp(log_loss(form, theta, form.encode(variables))[0])
    loss = loss * np.exp(noise * np.random.default_rng(2).standard_normal(len(loss)))
    return theta, Observations(run=tuple(str(i) for i in range(len(loss))), variables=variables, loss=loss)


def _conditioning(form: Form, theta: Floats, x: Floats) -> float:
    """The least singular value of the gradient with columns of length one, where losses are ordinary; else 0."""
    values, jacobian = log_loss(form, form.shift(theta, form.centre(x)), x - form.centre(x))
    columns = jacobian[:, is_free(form)]
    lengths = np.linalg.norm(columns, axis=0)
    if not np.all(np.isfinite(columns)) or np.ptp(values) > 3 or np.any(lengths == 0):
        return 0.0
    return float(np.linalg.svd(columns / lengths, compute_uv=False)[-1])
