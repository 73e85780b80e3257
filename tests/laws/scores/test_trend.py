"""Trends with scale: published slopes, planted shapes, and the metric behind a jump."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import linregress

from smelt.errors import InputError
from smelt.laws.forms import Floats
from smelt.laws.scores.trend import Better, emergence, trend

SCALE = np.logspace(8, 11, 16)
DECADES = np.log10(SCALE) - 9.5


def noisy(score: Floats, noise: float = 0.02) -> Floats:
    return score + noise * np.random.default_rng(1).standard_normal(len(score))


def pilot(data: Path, experiment: str) -> pl.DataFrame:
    table = pl.read_csv(data / "scaling/inverse_scaling_pilot/mean_by_model.csv", infer_schema_length=None)
    return table.filter(pl.col("experiment") == experiment).drop_nulls("mean_loss")


def models(data: Path, *scores: str) -> list[Floats]:
    """Training FLOPs and scores of the models that have all of them."""
    folder = data / "scaling/obsscaling"
    sizes = pl.read_csv(folder / "base_llm_benchmark_eval.csv")
    table = pl.read_csv(folder / "base_llm_emergent_capability_eval.csv").join(sizes, on="Model")
    names = ["FLOPs (1E21)", *scores]
    return [column.cast(pl.Float64).to_numpy() for column in table.drop_nulls(names).select(names)]


@pytest.mark.parametrize(
    ("experiment", "slope", "direction", "verdict"),
    [
        ("lambada_gpt3", -0.413, "normal", "normal"),
        ("anli_R1_gpt2_NYU", 0.401, "inverse", "inverted-u"),  # 355M does better than 124M, and then worse and worse
        ("snli-gpt2", 0.350, "inverse", "inverse"),
    ],
)
def test_losses_a_decade_are_those_of_the_pilot(
    shared_data: Path, experiment: str, slope: float, direction: str, verdict: str
) -> None:
    runs = pilot(shared_data, experiment)
    errors = runs["sem_loss"].to_numpy()
    found = trend(runs["params_assumed"].to_numpy(), runs["mean_loss"].to_numpy(), errors=errors)
    assert found.slope.value == pytest.approx(slope, abs=0.001)
    assert found.direction == direction
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("score", "r2"),
    [("ipa_transliterate_2_exact_match", 0.586), ("ipa_transliterate_2_bleu", 0.660), ("arithmetic_2dm_2_acc", 0.773)],
)
def test_emergent_tasks_are_as_straight_in_log_compute_as_published(shared_data: Path, score: str, r2: float) -> None:
    flops, values = models(shared_data, score)
    found = trend(flops, values, better="higher")
    assert found.r2 == pytest.approx(r2, abs=0.001)
    assert found.verdict == "normal"


def test_on_the_same_models_bleu_is_not_clearly_straighter_than_exact_match(shared_data: Path) -> None:
    """.586 is of 67 models and .660 of 60: on these 60 exact match has .615, and the difference may be chance."""
    found = emergence(*models(shared_data, "ipa_transliterate_2_exact_match", "ipa_transliterate_2_bleu"))
    assert found.n == 60
    assert found.hard_r2 == pytest.approx(0.6146, abs=0.001)
    assert found.rank_correlation > 0.85
    assert found.verdict == "unclear"


@pytest.mark.parametrize(
    ("shape", "better", "verdict"),
    [
        (-0.2 * DECADES, "lower", "normal"),
        (-0.2 * DECADES, "higher", "inverse"),
        (0.2 * DECADES, "lower", "inverse"),
        (0.3 * DECADES**2, "lower", "inverted-u"),
        (0.3 * DECADES**2, "higher", "u-shaped"),
        (-0.3 * DECADES**2, "lower", "u-shaped"),
        (0.5 * np.exp(-2 * (DECADES + 1.5)), "lower", "normal"),  # levels off: a parabola would turn
        (np.zeros(16), "lower", "unclear"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_planted_shapes_are_named(shape: Floats, better: Better, verdict: str, known: bool) -> None:
    errors = np.full(len(SCALE), 0.02) if known else None
    assert trend(SCALE, noisy(2 + shape), errors=errors, better=better).verdict == verdict


def test_a_turn_is_where_it_was_planted() -> None:
    found = trend(SCALE, noisy(0.5 * DECADES**2))
    assert found.turns_at == pytest.approx(10**9.5, rel=0.6)
    assert found.bend_p is not None
    assert found.bend_p < 1e-6


def test_the_slope_and_its_interval_are_those_of_scipy() -> None:
    score = noisy(2 - 0.1 * DECADES, 0.1)
    found, expected = trend(SCALE, score), linregress(DECADES, score)
    assert found.slope.value == pytest.approx(expected.slope, rel=1e-9)
    assert found.slope.se == pytest.approx(expected.stderr, rel=1e-9)
    assert found.r2 == pytest.approx(expected.rvalue**2, rel=1e-9)


def test_no_u_is_claimed_of_a_flat_line_more_often_than_one_in_twenty() -> None:
    generator = np.random.default_rng(0)
    verdicts = [trend(SCALE, generator.standard_normal(len(SCALE))).verdict for _ in range(200)]
    assert np.mean([verdict in ("u-shaped", "inverted-u") for verdict in verdicts]) < 0.05


def test_an_exact_match_of_ten_tokens_jumps_where_the_token_does_not() -> None:
    per_token = np.clip(noisy(0.55 + 0.13 * (DECADES + 1.5), 0.01), 0.01, 0.99)
    found = emergence(SCALE, per_token**10, per_token)
    assert found.verdict == "of the metric"
    assert found.continuous_r2 > found.hard_r2 + 0.1
    assert emergence(SCALE, per_token, per_token**10).verdict == "not of the metric"


@pytest.mark.parametrize(
    ("scale", "score"), [([1e8, 1e9], [1.0, 2.0]), ([1e8] * 4, [1.0] * 4), ([1e8, 0.0, 1e9], [1.0] * 3)]
)
def test_what_has_no_trend_is_refused(scale: list[float], score: list[float]) -> None:
    with pytest.raises(InputError, match="a trend"):
        trend(np.array(scale), np.array(score))
