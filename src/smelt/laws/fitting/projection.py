"""Least squares by variable projection: of a form that is linear in some parameters only the others are searched.

L = E + A/N^alpha + B/D^beta is linear in E, A and B once alpha and beta are given, and these three are then solved for
exactly: five parameters become two, and no start can lose its way in the other three (Golub & Pereyra 1973, "The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate"). Parameters that
the form holds as logarithms are positive, which makes the inner problem one of non-negative least squares (Lawson &
Hanson 1974).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, nnls

from smelt.laws.fitting.problem import Problem
from smelt.laws.forms import LARGEST_LOG, Floats, Form

DESCENTS = 5
"""Of Nelder & Mead's simplex, from the best nodes of the grid."""
TOLERANCE = 1e-10


def project(problem: Problem) -> tuple[Floats, Floats]:
    """Thetas and sums of squared errors from the best nodes of a grid: (descents, P) and (descents).

    The grid is that of the form's own starts, in the nonlinear parameters.
    """
    form = problem.form
    nonlinear = [form.parameters.index(name) for name in form.nonlinear]
    starts = form.shift(form.starts(problem.x + problem.centre, problem.y), problem.centre)
    grid = np.unique(starts[:, nonlinear], axis=0)
    least = np.array([_solve(problem, node)[1] for node in grid])
    best = grid[np.argsort(least, kind="stable")[:DESCENTS]]
    spread = np.ptp(grid, axis=0)
    step = np.where(spread > 0, spread, 1.0) / 8
    found = [_solve(problem, _search(problem, node, step)) for node in best]
    thetas = np.array([theta for theta, _ in found])
    return form.shift(thetas, -problem.centre), np.array([value for _, value in found])


def _search(problem: Problem, start: Floats, step: Floats) -> Floats:
    """The nonlinear parameters of the least squared error near `start`, from a simplex of edges `step`."""
    simplex = start + np.vstack([np.zeros_like(step), np.diag(step)])
    scale = _solve(problem, start)[1] or 1.0

    def squares(node: Floats) -> float:
        return _solve(problem, node)[1] / scale

    options = {"initial_simplex": simplex, "xatol": TOLERANCE, "fatol": TOLERANCE, "maxiter": 1000, "adaptive": True}
    found = minimize(squares, start, method="Nelder-Mead", options=options)
    return np.asarray(found.x, dtype=np.float64)


def _solve(problem: Problem, nonlinear: Floats) -> tuple[Floats, float]:
    """Theta, centred, with the best linear parameters, and the sum of squared errors there."""
    form = problem.form
    linear = [name for name in form.parameters if name not in form.nonlinear]
    basis = form.basis(nonlinear, problem.x)
    if not np.all(np.isfinite(basis)):
        return np.full(len(form.parameters), np.nan), np.inf
    free = [i for i, name in enumerate(linear) if not name.startswith("ln_")]
    # R of the QR decomposition stands for any number of runs; a free parameter is one positive part less another.
    terms = np.column_stack([basis, -basis[:, free], np.exp(problem.y)])
    reduced = np.asarray(np.linalg.qr(terms, mode="r"), dtype=np.float64)
    solved, distance = nnls(reduced[:, :-1], reduced[:, -1])
    values = solved[: len(linear)].copy()
    values[free] -= solved[len(linear) :]
    return _theta(form, linear, values, nonlinear), float(distance) ** 2


def _theta(form: Form, linear: list[str], values: Floats, nonlinear: Floats) -> Floats:
    known = dict(zip(form.nonlinear, nonlinear, strict=True))
    with np.errstate(divide="ignore"):  # a term that the runs do without is e^-700
        logs = np.maximum(np.log(np.abs(values)), -LARGEST_LOG)
    for name, value, log in zip(linear, values, logs, strict=True):
        known[name] = log if name.startswith("ln_") else value
    return np.array([known[name] for name in form.parameters], dtype=np.float64)
