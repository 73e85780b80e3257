"""A power law whose exponent changes: breaks, U shapes, inverse scaling.

y = a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i)         (Caballero et al. 2023, eq. 1)

    ln(y - a)
     |\\
     |  \\  slope -c0
     |    `-.___
     |          `.  f: how many e-folds of x the bend takes
     |            \\  slope -(c0 + c1)
     +------d------------- ln x

One break has six parameters and a landscape of many valleys. What makes its fit robust is where it starts: with a, d
and f held, ln(y - a) is linear in ln b, c0 and c_i, so only those three are on a grid and the rest is least squares.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables

NAMES = {"N": "n", "D": "d", "C": "c"}
FIXED = 3
"""Parameters before those of the breaks: ln a, ln b, c0."""
A_BREAK = 3
"""Parameters a break: c, ln d, ln f."""
SHARPEST, WIDEST = -12.0, 12.0
"""Where ln f stops to matter: a break sharper than two runs can tell, or wider than any range of x."""


class Grid(NamedTuple):
    """Where fits start: every combination of these."""

    floors: tuple[float, ...]
    """a, as shares of the least y seen."""
    places: int
    """How many d, from just above the first x to a little beyond the last: what bends at its last runs may have its
    break beyond them."""
    widths: tuple[float, ...]
    """f, as shares of the range of ln x."""


ONE_BREAK = Grid((1e-3, 0.2, 0.4, 0.6, 0.8, 0.95), 12, (0.005, 0.02, 0.05, 0.1, 0.2, 0.4))
MORE_BREAKS = Grid((1e-3, 0.4, 0.8), 7, (0.02, 0.1))
"""252 starts for two breaks; 1,134 reached no lower objective on any data tried."""


def broken_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln y with its gradient (see `Form.log_loss`), for as many breaks as `theta` has threes after its third entry."""
    for i in range(x.shape[0]):
        log_x = x[i, 0]
        power = theta[1] - theta[2] * log_x
        jacobian[i, 1], jacobian[i, 2] = 1.0, -log_x
        for j in range(3, theta.shape[0], 3):  # the gradient of ln of the power law's term, first
            c, log_f = theta[j], min(max(theta[j + 2], SHARPEST), WIDEST)
            f = math.exp(log_f)
            u = (log_x - theta[j + 1]) / f
            small = math.exp(-abs(u))
            bend = max(u, 0.0) + math.log1p(small)
            beyond = 1.0 / (1.0 + small) if u > 0 else small / (1.0 + small)
            power -= c * f * bend
            jacobian[i, j] = -f * bend
            jacobian[i, j + 1] = c * beyond
            jacobian[i, j + 2] = -c * f * (bend - u * beyond) if log_f == theta[j + 2] else 0.0
        largest = max(theta[0], power)
        exp_floor, exp_power = math.exp(theta[0] - largest), math.exp(power - largest)
        total = exp_floor + exp_power
        log_loss[i] = largest + math.log(total)
        jacobian[i, 0] = exp_floor / total
        for k in range(1, theta.shape[0]):
            jacobian[i, k] *= exp_power / total


class Broken(Form):
    """y = a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i): x is N, D or C.

    Caballero et al. 2023, "Broken neural scaling laws", eq. 1. Without breaks it is a power law with a floor.

    >>> Broken("D", breaks=1).parameters
    ('ln_a', 'ln_b', 'c0', 'c1', 'ln_d1', 'ln_f1')
    """

    source = "Caballero et al. 2023, eq. 1"
    fails = (
        "It knows no break that the runs do not reach, and with fewer than some three runs on either side of a break "
        "its place, sharpness and exponents trade against each other; more breaks always fit better: judge by runs "
        "held out. It is a law of one variable: the others must be held, or follow it."
    )
    log_loss = staticmethod(broken_log_loss)

    def __init__(self, variable: str, *, breaks: int = 1) -> None:
        numbers = range(1, breaks + 1)
        self.breaks = breaks
        self.name = f"broken-{NAMES.get(variable, variable)}" if breaks == 1 else f"broken-{breaks}-{NAMES[variable]}"
        self.variables = (variable,)
        factors = "".join(f" (1 + ({variable}/d{i})^(1/f{i}))^(-c{i} f{i})" for i in numbers)
        self.formula = f"L({variable}) = a + b {variable}^-c0{factors}"
        of_breaks = (name for i in numbers for name in (f"c{i}", f"ln_d{i}", f"ln_f{i}"))
        self.parameters = ("ln_a", "ln_b", "c0", *of_breaks)
        self.judged = ("c0", *(f"c{i}" for i in numbers), *(f"d{i}" for i in numbers))

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Floors, places and widths of the breaks on a grid; exponents and b by least squares of ln(y - a)."""
        log_x = x[:, 0]
        grid = ONE_BREAK if self.breaks == 1 else MORE_BREAKS
        floors = log_loss.min() + np.log(grid.floors)
        held = [(floor, *breaks) for floor in floors for breaks in _breaks(grid, log_x, self.breaks)]
        return np.stack([_linear_rest(np.array(one), log_x, log_loss) for one in held])

    def centre(self, x: Floats) -> Floats:
        """The mean of ln x: ln b and c0 are all but collinear without."""
        return x.mean(axis=0)

    def shift(self, theta: Floats, by: Floats) -> Floats:
        """ln b and each ln d move with ln x; exponents and widths do not."""
        moved = np.array(theta, dtype=np.float64)
        moved[..., 1] -= moved[..., 2] * by[0]
        moved[..., FIXED + 1 :: A_BREAK] -= by[0]
        return moved

    def named(self, theta: Floats) -> dict[str, Floats]:
        """The parameters as the formula names them, breaks numbered by their place: a descent may exchange them."""
        shape = theta.shape[:-1]
        breaks = theta[..., FIXED:].reshape(*shape, self.breaks, A_BREAK).copy()
        breaks[..., 2] = np.clip(breaks[..., 2], SHARPEST, WIDEST)
        order = np.argsort(breaks[..., 1], axis=-1)[..., None]
        ordered = np.take_along_axis(breaks, order, axis=-2).reshape(*shape, -1)
        return super().named(np.concatenate([theta[..., :FIXED], ordered], axis=-1))

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """a + b x^-c0 ..., the product as one exponential."""
        log_x = np.log(variables[self.variables[0]])
        power = theta[..., 1] - theta[..., 2] * log_x
        with np.errstate(over="ignore"):  # a resample that ran away predicts an infinite loss
            for j in range(FIXED, len(self.parameters), A_BREAK):
                c, log_d, log_f = (theta[..., j + k] for k in range(A_BREAK))
                f = np.exp(np.clip(log_f, SHARPEST, WIDEST))
                power = power - c * f * np.logaddexp(0.0, (log_x - log_d) / f)
            return np.exp(theta[..., 0]) + np.exp(power)


def _breaks(grid: Grid, log_x: Floats, breaks: int) -> list[tuple[float, ...]]:
    """(ln d1, ln f1, ln d2, ...) of every start, places ascending."""
    span = max(float(np.ptp(log_x)), 1e-3)  # runs of one x fit nothing, but are no reason to divide by zero
    places = float(log_x.min()) + span * np.linspace(0.05, 1.15, grid.places)
    widths = [float(width) for width in np.log(span * np.array(grid.widths))]
    return [
        tuple(value for pair in zip(where, wide, strict=True) for value in pair)
        for where in itertools.combinations(places.tolist(), breaks)
        for wide in itertools.product(widths, repeat=breaks)
    ]


def _linear_rest(held: Floats, log_x: Floats, log_loss: Floats) -> Floats:
    """theta of ln a, then (ln d, ln f) a break: ln b, c0 and the c by least squares of ln(y - a)."""
    log_floor, log_d, log_f = held[0], held[1::2], held[2::2]
    f = np.exp(log_f)
    bends = -f * np.logaddexp(0.0, (log_x[:, None] - log_d) / f)
    basis = np.column_stack([np.ones_like(log_x), -log_x, bends])
    above = log_loss + np.log1p(-np.exp(log_floor - log_loss))
    solved = np.linalg.lstsq(basis, above, rcond=1e-8)[0]
    rest = np.column_stack([solved[2:], log_d, log_f]).ravel()
    return np.concatenate([[log_floor, solved[0], solved[1]], rest])


FORMS = tuple(Broken(variable, breaks=breaks) for breaks in (1, 2) for variable in NAMES)
