"""A form's kernel against finite differences of itself."""

from __future__ import annotations

import numpy as np

from smelt.laws.forms import Floats, Form

STEP = 1e-6


def kernel(form: Form, theta: Floats, x: Floats) -> tuple[Floats, Floats]:
    """What the form writes for the fitter, run as plain Python."""
    values, jacobian = np.empty(len(x)), np.empty((len(x), len(theta)))
    form.log_loss(theta, x, values, jacobian)
    return values, jacobian


def assert_gradient(form: Form, theta: Floats, x: Floats) -> None:
    """Every entry, by central differences."""
    _, jacobian = kernel(form, theta, x)
    for i, name in enumerate(form.parameters):
        nudge = STEP * np.eye(len(theta))[i]
        numeric = (kernel(form, theta + nudge, x)[0] - kernel(form, theta - nudge, x)[0]) / (2 * STEP)
        np.testing.assert_allclose(jacobian[:, i], numeric, rtol=1e-5, atol=1e-7, err_msg=name)
