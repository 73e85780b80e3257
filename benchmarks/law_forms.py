"""How well the forms that are not loss by N and D say what they were not fitted to, on published runs.

Errors, not rates. Beside each figure: the published method, or the plainest one, on the same runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import spearmanr

from benchmarks.figures import Figure
from smelt.laws.fitting.fit import fit
from smelt.laws.forms.broken import Broken
from smelt.laws.mixtures.fit import fit_mixture
from smelt.laws.mixtures.law import Method
from smelt.laws.points import Observations
from smelt.laws.scores.downstream import chained_errors, fit_downstream
from smelt.laws.sweeps import fit_sweeps, regret, step_law

SCALING = Path(__file__).parent.parent.parent / "shared" / "data" / "scaling"
METHODS: tuple[Method, ...] = ("mixture", "linear", "trees")
BEYOND = pl.DataFrame({"dataset_size": [800.0, 864.0, 928.0], "test_loss": [0.75856477, 0.64768338, 0.55695445]})
"""What Caballero et al. 2023 held out of their 17 points (figure 4 left)."""
FOUR = (
    *(f"mmlu_{subject}_test" for subject in ("stem", "humanities", "social_sciences", "other")),
    *("hellaswag_val", "arc_easy_test", "arc_challenge_test", "openbookqa_test"),
)
"""Tasks of four answers."""
TASKS = dict.fromkeys(FOUR, 1 / 4) | {"csqa_val": 1 / 5, "socialiqa_val": 1 / 3, "piqa_val": 1 / 2}
"""With what guessing reaches."""


def measure_law_forms() -> Iterator[Figure]:
    """Each form against runs held out."""
    yield _broken()
    yield from _regmix()
    yield from _mixing_laws()
    yield from _ladder()
    yield from _step_law()


def _broken() -> Figure:
    train = pl.read_csv(SCALING / "bnsl" / "fit14.csv")
    errors: dict[int, float] = {}
    for breaks in (0, 1, 2):
        form = Broken("D", breaks=breaks)
        theta = fit(form, addition(train)).theta
        left = np.log(form.loss(theta, addition(BEYOND).variables) / BEYOND["test_loss"].to_numpy())
        errors[breaks] = float(np.sqrt(np.mean(left**2)))
    peers = {"power law with a floor": errors[0], "two breaks": errors[2]}
    return Figure("4-digit addition beyond its runs, one break", errors[1], "RMSLE", "< .02", peers)


def addition(table: pl.DataFrame) -> Observations:
    """Losses of 4-digit addition by the number of examples."""
    sizes, loss = (table[name].to_numpy().astype(np.float64) for name in ("dataset_size", "test_loss"))
    return Observations(run=tuple(map(str, sizes)), variables={"D": sizes}, loss=loss)


def _regmix() -> Iterator[Figure]:
    """Ranks of mixtures by their loss on Pile-CC, from 512 of 1M models."""
    shares, train = regmix_table("train", "1m")
    target = "metric/the_pile_pile_cc_val_loss"
    laws = {
        method: fit_mixture(train, shares=shares, losses=[target], method=method, draws=0, folds=0)
        for method in METHODS
    }
    for size in ("1m", "60m"):
        _, test = regmix_table("test", size)
        x = test.select(shares).to_numpy()
        found = {
            method: float(
                spearmanr(law.losses[target].predict(x / x.sum(axis=1, keepdims=True)), test[target]).statistic
            )
            for method, law in laws.items()
        }
        peers = {name: found[name] for name in ("linear", "mixture")}
        yield Figure(f"RegMix, Pile-CC, 1M to {size.upper()}: trees", found["trees"], "Spearman", "> .985", peers)


def regmix_table(which: str, size: str) -> tuple[list[str], pl.DataFrame]:
    """Names of the shares, and shares and losses of one size's runs."""
    parts = [SCALING / "regmix" / f"{which}_{part}_{size}.csv" for part in ("mixture", "pile_loss")]
    shares, losses = (pl.read_csv(part).drop("index") for part in parts)
    return shares.columns, pl.concat([shares, losses], how="horizontal")


def _mixing_laws() -> Iterator[Figure]:
    """Twenty mixtures of seven domains, each left out, over all 22 validation sets."""
    for size in ("305M", "410M"):
        wide, domains, losses = mixing_laws_table(size)
        errors: dict[str, float] = {}
        for method in ("mixture", "linear"):
            law = fit_mixture(wide, shares=domains, losses=losses, method=method, draws=0, folds=wide.height)
            held_out = [one.held_out for one in law.losses.values() if one.held_out is not None]
            errors[method] = 100 * float(np.mean([one.mean_rel_err for one in held_out]))
        yield Figure(f"data mixing laws, {size}, left out", errors["mixture"], "%", "", {"linear": errors["linear"]})


def mixing_laws_table(size: str) -> tuple[pl.DataFrame, list[str], list[str]]:
    """A mixture a row, and the names of the shares and of the losses."""
    domains = [f"r{i}" for i in range(7)]
    table = pl.read_csv(SCALING / "mixinglaws" / f"RedPajama_{size}.csv").filter(pl.col("step") == 30_000)
    wide = table.pivot("domain", index="mix", values="loss")
    losses = wide.columns[1:]
    wide = wide.with_columns(pl.col("mix").str.split("-").list.to_struct(fields=domains)).unnest("mix")
    return wide.with_columns(pl.col(domains).cast(pl.Float64)), domains, losses


def _ladder() -> Iterator[Figure]:
    """OLMo's ladder: accuracy of the largest models from the smaller, by way of bits per byte, eleven tasks."""
    runs = ladder_table()
    held_out = {"the largest run": pl.col("run") == "1B-10xC", "all 1B runs": pl.col("run").str.starts_with("1B-")}
    for name, is_test in held_out.items():
        train, test = runs.filter(~is_test), runs.filter(is_test)
        errors = [_chained(train, test, task) for task in TASKS]
        at_chance = [_chained(train, test, task, chance) for task, chance in TASKS.items()]
        peers = {"low held at chance": float(np.mean(at_chance)), "worst task": max(errors)}
        yield Figure(f"accuracy in two steps, {name}", float(np.mean(errors)), "%", "", peers)


def ladder_table() -> pl.DataFrame:
    """The last checkpoint of each of the 16 models."""
    return pl.read_csv(SCALING / "olmo_ladder" / "ladder16.csv").rename({"N": "n_params", "D": "n_tokens"})


def columns_of(task: str) -> tuple[str, str]:
    """Bits per byte of a task's right answers, and its accuracy."""
    return f"eval/downstream_bpb/{task}_rc_5shot_bpb", f"eval/downstream/{task}_rc_5shot_len_norm"


def _chained(train: pl.DataFrame, test: pl.DataFrame, task: str, chance: float | None = None) -> float:
    """Mean relative error of a task's accuracy, in per cent."""
    proxy, score = columns_of(task)
    law = fit_downstream(train, proxy=proxy, score=score, chance=chance, draws=10)
    return 100 * float(np.mean(chained_errors(law, test)["rel_err"].to_numpy()))


def _step_law() -> Iterator[Figure]:
    """Regret of laws fitted to the other cells, by what counts as the best of a cell."""
    sweep = dense_sweeps()
    published = regret(sweep, step_law)["regret"].to_numpy()
    regrets = {flat: 100 * fit_sweeps(sweep, flat=flat, draws=10).held_out_regret for flat in (0.0, 0.002, 0.005)}
    peers = {"published": 100 * float(np.mean(published)), "least run": regrets[0.0], "within .5%": regrets[0.005]}
    yield Figure("learning rate and batch, regret in cells left out", regrets[0.002], "%", "< .0957", peers)


def dense_sweeps() -> pl.DataFrame:
    """Learning rates and batches of 17 cells of N and D."""
    table = pl.read_csv(SCALING / "steplaw" / "dense_lr_bs_loss.csv")
    batch = pl.col("bs") * 2048
    return table.select(n_params="N", n_tokens="D", lr="lr", batch_tokens=batch, loss_nats="smooth loss")
