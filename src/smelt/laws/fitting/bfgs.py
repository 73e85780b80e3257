"""A compiled minimiser for fits of a few parameters from thousands of starts or resamples.

Minimises the weighted sum of Huber losses of ln L_predicted - ln L_observed (Hoffmann et al. 2022, eq. 3), or that of
squared errors of L, by BFGS with a weak Wolfe line search by bisection. That search is what keeps BFGS going on
objectives with kinks (Lewis & Overton 2013), and at delta = 1e-3 most residuals lie where Huber's loss is linear.

A parameter is held by taking its direction out of the gradient: BFGS begins with a multiple of the identity and adds
products of steps and gradients only, so it never leaves the plane they lie in.

The form comes in as a compiled function of one fixed type, so one compiled minimiser, cached on disk, serves all
forms. P is the number of parameters.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numba import boolean, float64, int64, njit, types
from numba.core.errors import NumbaError

from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats, Form

LogLoss = Callable[[Floats, Floats, Floats, Floats], None]

ITERATIONS = 1000
"""Limit of one descent; a bootstrap of Epoch's 240 points takes about 40."""
GRADIENT_TOLERANCE = 1e-9
"""Converged when no entry of the scaled gradient is larger."""
STALL = 1e-12
"""A step that gains less than this share of the objective has stalled; three in a row end a descent."""
ARMIJO, CURVATURE = 1e-4, 0.9
"""Constants of the weak Wolfe conditions (Nocedal & Wright 2006, section 3.1)."""
BISECTIONS = 30


def minimise(
    form: Form, starts: Floats, x: Floats, y: Floats, *, weights: Floats, objective: Objective, held: Floats
) -> tuple[Floats, Floats]:
    """Theta (problems, P) and objective (problems) reached from every start.

    Problem i starts from `starts[i]` (problems, P), weighs the runs by `weights[i % rows]` (rows, runs) and never moves
    along `held[i % rows]` (rows, P), a unit vector or zero: one row of ones for many starts, one row a resample for a
    bootstrap. x (runs, V) is best centred; y is ln L, (runs) or rows like the others. The objective is the sum, not
    the mean, over the weighted runs. Works on all cores; the result does not depend on how many there are.
    """
    log_loss, minimise_batch = _compiled_form(form.log_loss), _compiled_batch()
    theta = np.ascontiguousarray(starts, dtype=np.float64).copy()
    reached = np.empty(len(theta))
    y = np.atleast_2d(y)
    x, y, weights, held = (np.ascontiguousarray(array, dtype=np.float64) for array in (x, y, weights, held))
    cores = os.cpu_count() or 1

    def every_nth(first: int) -> None:
        shape = objective.delta, objective.of_log, objective.unit(y)
        minimise_batch(log_loss, theta, reached, x, y, weights, held, *shape, first, cores)

    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(every_nth, range(cores)))
    return theta, reached


def why_not_compiled(form: Form) -> str | None:
    """What Numba says of a form that it cannot compile, in a line; None for one that it can."""
    try:
        _compiled_form(form.log_loss)
    except NumbaError as error:
        lines = [line.strip() for line in str(error).splitlines()]
        return next((line for line in lines if line and not line.startswith("Failed in")), type(error).__name__)
    return None


@functools.cache
def _compiled_form(log_loss: LogLoss) -> LogLoss:
    is_in_a_file = Path(log_loss.__code__.co_filename).exists()  # what was typed at a prompt has nowhere to be cached
    return njit(_LOG_LOSS, cache=is_in_a_file, error_model="numpy")(log_loss)  # a zero divides into infinity


@functools.cache
def _compiled_batch() -> Callable[..., None]:
    return njit(_BATCH, cache=True, nogil=True)(_minimise_batch)


_VECTOR, _MATRIX = float64[::1], float64[:, ::1]
_LOG_LOSS = types.void(_VECTOR, _MATRIX, _VECTOR, _MATRIX)
_PROBLEMS = (_MATRIX, _VECTOR, _MATRIX, _MATRIX, _MATRIX, _MATRIX)
_BATCH = types.void(types.FunctionType(_LOG_LOSS), *_PROBLEMS, float64, boolean, float64, int64, int64)


def _minimise_batch(
    log_loss: LogLoss,
    theta: Floats,
    objective: Floats,
    x: Floats,
    y: Floats,
    weights: Floats,
    held: Floats,
    delta: float,
    of_log: bool,
    unit: float,
    first: int,
    step: int,
) -> None:
    """Solves problems first, first + step, ...: each in place, on the runs that have weight."""
    for problem in range(first, theta.shape[0], step):
        row = weights[problem % weights.shape[0]]
        fixed, seen = held[problem % held.shape[0]], y[problem % y.shape[0]]
        kept = np.nonzero(row)[0]
        scale = 1.0 / (np.sum(row) * unit)
        value = _descend(log_loss, theta[problem], x[kept], seen[kept], row[kept], fixed, delta, of_log, scale)
        objective[problem] = value / scale


@njit(cache=True, nogil=True)
def _descend(
    log_loss: LogLoss,
    theta: Floats,
    x: Floats,
    y: Floats,
    weights: Floats,
    held: Floats,
    delta: float,
    of_log: bool,
    scale: float,
) -> float:
    """BFGS from `theta`, in place (Nocedal & Wright 2006, algorithm 6.1); gives the scaled objective."""
    n_runs, n_params = x.shape[0], theta.shape[0]
    predicted, jacobian = np.empty(n_runs), np.empty((n_runs, n_params))
    gradient, new_gradient = np.empty(n_params), np.empty(n_params)
    new_theta, inverse, stalled = theta.copy(), np.eye(n_params), 0
    fresh = True
    shape = delta, of_log, scale
    value = _objective(log_loss, theta, x, y, weights, held, shape, predicted, jacobian, gradient)
    for _ in range(ITERATIONS):
        if np.max(np.abs(gradient)) < GRADIENT_TOLERANCE or stalled == 3:
            break
        direction = -np.dot(inverse, gradient)
        slope = np.dot(direction, gradient)
        if slope >= 0:
            inverse, fresh = np.eye(n_params), True
            direction = -gradient
            slope = np.dot(direction, gradient)
        # Weak Wolfe by bisection: too long a step halves the bracket from above, too short a one from below.
        length, shortest, longest = min(1.0, 1.0 / np.max(np.abs(direction))), 0.0, np.inf
        new_value = value
        for _ in range(BISECTIONS):
            new_theta[:] = theta + length * direction
            new_value = _objective(log_loss, new_theta, x, y, weights, held, shape, predicted, jacobian, new_gradient)
            if not new_value <= value + ARMIJO * length * slope:
                longest = length
            elif np.dot(new_gradient, direction) < CURVATURE * slope:
                shortest = length
            else:
                break
            length = 2.0 * length if longest == np.inf else 0.5 * (shortest + longest)
        if not new_value < value:
            if fresh:
                break
            inverse, fresh = np.eye(n_params), True
            continue
        moved, change = new_theta - theta, new_gradient - gradient
        curvature = np.dot(moved, change)
        if curvature > 1e-18:
            if fresh:
                inverse, fresh = np.eye(n_params) * (curvature / np.dot(change, change)), False
            _update(inverse, moved, change, curvature)
        stalled = stalled + 1 if value - new_value < STALL * abs(value) else 0
        theta[:], gradient[:], value = new_theta, new_gradient, new_value
    return value


@njit(cache=True, nogil=True)
def _update(inverse: Floats, moved: Floats, change: Floats, curvature: float) -> None:
    """The BFGS update of the inverse Hessian, in place (Nocedal & Wright 2006, eq. 6.17)."""
    image = np.dot(inverse, change)
    stretch = (1.0 + np.dot(change, image) / curvature) / curvature
    for j in range(moved.shape[0]):
        for k in range(moved.shape[0]):
            cross = (image[j] * moved[k] + moved[j] * image[k]) / curvature
            inverse[j, k] += stretch * moved[j] * moved[k] - cross


@njit(cache=True, nogil=True)
def _objective(
    log_loss: LogLoss,
    theta: Floats,
    x: Floats,
    y: Floats,
    weights: Floats,
    held: Floats,
    shape: tuple[float, bool, float],
    predicted: Floats,
    jacobian: Floats,
    gradient: Floats,
) -> float:
    """The weighted, scaled objective at `theta`; fills `gradient`, without its part along `held`.

    `shape` is delta, whether residuals are of ln L, and the scale.
    """
    delta, of_log, scale = shape
    log_loss(theta, x, predicted, jacobian)
    value = 0.0
    gradient[:] = 0.0
    for i in range(y.shape[0]):
        if of_log:
            residual = predicted[i] - y[i]
            slope = min(max(residual, -delta), delta)  # of Huber's loss: the residual, clipped
            value += weights[i] * slope * (residual - 0.5 * slope)
        else:
            loss = math.exp(predicted[i])
            residual = loss - math.exp(y[i])
            slope = 2.0 * residual * loss
            value += weights[i] * residual * residual
        for k in range(theta.shape[0]):
            gradient[k] += scale * weights[i] * slope * jacobian[i, k]
    along = np.dot(held, gradient)
    for k in range(theta.shape[0]):
        gradient[k] -= along * held[k]
    return scale * value
