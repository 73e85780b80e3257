"""Budgets are recognised where runs were made for them, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from planted_runs import BUDGETS, ladder
from smelt.laws.budgets import recognise
from smelt.laws.points import Points


def test_groups_of_equal_flops_are_budgets() -> None:
    points, _ = Points.from_frame(ladder().drop("budget_flops"))
    np.testing.assert_allclose(points.budgets, BUDGETS, rtol=1e-5)


def test_flops_that_agree_within_a_few_per_cent_are_one_budget() -> None:
    rounded = np.random.default_rng(0).uniform(0.98, 1.02, 20)
    runs = ladder().drop("budget_flops").with_columns(flops=pl.col("flops") * pl.Series(rounded))
    budgets = Points.from_frame(runs)[0].budgets
    np.testing.assert_allclose(budgets, BUDGETS, rtol=0.03)


@pytest.mark.parametrize("n_runs", [6, 30, 100, 1000])
def test_runs_scattered_at_random_are_never_grouped(n_runs: int) -> None:
    generator = np.random.default_rng(n_runs)
    for _ in range(200):
        flops = 10 ** generator.uniform(18, 22, n_runs)
        assert not np.isfinite(recognise(flops, generator.uniform(1e6, 1e9, n_runs))).any()


def test_a_grid_of_sizes_and_tokens_has_no_budgets() -> None:
    """Powers of two of both: many products are equal by chance of the grid, but they are all near to others."""
    n, d = (values.ravel() for values in np.meshgrid(np.geomspace(1e7, 1e9, 8), np.geomspace(1e9, 1e11, 8)))
    jitter = np.random.default_rng(0).uniform(0.9, 1.1, len(n))
    assert not np.isfinite(recognise(6 * n * d * jitter, n)).any()


def test_repeats_of_one_size_are_no_budget() -> None:
    assert not np.isfinite(recognise(np.full(5, 1e18), np.full(5, 1e8))).any()


def test_hoffmanns_runs_as_read_off_a_figure_are_too_blurred_for_budgets(shared_data: Path) -> None:
    frame = pl.read_csv(shared_data / "scaling/epoch_chinchilla/svg_extracted_data.csv")
    assert not np.isfinite(recognise(frame["Training FLOP"].to_numpy(), frame["Model Size"].to_numpy())).any()


def test_porians_budgets_are_recognised(shared_data: Path) -> None:
    frame = pl.read_csv(shared_data / "scaling/porian/isoflop_points.csv")
    frame = frame.filter(pl.col("stage") == "rw|tuned|short|const|standard|val")
    found = recognise(frame["flops"].to_numpy(), frame["N"].to_numpy())
    np.testing.assert_allclose(found, frame["flops"].to_numpy(), rtol=1e-5)


def test_a_column_of_budgets_is_believed() -> None:
    none = pl.lit(None, dtype=pl.Float64)
    assert not len(Points.from_frame(ladder().with_columns(budget_flops=none))[0].budgets)


def test_rows_of_one_run_and_size_are_checkpoints_and_replicates_are_not() -> None:
    runs = pl.DataFrame(
        {
            "run": ["a", "a", "a", "b", "b", "c"],
            "n_params": [1e6, 1e6, 1e6, 1e6, 1e6, 2e6],
            "n_tokens": [1e8, 3e8, 2e8, 1e8, 1e8, 1e8],
            "loss_nats": [4.0, 3.0, 3.5, 4.0, 4.1, 3.9],
        }
    )
    points, _ = Points.from_frame(runs)
    assert points.is_final.tolist() == [False, True, False, True, True, True]
    assert len(points.final) == 4
