"""Routed models: the constants of Clark et al. 2022, fitted again to the runs that they published."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from smelt.laws.fitting.fit import fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms.routed import Routed
from smelt.laws.points import Observations

FORM = Routed()
LEAST_SQUARES = Objective(huber_delta=10.0)
"""Of ln L: no residual is near 10."""
TABLE_3 = {
    "s-base": {"a": -0.082, "b": -0.108, "c": 0.009, "d": 1.104, "E_start": 1.847, "E_max": 314.478},
    "rl-r": {"a": -0.083, "b": -0.126, "c": 0.012, "d": 1.111, "E_start": 1.880, "E_max": 469.982},
    "hash": {"a": -0.087, "b": -0.136, "c": 0.012, "d": 1.157, "E_start": 4.175, "E_max": 477.741},
}


@pytest.fixture(scope="module")
def runs(shared_data: Path) -> pl.DataFrame:
    """Those of the authors' notebook: one expert a token in every other layer, one seed, no wider feed-forward."""
    frame = pl.read_csv(shared_data / "scaling/routing_moe/final_no_hash.csv")
    return frame.filter(
        (pl.col("routing_frequency") == 0.5)
        & (pl.col("k") == 1)
        & (pl.col("flop_increase") == 1)
        & (pl.col("seed") == 42)
    )


def seen(runs: pl.DataFrame, router: str) -> Observations:
    """The runs of a router, and the dense ones as those with one expert."""
    chosen = runs.filter(pl.col("router_type").is_in(["Dense", router]))
    return Observations(
        run=tuple(str(run) for run in chosen["hyper_id"]),
        variables={
            "N": chosen["dense_parameter_count"].to_numpy(),
            "experts": chosen["num_experts"].cast(pl.Float64).to_numpy(),
        },
        loss=chosen["loss_validation"].to_numpy(),
    )


@pytest.mark.parametrize(
    ("router", "count", "expected"),
    [("S-Base", 58, (-0.0830, -0.1180, 0.0099, 1.1136)), ("RL-R", 59, (-0.0827, -0.1234, 0.0112, 1.1070))],
)
def test_the_coefficients_of_the_published_runs(
    runs: pl.DataFrame, router: str, count: int, expected: tuple[float, ...]
) -> None:
    chosen = seen(runs, router)
    assert len(chosen) == count
    found = fit(FORM, chosen, objective=LEAST_SQUARES)
    assert found.at_optimum == 1
    assert found.theta[:4] == pytest.approx(expected, abs=6e-5)


def test_a_dense_model_has_e_start_experts_in_effect_and_many_have_e_max() -> None:
    for params in TABLE_3.values():
        a, b, c, d, start, most = params.values()
        theta = FORM.theta(params)
        for experts, effective in ((1.0, start), (1e9, most)):
            said = a * 9 + b * np.log10(effective) + c * 9 * np.log10(effective) + d
            loss = float(FORM.loss(theta, {"N": 1e9, "experts": experts}))
            assert loss == pytest.approx(10**said, rel=1e-5)


def test_a_dense_model_is_worth_itself_and_a_routed_one_the_dense_model_with_its_loss() -> None:
    theta = FORM.theta(TABLE_3["s-base"])
    assert float(FORM.dense_equivalent(theta, 1.3e9, 1.0)) == pytest.approx(1.3e9)
    worth = float(FORM.dense_equivalent(theta, 1.3e9, 64.0))
    assert 2e9 < worth < 10e9
    assert float(FORM.loss(theta, {"N": worth, "experts": 1.0})) == pytest.approx(
        float(FORM.loss(theta, {"N": 1.3e9, "experts": 64.0}))
    )


def test_routing_stops_helping_at_one_size() -> None:
    params = TABLE_3["s-base"]
    theta, where = FORM.theta(params), 10 ** (-params["b"] / params["c"])
    gain = [
        float(FORM.loss(theta, {"N": n, "experts": 1.0}) - FORM.loss(theta, {"N": n, "experts": 128.0}))
        for n in (where / 10, where, where * 10)
    ]
    assert gain[0] > 0
    assert gain[1] == pytest.approx(0, abs=1e-9)
    assert gain[2] < 0


def test_a_fit_that_tries_e_start_beyond_e_max_stays_finite() -> None:
    theta = FORM.theta({**TABLE_3["rl-r"], "E_start": 900.0})
    x = FORM.encode({"N": np.array([1e8, 1e9]), "experts": np.array([1.0, 64.0])})
    values, jacobian = np.empty(2), np.empty((2, 6))
    FORM.log_loss(theta, x, values, jacobian)
    assert np.all(np.isfinite(values))
    assert np.all(np.isfinite(jacobian))
