"""Kaplan et al. 2020's power laws, by their published constants."""

from __future__ import annotations

import numpy as np
import pytest

from smelt.laws.forms import FORMS
from smelt.laws.forms.kaplan import Kaplan

FORM = Kaplan()
TABLE_2 = {"N_c": 6.4e13, "D_c": 1.8e13, "alpha_N": 0.076, "alpha_D": 0.103}
THETA = FORM.theta(TABLE_2)
PF_DAY = 8.64e19
"""FLOPs."""


@pytest.mark.parametrize(
    ("name", "scale", "alpha", "column"),
    [("kaplan-n", 8.8e13, 0.076, "N"), ("kaplan-d", 5.4e13, 0.095, "D"), ("kaplan-c", 3.1e8 * PF_DAY, 0.050, "C")],
)
def test_one_variable_at_a_time(name: str, scale: float, alpha: float, column: str) -> None:
    form = FORMS[name]
    theta = form.theta({f"{column}_c": scale, f"alpha_{column}": alpha})
    value = scale / 1e5
    assert float(form.loss(theta, {column: value})) == pytest.approx(1e5**alpha)
    assert np.isnan(form.optimal_log_n(theta, 40.0))


def test_with_data_without_end_it_is_l_of_n_and_with_size_without_end_l_of_d() -> None:
    of_n, of_d = FORMS["kaplan-n"], FORMS["kaplan-d"]
    assert float(FORM.loss(THETA, {"N": 1e9, "D": 1e40})) == pytest.approx(
        float(of_n.loss(of_n.theta({"N_c": 6.4e13, "alpha_N": 0.076}), {"N": 1e9}))
    )
    assert float(FORM.loss(THETA, {"N": 1e40, "D": 1e9})) == pytest.approx(
        float(of_d.loss(of_d.theta({"D_c": 1.8e13, "alpha_D": 0.103}), {"D": 1e9}))
    )


@pytest.mark.parametrize("n_params", [1e6, 1e9])
def test_five_thousand_times_n_to_the_074_tokens_keep_overfitting_below_two_per_cent(n_params: float) -> None:
    """Their eq. 4.4, whose figures are rounded."""
    n_tokens = 5e3 * n_params**0.74
    short = FORM.loss(THETA, {"N": n_params, "D": n_tokens}) / FORM.loss(THETA, {"N": n_params, "D": 1e40})
    assert float(short) - 1 == pytest.approx(0.02, abs=0.003)


def test_the_exponent_of_the_optimum_follows_from_the_two_of_the_loss() -> None:
    slope = float(FORM.optimal_log_n(THETA, 41.0) - FORM.optimal_log_n(THETA, 40.0))
    assert slope == pytest.approx(0.103 / (0.076 + 0.103))
