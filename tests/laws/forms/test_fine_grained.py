"""Fine-grained experts: Krajewski et al. 2024's table 2 from their table 1."""

from __future__ import annotations

import numpy as np
import pytest

from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.forms.fine_grained import FineGrained

FORM = FineGrained()
TABLE_1 = {"a": 18.1, "alpha": 0.115, "b": 30.8, "beta": 0.147, "g": 2.1, "gamma": 0.58, "c": 0.47}
THETA = FORM.theta(TABLE_1)
ALL_TO_ACTIVE = (8 * 64 + 4) / 12
"""All parameters over active ones with 64 experts, both without embeddings (their section 6.1)."""


@pytest.mark.parametrize(
    ("active", "n_tokens", "granularity", "loss"),
    [
        (100e6, 4.37e9, 8, 3.133),
        (1e9, 28.94e9, 16, 2.491),
        (3e9, 72.90e9, 16, 2.245),
        (7e9, 137.60e9, 32, 2.076),
        (70e9, 941.07e9, 32, 1.694),
        (300e9, 2.96e12, 64, 1.503),
        (1e12, 7.94e12, 64, 1.367),
    ],
)
def test_the_losses_of_their_optimal_models(active: float, n_tokens: float, granularity: int, loss: float) -> None:
    """Within 1%: the coefficients are printed with two or three digits."""
    found = FORM.loss(THETA, {"N": active * ALL_TO_ACTIVE, "D": n_tokens, "G": granularity})
    assert float(found) == pytest.approx(loss, rel=0.01)


def test_at_one_granularity_it_is_chinchillas() -> None:
    other = Chinchilla()
    size = TABLE_1["g"] / 16 ** TABLE_1["gamma"] + TABLE_1["a"]
    theta = other.theta({"A": size, "B": 30.8, "E": 0.47, "alpha": 0.115, "beta": 0.147})
    assert float(FORM.loss(THETA, {"N": 1e9, "D": 1e11, "G": 16.0})) == pytest.approx(
        float(other.loss(theta, {"N": 1e9, "D": 1e11}))
    )
    assert float(FORM.optimal_log_n(THETA, 50.0, {"G": 16.0})) == pytest.approx(float(other.optimal_log_n(theta, 50.0)))


def test_finer_experts_lower_the_loss_and_the_best_size() -> None:
    grains = np.array([1.0, 4.0, 16.0, 64.0])
    assert np.all(np.diff(FORM.loss(THETA, {"N": 1e9, "D": 1e11, "G": grains})) < 0)
    assert np.all(np.diff([float(FORM.optimal_log_n(THETA, 50.0, {"G": grain})) for grain in grains]) < 0)
    assert float(FORM.optimal_log_n(THETA, 50.0)) == float(FORM.optimal_log_n(THETA, 50.0, {"G": 1.0}))
