"""What a model of N parameters on D tokens will score on a task, in two steps with one interval.

    N, D  --step 1-->  bits per byte of the right answers, or a loss  --step 2-->  accuracy, or error

Accuracies of small models are near chance and say nothing; the bits per byte of the right answers fall smoothly from
the smallest model on (Schaeffer et al. 2023), and accuracy is a sigmoid of them (Bhagia et al. 2024). Both steps are
fitted to the same runs, and the bootstrap goes through both: a draw resamples runs, refits both steps, and chains them,
so an error of the first is carried into the second.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from smelt.errors import InputError
from smelt.laws.findings import Estimate, Interval, Record
from smelt.laws.fitting.fit import bootstrap, fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import FORMS, Floats, Form, Variables
from smelt.laws.forms.downstream import ExponentialError, Sigmoid
from smelt.laws.points import Observations
from smelt.laws.tables import arrays

Link = Literal["sigmoid", "sigmoid-chance", "exponential-error"]
LINKS: dict[Link, Form] = {
    "sigmoid": Sigmoid(),
    "sigmoid-chance": Sigmoid(chance=True),
    "exponential-error": ExponentialError(),
}
"""Forms of the second step by name."""
SCORE_DELTA = 0.01
"""Huber's delta of the second step: accuracies of a few hundred questions err by a few hundredths."""


class Step(Record):
    """One of the two steps, fitted."""

    form: str
    formula: str
    source: str
    fails: str
    params: dict[str, Estimate]
    theta: list[float]
    draws: list[list[float]]

    def at(self, form: Form, variables: Variables) -> Floats:
        """What it says by all runs, then by each draw: (1 + draws)."""
        return form.loss(np.array([self.theta, *self.draws]), variables)


class Score(Record):
    """A prediction."""

    proxy: Interval
    """Bits per byte or loss: of the parameters only, as the other."""
    score: Interval
    """Accuracy or error."""


class DownstreamLaw(Record):
    """A score by N and D."""

    proxy: str
    """The column between the steps."""
    score: str
    chance: float | None
    n_runs: int
    first: Step
    second: Step
    largest_flops: float
    """6ND of the largest run."""
    warnings: list[str]

    def predict(self, *, n_params: float, n_tokens: float) -> Score:
        """The score of `n_params` trained on `n_tokens`, each draw chained through both steps."""
        sizes = {"N": n_params, "D": n_tokens, "C": 6 * n_params * n_tokens}
        link = LINKS[_link(self.second.form, chance=self.chance)]
        proxy = self.first.at(FORMS[self.first.form], sizes)
        score = self.second.at(link, _between(link, proxy, self.chance))
        return Score(proxy=_interval(proxy), score=_interval(score))


def fit_downstream(
    frame: pl.DataFrame,
    *,
    proxy: str,
    score: str,
    chance: float | None = None,
    link: Literal["sigmoid", "exponential-error"] = "sigmoid",
    form: str = "chinchilla",
    anchored: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> DownstreamLaw:
    """The law of the column `score` by way of the column `proxy`, from runs with n_params and n_tokens.

    `chance` fixes what a model without any skill scores (.25 of four answers), else it is fitted. `form` is that of
    the first step, any of `FORMS` in N, D and C. Raises InputError for missing columns and too few runs.

    `anchored` adds to the second step a model without loss that is always right, counted as one run more (Bhagia et
    al. 2024): for plans far beyond the runs, where the top that small models suggest is too low. On OLMo's ladder it
    takes the error of 7B and 13B models from 6.9 points to 4.0 (`python -m benchmarks reproductions`).
    """
    first, second = FORMS[form], LINKS[_link(link, chance=chance)]
    needed = max(len(first.parameters), len(second.parameters)) + 1
    if frame.height < needed:
        raise InputError(where="the run table", what=f"holds {frame.height} runs", expected=f"at least {needed}")
    n, d = (arrays.numbers(frame, name, positive=True) for name in ("n_params", "n_tokens"))
    x, y = arrays.numbers(frame, proxy, positive=True), arrays.numbers(frame, score)
    runs = tuple(str(i) for i in range(len(x)))
    scored = Observations(runs, _between(second, x, chance), y)
    return DownstreamLaw(
        proxy=proxy,
        score=score,
        chance=chance,
        n_runs=len(x),
        first=_fit(first, Observations(runs, {"N": n, "D": d, "C": 6 * n * d}, x), Objective(), draws, seed=seed),
        second=_fit(
            second,
            _anchored(scored, right=0.0 if link == "exponential-error" else 1.0) if anchored else scored,
            Objective(huber_delta=SCORE_DELTA),
            draws,
            seed=seed,  # that of the first step: both draw the same runs
        ),
        largest_flops=float((6 * n * d).max()),
        warnings=_doubts(x, y, chance),
    )


def chained_errors(law: DownstreamLaw, frame: pl.DataFrame) -> pl.DataFrame:
    """Of runs that the law has not seen: predicted and observed score, and the relative error, a run a row."""
    n, d = (arrays.numbers(frame, name, positive=True) for name in ("n_params", "n_tokens"))
    scores = [law.predict(n_params=float(a), n_tokens=float(b)).score for a, b in zip(n, d, strict=True)]
    observed, predicted = arrays.numbers(frame, law.score), np.array([score.mid for score in scores])
    ends = {"low": [score.low for score in scores], "high": [score.high for score in scores]}
    return pl.DataFrame(
        {"n_params": n, "n_tokens": d, "observed": observed, "predicted": predicted}
        | ends
        | {"rel_err": np.abs(predicted / observed - 1)}
    )


def _fit(form: Form, seen: Observations, objective: Objective, draws: int, *, seed: int) -> Step:
    found = fit(form, seen, objective=objective)
    thetas = bootstrap(found, seen, draws=draws, seed=seed, objective=objective)
    named, named_draws = form.named(found.theta), form.named(thetas)
    return Step(
        form=form.name,
        formula=form.formula,
        source=form.source,
        fails=form.fails,
        params={name: Estimate.of(float(value), named_draws[name]) for name, value in named.items()},
        theta=found.theta.tolist(),
        draws=thetas.tolist(),
    )


def _anchored(seen: Observations, *, right: float) -> Observations:
    """With a run of no loss, and of the score of one that is always right."""
    variables = {
        name: np.append(values, values[0] if name == "chance" else 0.0) for name, values in seen.variables.items()
    }
    return Observations((*seen.run, "no loss"), variables, np.append(seen.loss, right))


def _link(link: str, *, chance: float | None) -> Link:
    if link == "exponential-error":
        return "exponential-error"
    return "sigmoid" if chance is None else "sigmoid-chance"


def _between(link: Form, proxy: Floats, chance: float | None) -> dict[str, Floats]:
    """What the second step takes."""
    if link.variables == ("L",):
        return {"L": proxy}
    return {"bpb": proxy} if chance is None else {"bpb": proxy, "chance": np.full_like(proxy, chance)}


def _interval(values: Floats) -> Interval:
    """Of a prediction by all runs, then by each draw."""
    return Interval.of(float(values[0]), values[1:])


def _doubts(proxy: Floats, score: Floats, chance: float | None) -> list[str]:
    """What the runs cannot say."""
    said: list[str] = []
    agree = float(np.corrcoef(proxy, score)[0, 1] ** 2) if np.ptp(proxy) > 0 and np.ptp(score) > 0 else 0.0
    if agree < 0.5:
        said.append(f"the proxy explains {agree:.0%} of the score among these runs: the second step is a guess")
    if chance is not None and np.mean(np.abs(score - chance) < 0.03) > 0.5:
        said.append(f"most runs score within .03 of chance ({chance:g}): where the score rises is not known")
    return said
