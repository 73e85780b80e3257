"""Mixtures: the published rankings, planted laws, and a best mixture that is one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize
from scipy.stats import spearmanr

from smelt.errors import InputError
from smelt.laws.forms import Floats
from smelt.laws.forms.mixture import Mixture
from smelt.laws.mixtures.fit import Method, fit_mixture
from smelt.laws.mixtures.law import MixtureLaw
from smelt.laws.mixtures.simplex import best_mixture, within

DOMAINS = ("web", "code", "books")
PLANTED = {"web_loss": np.array([np.log(2.0), -0.5, 0.6, 0.3]), "code_loss": np.array([np.log(1.0), 0.7, -0.9, 0.8])}
PILE_CC = "metric/the_pile_pile_cc_val_loss"


def loss(name: str, x: Floats) -> Floats:
    return Mixture(DOMAINS).loss(PLANTED[name], {domain: x[:, j] for j, domain in enumerate(DOMAINS)})


def runs(n: int = 40, noise: float = 0.002) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    x = generator.dirichlet([1.0, 1.0, 1.0], size=n)
    columns = {domain: x[:, j] for j, domain in enumerate(DOMAINS)}
    losses = {name: loss(name, x) * np.exp(noise * generator.standard_normal(n)) for name in PLANTED}
    return pl.DataFrame(columns | losses)


@pytest.fixture(scope="module")
def law() -> MixtureLaw:
    return fit_mixture(runs(), shares=DOMAINS, losses=list(PLANTED), draws=100)


def test_a_planted_mixtures_loss_lies_within_its_interval(law: MixtureLaw) -> None:
    mixture = {"web": 0.4, "code": 0.5, "books": 0.1}
    for name, said in law.predict(mixture).items():
        truth = float(loss(name, np.array([list(mixture.values())]))[0])
        assert said.mid == pytest.approx(truth, rel=0.003)
        assert said.low is not None
        assert said.high is not None
        assert said.low - 0.002 < truth < said.high + 0.002


def test_the_best_mixture_is_that_of_an_optimiser(law: MixtureLaw) -> None:
    weights = {"web_loss": 0.7, "code_loss": 0.3}

    def target(x: Floats) -> float:
        return float(sum(w * law.losses[name].predict(x[None])[0] for name, w in weights.items()))

    bounds = [(0, law.seen[name].greatest) for name in DOMAINS]
    exact = minimize(target, [1 / 3] * 3, bounds=bounds, constraints={"type": "eq", "fun": lambda x: x.sum() - 1})
    best = law.best(weights)
    assert [best.shares[name].mid for name in DOMAINS] == pytest.approx(list(exact.x), abs=0.005)
    assert best.loss.mid == pytest.approx(exact.fun, rel=1e-5)
    assert best.loss.mid < best.best_run.loss * 1.01


def test_the_best_shares_of_the_truth_lie_within_their_intervals(law: MixtureLaw) -> None:
    def truth(x: Floats) -> Floats:
        return (loss("web_loss", x) + loss("code_loss", x)) / 2

    grid = np.array([(i, j, 200 - i - j) for i in range(201) for j in range(201 - i)]) / 200
    expected = grid[int(np.argmin(truth(grid)))]
    for share, true in zip(law.best().shares.values(), expected, strict=True):
        assert share.low is not None
        assert share.high is not None
        assert share.low - 0.01 <= true <= share.high + 0.01


def test_bounds_are_kept_and_what_no_run_had_is_only_taken_when_asked_and_is_said(law: MixtureLaw) -> None:
    assert law.best(most={"code": 0.1}).shares["code"].mid <= 0.1
    within_runs, anywhere = law.best({"code_loss": 1}), law.best({"code_loss": 1}, most={"code": 1.0})
    assert within_runs.shares["code"].mid <= law.seen["code"].greatest + 1e-6
    assert not within_runs.warnings
    assert anywhere.shares["code"].mid > law.seen["code"].greatest
    assert "beyond the greatest of any run" in anywhere.warnings[0]


def test_a_law_goes_to_json_and_back_with_its_draws(law: MixtureLaw) -> None:
    assert MixtureLaw.from_json(law.to_json()) == law


@pytest.mark.parametrize("method", ["mixture", "linear", "trees"])
def test_every_method_tells_its_error_on_runs_left_out(method: Method) -> None:
    fitted = fit_mixture(runs(120), shares=DOMAINS, losses=["web_loss"], method=method, draws=5)
    held_out = fitted.losses["web_loss"].held_out
    assert held_out is not None
    assert held_out.n == 120
    assert held_out.mean_rel_err < (0.004 if method == "mixture" else 0.03)
    said = fitted.predict({"web": 1.0})["web_loss"]
    assert said.low is not None


def regmix(data: Path, which: str, size: str) -> tuple[list[str], pl.DataFrame]:
    shares, losses = (
        pl.read_csv(data / f"scaling/regmix/{which}_{part}_{size}.csv").drop("index")
        for part in ("mixture", "pile_loss")
    )
    return shares.columns, pl.concat([shares, losses], how="horizontal")


@pytest.mark.parametrize(
    ("method", "small", "large"), [("linear", 0.902, 0.893), ("mixture", 0.96, 0.955), ("trees", 0.990, 0.986)]
)
def test_pile_cc_is_ranked_as_published(shared_data: Path, method: Method, small: float, large: float) -> None:
    """RegMix: 512 mixtures of 1M models rank those of 1M and of 60M models (Spearman); the law is between the two."""
    domains, train = regmix(shared_data, "train", "1m")
    fitted = fit_mixture(train, shares=domains, losses=[PILE_CC], method=method, draws=0, folds=0)
    for size, expected in (("1m", small), ("60m", large)):
        _, test = regmix(shared_data, "test", size)
        x = test.select(domains).to_numpy()
        predicted = fitted.losses[PILE_CC].predict(x / x.sum(axis=1, keepdims=True))
        found = float(spearmanr(predicted, test[PILE_CC].to_numpy()).statistic)
        assert found >= expected - 0.0015
        assert method == "mixture" or found == pytest.approx(expected, abs=0.002)


def test_the_law_of_mixtures_predicts_pajama_runs_left_out_better_than_a_line(shared_data: Path) -> None:
    """Ye et al.'s 20 mixtures of 7 domains, 410M models, losses on sets of the Pile: mean relative error."""
    table = pl.read_csv(shared_data / "scaling/mixinglaws/RedPajama_410M.csv").filter(pl.col("step") == 30_000)
    domains = [f"r{i}" for i in range(7)]
    wide = table.pivot("domain", index="mix", values="loss")
    shares = wide["mix"].str.split("-").list.to_struct(fields=domains).struct.unnest().cast(pl.Float64)
    wide, losses = wide.with_columns(shares), ["ArXiv", "Github", "FreeLaw", "Wikipedia_en", "Pile-CC"]
    errors: dict[Method, float] = {}
    for method in ("mixture", "linear"):
        fitted = fit_mixture(wide, shares=domains, losses=losses, method=method, draws=0, folds=20)
        held_out = [one.held_out for one in fitted.losses.values() if one.held_out is not None]
        errors[method] = float(np.mean([one.mean_rel_err for one in held_out]))
    assert errors["mixture"] < 0.016
    assert errors["mixture"] < 0.7 * errors["linear"]


def test_bad_tables_are_told_where_and_what() -> None:
    good = runs()
    for table, said in (
        (good.drop("code"), "no column 'code'"),
        (good.with_columns(web=pl.col("web") * 2), "add up to"),
        (good.with_columns(web=pl.lit(-0.1)), "-0.1"),
        (good.with_columns(web_loss=pl.lit(0.0)), "a positive number"),
        (good.head(4), "4 runs of 3 domains"),
    ):
        with pytest.raises(InputError, match=said):
            fit_mixture(table, shares=DOMAINS, losses=["web_loss"], draws=0, folds=0)


def test_unknown_names_are_told_with_what_was_meant(law: MixtureLaw) -> None:
    with pytest.raises(InputError, match="has 0 columns of shares"):
        fit_mixture(runs(), shares=[], losses=["web_loss"])
    with pytest.raises(InputError, match="did you mean 'books'"):
        law.predict({"book": 1.0})
    with pytest.raises(InputError, match="'web_los' is not known"):
        law.best({"web_los": 1.0})
    with pytest.raises(InputError, match="add up to 0"):
        law.predict({"books": 0.5})


def test_few_runs_and_bad_rankings_are_doubted() -> None:
    fitted = fit_mixture(runs(7, noise=0.3), shares=DOMAINS, losses=["web_loss"], draws=0)
    assert any("7 runs for 4 parameters" in said for said in fitted.warnings)
    trees = fit_mixture(runs(12), shares=DOMAINS, losses=["web_loss"], method="trees", folds=20)
    assert any("few for trees" in said for said in trees.warnings)
    assert any("ranked badly" in said for said in trees.warnings)


def test_shares_cut_to_their_bounds_add_up_to_one() -> None:
    most = np.array([0.3, 0.5, 0.4])
    drawn = np.vstack([np.random.default_rng(0).dirichlet([0.3] * 3, size=500), [[1.0, 0.0, 0.0]]])
    cut = within(drawn, most)
    np.testing.assert_allclose(cut.sum(axis=1), 1, rtol=1e-9)
    assert np.all(cut <= most + 1e-12)
    assert np.all(cut >= 0)
    kept = np.all(drawn <= most, axis=1)
    np.testing.assert_allclose(cut[kept], drawn[kept], rtol=1e-12)


def test_the_search_finds_a_corner() -> None:
    slopes = np.arange(10.0)
    found = best_mixture(
        lambda x: x @ slopes,
        np.full(10, 0.1),
        np.ones(10),
        samples=5_000,
        rounds=11,
        generator=np.random.default_rng(0),
    )
    assert found[0] > 0.999
