"""Two steps to a score, chained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from smelt.errors import InputError
from smelt.laws.forms.downstream import Sigmoid
from smelt.laws.scores.downstream import DownstreamLaw, chained_errors, fit_downstream

TASKS = {"hellaswag_val": 0.25, "arc_easy_test": 0.25, "piqa_val": 0.5}
"""With what guessing reaches."""


def planted(noise: float = 0.002) -> pl.DataFrame:
    n, ratio = (grid.ravel() for grid in np.meshgrid([1e8, 3e8, 1e9, 3e9], [20.0, 60.0, 200.0, 600.0]))
    generator = np.random.default_rng(0)
    bpb = (0.5 + 60 / n**0.28 + 150 / (n * ratio) ** 0.25) * np.exp(noise * generator.standard_normal(len(n)))
    theta = np.array([np.log(0.9 / 0.1), np.log(8.0), 0.95, 0.25])
    accuracy = Sigmoid().loss(theta, {"bpb": bpb}) + noise * generator.standard_normal(len(n))
    return pl.DataFrame({"n_params": n, "n_tokens": n * ratio, "bpb": bpb, "accuracy": accuracy})


def ladder(data: Path) -> pl.DataFrame:
    return pl.read_csv(data / "scaling/olmo_ladder/ladder16.csv").rename({"N": "n_params", "D": "n_tokens"})


def of_task(runs: pl.DataFrame, task: str, chance: float | None = None, draws: int = 20) -> DownstreamLaw:
    proxy, score = f"eval/downstream_bpb/{task}_rc_5shot_bpb", f"eval/downstream/{task}_rc_5shot_len_norm"
    return fit_downstream(runs, proxy=proxy, score=score, chance=chance, draws=draws)


@pytest.mark.parametrize("chance", [None, 0.25])
def test_a_planted_score_is_predicted_at_four_times_the_size(chance: float | None) -> None:
    law = fit_downstream(planted(), proxy="bpb", score="accuracy", chance=chance, draws=200)
    said = law.predict(n_params=12e9, n_tokens=1.2e12)
    bpb = 0.5 + 60 / 12e9**0.28 + 150 / 1.2e12**0.25
    theta = np.array([np.log(0.9 / 0.1), np.log(8.0), 0.95, 0.25])
    truth = float(Sigmoid().loss(theta, {"bpb": bpb}))
    assert said.proxy.mid == pytest.approx(bpb, rel=0.01)
    assert said.score.mid == pytest.approx(truth, abs=0.01)
    assert said.score.low is not None
    assert said.score.high is not None
    assert said.score.low < truth < said.score.high


def test_a_top_that_the_runs_do_not_tell_comes_from_the_anchor() -> None:
    """Models of at most 40% where the best reach 90%: without bits lost, all is right."""
    theta = np.array([np.log(0.98 / 0.02), np.log(6.0), 0.6, 0.25])
    runs = planted().with_columns(accuracy=pl.Series(Sigmoid().loss(theta, {"bpb": planted()["bpb"].to_numpy()})))
    generator = np.random.default_rng(0)
    runs = runs.with_columns(pl.col("accuracy") + 0.01 * generator.standard_normal(runs.height))
    far, truth = np.array(0.3), float(Sigmoid().loss(theta, {"bpb": np.array(0.3)}))
    said = [
        float(Sigmoid().loss(np.array(law.second.theta), {"bpb": far}))
        for law in (
            fit_downstream(runs, proxy="bpb", score="accuracy", anchored=anchored, draws=0)
            for anchored in (False, True)
        )
    ]
    assert abs(said[1] - truth) < 0.05
    assert abs(said[0] - truth) > 0.1


def test_an_average_error_is_chained_through_its_loss() -> None:
    runs = planted().with_columns(loss=pl.col("bpb") * 3)
    runs = runs.with_columns(error=0.86 - 2.2 * (-0.8 * pl.col("loss")).exp())
    law = fit_downstream(runs, proxy="loss", score="error", link="exponential-error", draws=100)
    said = law.predict(n_params=12e9, n_tokens=1.2e12)
    loss = 3 * (0.5 + 60 / 12e9**0.28 + 150 / 1.2e12**0.25)
    assert said.score.mid == pytest.approx(0.86 - 2.2 * np.exp(-0.8 * loss), abs=0.005)
    assert law.second.params["gamma"].value == pytest.approx(0.8, rel=0.01)


def test_an_interval_carries_the_error_of_the_first_step() -> None:
    """With a second step known exactly, the score's interval is that of the proxy, through the sigmoid."""
    law = fit_downstream(planted(noise=0.01), proxy="bpb", score="accuracy", draws=200)
    exact = law.model_copy(update={"second": law.second.model_copy(update={"draws": [law.second.theta] * 200})})
    said = exact.predict(n_params=12e9, n_tokens=1.2e12)
    assert said.proxy.low is not None
    assert said.proxy.high is not None
    ends = Sigmoid().loss(np.array(law.second.theta), {"bpb": np.array([said.proxy.high, said.proxy.low])})
    assert (said.score.low, said.score.high) == pytest.approx(tuple(ends), abs=2e-3)


def test_the_largest_of_sixteen_models_is_predicted_to_two_per_cent(shared_data: Path) -> None:
    """OLMo's ladder (Bhagia et al. 2024): 1B on 10x Chinchilla's tokens by the fifteen others, mean of three tasks."""
    runs, largest = ladder(shared_data), pl.col("run") == "1B-10xC"
    laws = [of_task(runs.filter(~largest), task) for task in TASKS]
    errors = [float(chained_errors(law, runs.filter(largest))["rel_err"][0]) for law in laws]
    assert np.mean(errors) < 0.015
    assert max(errors) < 0.03
    proxies = [law.predict(n_params=law_n, n_tokens=law_d).proxy.mid for law in laws for law_n, law_d in _sizes(runs)]
    observed = [float(runs.filter(largest)[law.proxy][0]) for law in laws]
    assert np.mean(np.abs(np.array(proxies) / observed - 1)) < 0.015


def test_all_models_of_the_largest_size_are_predicted_to_four_per_cent(shared_data: Path) -> None:
    runs, large = ladder(shared_data), pl.col("run").str.starts_with("1B-")
    for chance in (False, True):
        errors = [
            float(np.mean(chained_errors(law, runs.filter(large))["rel_err"].to_numpy()))
            for law in (of_task(runs.filter(~large), task, c if chance else None) for task, c in TASKS.items())
        ]
        assert np.mean(errors) < 0.03


def test_a_law_goes_to_json_and_back() -> None:
    law = fit_downstream(planted(), proxy="bpb", score="accuracy", draws=20)
    assert DownstreamLaw.model_validate_json(law.model_dump_json()) == law


def test_what_the_runs_cannot_say_is_said() -> None:
    runs = planted().with_columns(flat=pl.lit(0.25) + 0.001 * pl.int_range(pl.len()) % 0.004)
    law = fit_downstream(runs, proxy="bpb", score="flat", chance=0.25, draws=20)
    assert any("within .03 of chance" in said for said in law.warnings)


def test_bad_tables_are_told() -> None:
    with pytest.raises(InputError, match="no column 'bits'"):
        fit_downstream(planted(), proxy="bits", score="accuracy")
    with pytest.raises(InputError, match="holds 4 runs"):
        fit_downstream(planted().head(4), proxy="bpb", score="accuracy")


def _sizes(runs: pl.DataFrame) -> list[tuple[float, float]]:
    return runs.filter(pl.col("run") == "1B-10xC").select("n_params", "n_tokens").rows()
