"""A power law whose exponent changes: breaks, U shapes, inverse scaling.

y = a + b x^-c0 prod_i (1 + (x/d_i)^(1/f_i))^(-c_i f_i)         (Caballero et al. 2023, eq. 1)

    ln(y - a)
     |\\
     |  \\  slope -c0
     |    `-.___
     |          `.  f: how many e-folds of x the bend takes
     |            \\  slope -(c0 + c1)
     +------d------------- ln x

One break has six parameters and a landscape of many valleys. What makes its fit robust is where it starts: with a, d and
f held, ln(y - a) is linear in ln b, c0 and c_i, so only those three are on a grid and the rest is least squares.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables

NAMES = {"N": "n", "D": "d", "C": "c"}
FIXED = 3
"""Parameters before those of the breaks: ln a, ln b, c0."""
A_BREAK = 3
"""Parameters a break: c, ln d, ln f."""
LOG_WIDTHS = (-12.0, 12.0)
"""Where ln f stops to matter: a break sharper than any two runs can tell, or wider than any range of x."""
FLOORS = (1e-3, 0.2, 0.4, 0.6, 0.8, 0.95)
"""a at the starts, as shares of the least y seen."""
PLACES = {1: 12, 2: 7}
"""Places of d at the starts, by the number of breaks, from .05 before the middle range to a little beyond the last x:
what bends upon its last runs may have its break beyond them."""
WIDTHS = {1: (0.005, 0.02, 0.05, 0.1, 0.2, 0.4), 2: (0.01, 0.05, 0.2)}
"""f at the starts, as shares of the range of ln x."""


def broken_log_loss(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """ln y with its gradient (see `Form.log_loss`), for as many breaks as `theta` has threes after its third entry."""
    breaks = (theta.shape[0] - 3) // 3
    for i in range(x.shape[0]):
        log_x = x[i, 0]
        power = theta[1] - theta[2] * log_x
        for j in range(breaks):
            f = math.exp(min(max(theta[5 + 3 * j], -12.0), 12.0))
            u = (log_x - theta[4 + 3 * j]) / f
            power -= theta[3 + 3 * j] * f * (max(u, 0.0) + math.log1p(math.exp(-abs(u))))
        largest = max(theta[0], power)
        floor_part, power_part = math.exp(theta[0] - largest), math.exp(power - largest)
        total = floor_part + power_part
        share = power_part / total
        log_loss[i] = largest + math.log(total)
        jacobian[i, 0] = floor_part / total
        jacobian[i, 1] = share
        jacobian[i, 2] = -share * log_x
        for j in range(breaks):
            c, log_f = theta[3 + 3 * j], min(max(theta[5 + 3 * j], -12.0), 12.0)
            f = math.exp(log_f)
            u = (log_x - theta[4 + 3 * j]) / f
            small = math.exp(-abs(u))
            beyond = 1.0 / (1.0 + small) if u > 0 else small / (1.0 + small)
            soft = max(u, 0.0) + math.log1p(small)
            jacobian[i, 3 + 3 * j] = -share * f * soft
            jacobian[i, 4 + 3 * j] = share * c * beyond
            jacobian[i, 5 + 3 * j] = -share * c * f * (soft - u * beyond) if log_f == theta[5 + 3 * j] else 0.0


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
        floors = log_loss.min() + np.log(FLOORS)
        grid = [(floor, *breaks) for floor in floors for breaks in self._breaks(log_x)]
        return np.stack([_linear_rest(np.array(held), log_x, log_loss) for held in grid])

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
        breaks = theta[..., FIXED:].reshape(*shape, self.breaks, A_BREAK)
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
                f = np.exp(np.clip(log_f, *LOG_WIDTHS))
                power = power - c * f * np.logaddexp(0.0, (log_x - log_d) / f)
            return np.exp(theta[..., 0]) + np.exp(power)

    def _breaks(self, log_x: Floats) -> list[tuple[float, ...]]:
        """(ln d1, ln f1, ln d2, ...) of every start, places ascending."""
        span = max(float(np.ptp(log_x)), 1e-3)  # runs of one x fit nothing, but are no reason to divide by zero
        places = float(log_x.min()) + span * np.linspace(0.05, 1.15, PLACES.get(self.breaks, 5))
        widths = np.log(span * np.array(WIDTHS.get(self.breaks, (0.05,))))
        at = itertools.combinations(places, self.breaks)
        return [
            tuple(float(value) for pair in zip(where, wide, strict=True) for value in pair)
            for where in at
            for wide in itertools.product(widths, repeat=self.breaks)
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
