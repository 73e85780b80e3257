"""The fitted form as a surface over N and D, for figures: many losses at once, and the optima of all draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from smelt.laws.findings import METHOD_NAMES, Interval, Method
from smelt.laws.forms import FORMS, Floats, Form
from smelt.laws.law import Optimum, ScalingLaw, line_columns
from smelt.laws.overhead import Overhead

PLAIN = frozenset({"N", "D", "C"})
"""Variables that a place of the surface fixes; a form of others has no one surface."""


@dataclass(frozen=True, slots=True, eq=False)
class Cloud:
    """What the bootstrap draws of a method say of a budget's optimum, a number a draw."""

    n_params: Floats
    n_tokens: Floats
    loss_nats: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A form L(N, D) with its parameters."""

    form: Form
    theta: Floats
    """(P,)"""
    draws: Floats
    """(draws, P); no rows where the law came without them."""
    overhead: Overhead

    @classmethod
    def of(cls, law: ScalingLaw) -> Self | None:
        """That of a law; None without a form of N and D, or where it depends on more than these."""
        fitted = law.findings.parametric
        form = FORMS[fitted.form] if fitted else None
        if fitted is None or form is None or not {"N", "D"} <= set(form.variables) <= PLAIN:
            return None
        theta = np.array([fitted.theta[name] for name in form.parameters])
        return cls(form, theta, _draws(law, form.parameters), law.overhead)

    def loss(self, n_params: Floats, n_tokens: Floats) -> Floats:
        """Nats per token; the arguments broadcast."""
        size = self.overhead.size(n_params)
        return self.form.loss(self.theta, {"N": size, "D": n_tokens, "C": 6 * size * n_tokens})

    def optima(self, flops: float) -> Cloud:
        """The compute-optimal model of a budget by every draw."""
        log_nd = math.log(flops / 6)
        log_n = self.form.optimal_log_n(self.draws, log_nd)
        with np.errstate(all="ignore"):  # resamples that ran away have optima at 0 or infinity
            size, n_tokens = np.exp(log_n), np.exp(log_nd - log_n)
            loss = self.form.loss(self.draws, {"N": size, "D": n_tokens, "C": np.full_like(size, flops)})
            return Cloud(self.overhead.n_params_of(size), n_tokens, loss)


def optima(law: ScalingLaw, flops: float) -> dict[Method, Optimum]:
    """The optimum of a budget by each method, a form's further variables at the runs' typical values."""
    return law.optimum(flops, **law.findings.data.typical)


def loss_of(optimum: Optimum) -> Interval:
    """The loss of an optimum; not a number where the law is a line of sizes alone."""
    return optimum.loss_nats or Interval(mid=math.nan)


def optimum_clouds(law: ScalingLaw, flops: float) -> dict[Method, Cloud]:
    """The optimum of a budget by every draw, by each method that has draws."""
    surface, clouds = Surface.of(law), dict[Method, Cloud]()
    for method in METHOD_NAMES:
        if len(lines := _draws(law, line_columns(method))):
            clouds[method] = _line_optima(law, lines, flops)
    if surface is not None and len(surface.draws):
        clouds["parametric"] = surface.optima(flops)
    return clouds


def _line_optima(law: ScalingLaw, lines: Floats, flops: float) -> Cloud:
    """By lines through minima: intercept and slope of ln D*, then of ln L*, a row a draw."""
    log_d = lines[:, 0] + lines[:, 1] * math.log(flops)
    log_loss = lines[:, 2] + lines[:, 3] * math.log(flops)
    with np.errstate(all="ignore"):  # a line that ran away
        n_params = law.overhead.n_params_of(flops / 6 / np.exp(log_d))
        return Cloud(n_params, np.exp(log_d), np.exp(log_loss))


def _draws(law: ScalingLaw, columns: tuple[str, ...]) -> Floats:
    if not set(columns) <= set(law.draws.columns):
        return np.empty((0, len(columns)))
    return law.draws.select(columns).to_numpy()
