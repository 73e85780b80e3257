"""From a loss to what a benchmark says: the second of two steps.

    N, D  --Chinchilla-->  loss or bits per byte of the right answers  --one of these-->  accuracy or error

    accuracy = top - (top - low) / (1 + exp(-k (x - x0)))   (Bhagia et al. 2024, eq. 2: a = low - top, b = top)
    error = eps - k exp(-gamma L)                           (Gadre et al. 2024, eq. 5)

Errors of an accuracy do not shrink with it, so these are fitted to the values themselves (`Form.in_log`). They say no
loss by what was spent, and so are none of `FORMS`; laws/scores/downstream.py chains them to one that does.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from smelt.laws.forms.form import Floats, Form, Variables

TOPS = (0.01, 0.1, 0.3, 0.6, 0.99)
"""top at the starts: the greatest accuracy, and so much of what is missing to 1."""
MOST = 0.999
"""Accuracy beyond which no top is left to look for."""
LOWS = (0.99, 0.9, 0.75, 0.5)
"""low at the starts, as shares of the least accuracy."""
CEILINGS = (0.01, 0.03, 0.1, 0.3, 1.0)
"""eps at the starts: the greatest error, and so much more in shares of the errors' range."""


def sigmoid_accuracy(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """The accuracy itself, not its logarithm, with its gradient (see `Form.log_loss`): theta is the logit of
    top, which keeps it below 1, then ln k, x0, low. Without the last, low is the second column of x.
    """
    top = 1.0 / (1.0 + math.exp(-min(max(theta[0], -700.0), 700.0)))
    k, x0 = math.exp(min(theta[1], 700.0)), theta[2]
    for i in range(x.shape[0]):
        low = theta[3] if theta.shape[0] == 4 else x[i, 1]
        u = k * (x[i, 0] - x0)
        small = math.exp(-abs(u))
        fallen = 1.0 / (1.0 + small) if u > 0 else small / (1.0 + small)
        slope = (low - top) * small / (1.0 + small) ** 2
        log_loss[i] = top + (low - top) * fallen
        jacobian[i, 0] = (1.0 - fallen) * top * (1.0 - top)
        jacobian[i, 1] = slope * u
        jacobian[i, 2] = -slope * k
        if theta.shape[0] == 4:
            jacobian[i, 3] = fallen


def exponential_error(theta: Floats, x: Floats, log_loss: Floats, jacobian: Floats) -> None:
    """eps - k exp(-gamma L) itself, with its gradient (see `Form.log_loss`): theta is eps, ln k, ln gamma."""
    gamma = math.exp(min(theta[2], 700.0))
    for i in range(x.shape[0]):
        right = math.exp(min(theta[1] - gamma * x[i, 0], 700.0))
        log_loss[i] = theta[0] - right
        jacobian[i, 0] = 1.0
        jacobian[i, 1] = -right
        jacobian[i, 2] = right * gamma * x[i, 0]


class _OfLoss(Form):
    """A form of variables taken as they are, fitted to values as they are."""

    in_log = False

    def encode(self, variables: Variables) -> Floats:
        """No logarithms: a loss enters as it is."""
        columns = np.broadcast_arrays(*(variables[name] for name in self.variables))
        return np.stack(columns, axis=-1).astype(np.float64)


class Sigmoid(_OfLoss):
    """accuracy = top - (top - low) / (1 + exp(-k (x - x0))): from `top` down to `low` as bits per byte rise.

    Bhagia et al. 2024, "Establishing task scaling laws via compute-efficient model ladders", eq. 2. With `chance`, low
    is what guessing would reach, a variable of the table, and three parameters are left: better where no model is near
    guessing, or few are.
    """

    name = "sigmoid"
    source = "Bhagia et al. 2024, eq. 2"
    fails = (
        "Where no run has left chance, or none is near the top, k, x0 and the bounds trade against each other; a task "
        "that is answered by another skill than its wording is predicted by (format, arithmetic) breaks off from it."
    )
    log_loss = staticmethod(sigmoid_accuracy)

    def __init__(self, *, chance: bool = False) -> None:
        self.formula = f"accuracy = top - (top - {'chance' if chance else 'low'}) / (1 + exp(-k (bpb - x0)))"
        self.variables = ("bpb", "chance") if chance else ("bpb",)
        self.parameters = ("logit_top", "ln_k", "x0") if chance else ("logit_top", "ln_k", "x0", "low")
        self.judged = ("top", "x0")

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """Bounds on a grid; with those held, the logit of the accuracy is linear in x."""
        accuracy, basis = log_loss, np.column_stack([-x[:, 0], np.ones(len(x))])
        most = min(accuracy.max(), MOST)
        tops = most + np.array(TOPS) * (1 - most)
        lows = [x[:, 1]] if "chance" in self.variables else list(accuracy.min() * np.array(LOWS))
        found: list[list[float]] = []
        for top, low in itertools.product(tops, lows):
            risen = np.clip((accuracy - low) / (top - low), 1e-3, 1 - 1e-3)
            slope, intercept = np.linalg.lstsq(basis, np.log(risen / (1 - risen)), rcond=1e-8)[0]
            k = max(float(slope), 0.1)
            found.append([math.log(top / (1 - top)), math.log(k), float(intercept) / k, float(np.min(low))])
        return np.array(found)[:, : len(self.parameters)]

    def named(self, theta: Floats) -> dict[str, Floats]:
        """top, not its logit."""
        found = super().named(theta)
        return {"top": _of_logit(found.pop("logit_top"))} | found

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """The accuracy."""
        top, k, x0 = _of_logit(theta[..., 0]), np.exp(np.minimum(theta[..., 1], 700.0)), theta[..., 2]
        low = variables["chance"] if "chance" in self.variables else theta[..., 3]
        with np.errstate(over="ignore"):
            return top - (top - low) / (1 + np.exp(-k * (variables["bpb"] - x0)))


class ExponentialError(_OfLoss):
    """error = eps - k exp(-gamma L): how an average top-1 error falls as the loss does.

    Gadre et al. 2024, "Language models scale reliably with over-training and on downstream tasks", eq. 5.
    """

    name = "exponential-error"
    formula = "error = eps - k exp(-gamma L)"
    source = "Gadre et al. 2024, eq. 5"
    fails = "For averages over many tasks; single tasks scatter, and an error near zero would go below it."
    variables = ("L",)
    parameters = ("eps", "ln_k", "ln_gamma")
    judged = ("eps", "gamma")
    log_loss = staticmethod(exponential_error)

    def starts(self, x: Floats, log_loss: Floats) -> Floats:
        """eps on a grid; with it held, ln(eps - error) is linear in L."""
        found: list[Floats] = []
        for eps in log_loss.max() + np.array(CEILINGS) * max(float(np.ptp(log_loss)), 1e-3):
            basis = np.column_stack([np.ones(len(x)), -x[:, 0]])
            ln_k, gamma = np.linalg.lstsq(basis, np.log(eps - log_loss), rcond=1e-8)[0]
            found.append(np.array([eps, ln_k, np.log(max(gamma, 1e-3))]))
        return np.stack(found)

    def loss(self, theta: Floats, variables: Variables) -> Floats:
        """The error."""
        eps, ln_k, gamma = theta[..., 0], theta[..., 1], np.exp(np.minimum(theta[..., 2], 700.0))
        with np.errstate(over="ignore"):
            return eps - np.exp(ln_k - gamma * variables["L"])


def _of_logit(logit: Floats) -> Floats:
    return np.exp(-np.logaddexp(0.0, -logit))
