"""Learning rate and batch as power laws."""

from __future__ import annotations

import numpy as np
import pytest

from gradients import assert_gradient
from smelt.laws.fitting.fit import fit
from smelt.laws.forms import FORMS, Floats
from smelt.laws.forms.hyperparameters import BATCH, LEARNING_RATE, STEP_LAW, PowerLaw
from smelt.laws.points import Observations
from smelt.plans.hyperparameters import hyperparameters

N, D = np.repeat([2e8, 5e8, 1e9], 4), np.tile([4e9, 1e10, 3e10, 1e11], 3)


def test_the_published_law_is_the_one_that_plans_follow() -> None:
    planned = hyperparameters(n_params=5e8, n_tokens=1e10)
    sizes = {"N": 5e8, "D": 1e10}
    assert float(LEARNING_RATE.loss(STEP_LAW[0], sizes)) == pytest.approx(planned.lr, rel=1e-12)
    assert float(BATCH.loss(STEP_LAW[1], sizes)) == pytest.approx(planned.batch_tokens, rel=1e-4)


@pytest.mark.parametrize(("form", "theta"), [(LEARNING_RATE, STEP_LAW[0]), (BATCH, STEP_LAW[1])])
def test_gradients_shifts_and_planted_parameters(form: PowerLaw, theta: Floats) -> None:
    x = form.encode({"N": N, "D": D})
    assert_gradient(form, theta, x)
    centre = form.centre(x)
    np.testing.assert_allclose(form.shift(form.shift(theta, centre), -centre), theta, rtol=1e-12)
    seen = Observations(tuple(map(str, range(len(N)))), {"N": N, "D": D}, form.loss(theta, {"N": N, "D": D}))
    np.testing.assert_allclose(fit(form, seen).theta, theta, rtol=1e-6)


def test_what_gives_no_loss_is_not_offered_as_a_form_of_it() -> None:
    assert not {LEARNING_RATE.name, BATCH.name} & set(FORMS)
    assert np.isnan(LEARNING_RATE.optimal_log_n(STEP_LAW[0], 40.0))
