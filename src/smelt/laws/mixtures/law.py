"""A law of mixtures as a value: the loss of any mixture of domains, and the best one.

It goes to and from JSON with its bootstrap draws (mixtures.py makes it of runs).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import polars as pl

from smelt.errors import InputError
from smelt.laws.findings import Estimate, Interval, Record, Span
from smelt.laws.forms import Floats
from smelt.laws.forms.mixture import LinearMixture, Mixture
from smelt.laws.mixtures.simplex import best_mixture
from smelt.laws.mixtures.trees import predicted_by
from smelt.laws.tables import arrays

Method = Literal["mixture", "linear", "trees"]
PARAMETRIC: dict[Method, type[Mixture] | type[LinearMixture]] = {"mixture": Mixture, "linear": LinearMixture}
SAMPLES, DRAW_SAMPLES = 20_000, 2_000
"""Mixtures tried a round, for the law and for each of its draws."""
DIGITS = 6
"""Of the best shares: a sampled mixture is never quite without a domain."""
RAN_AWAY = 10
"""A draw that says more than so many times the greatest loss of any run had too few different runs: it says nothing."""
ROUNDS = 11
"""Further rounds, for methods that are smooth; trees are steps, and narrowing would chase their noise."""


class HeldOut(Record):
    """How a method does on runs that it has not seen, each left out once."""

    mean_rel_err: float
    spearman: float
    """Rank correlation of predicted and observed losses."""
    n: int
    folds: int


class LossLaw(Record):
    """One validation loss by the shares of the domains."""

    domains: tuple[str, ...]
    method: Method
    params: dict[str, Estimate]
    """As the formula names them; none for trees."""
    theta: list[float]
    draws: list[list[float]]
    """Theta of each bootstrap draw."""
    trees: list[str]
    """LightGBM models as text: of all runs, then of each draw."""
    held_out: HeldOut | None

    @property
    def n_draws(self) -> int:
        """Bootstrap draws."""
        return max(len(self.trees) - 1, 0) if self.method == "trees" else len(self.draws)

    def predict(self, shares: Floats, *, draw: int | None = None) -> Floats:
        """Loss (n) of mixtures (n, M), by all runs or by a bootstrap draw."""
        if self.method == "trees":
            return predicted_by(self.trees[0 if draw is None else 1 + draw], shares)
        form = PARAMETRIC[self.method](self.domains)
        return form.loss(np.array(self.theta if draw is None else self.draws[draw]), variables_of(self.domains, shares))


class BestRun(Record):
    """The run with the least target of those that were made."""

    row: int
    """Of the table, from 1."""
    loss: float
    shares: dict[str, float]


class BestMixture(Record):
    """What to train on for a weighted target, and what to doubt of it."""

    weights: dict[str, float]
    shares: dict[str, Interval]
    """The interval is of the best mixtures of the bootstrap draws: wide where the optimum is flat."""
    loss: Interval
    """Of the target: the weighted sum. Somewhat too low, as the least of many predictions is."""
    losses: dict[str, Interval]
    best_run: BestRun
    warnings: list[str]


class MixtureLaw(Record):
    """Laws of several validation losses, fitted to the same runs."""

    domains: tuple[str, ...]
    method: Method
    formula: str
    source: str
    fails: str
    n_runs: int
    seen: dict[str, Span]
    """Shares of each domain among the runs."""
    shares: list[list[float]]
    """Of the runs, in the order of `domains`."""
    observed: dict[str, list[float]]
    """The losses of the runs."""
    losses: dict[str, LossLaw]
    warnings: list[str]

    def predict(self, mixture: Mapping[str, float]) -> dict[str, Interval]:
        """Each loss of a mixture: {"web": .7, "code": .3}; a domain that is not named has no share.

        The interval is that of the law's parameters; a single run scatters about it by about `held_out`.
        """
        return self._intervals(self._row(mixture))

    def best(
        self, weights: Mapping[str, float] | None = None, *, most: Mapping[str, float] | None = None, seed: int = 0
    ) -> BestMixture:
        """The mixture with the least weighted sum of losses; by default all weigh the same.

        `most` bounds shares, by the tokens that a domain has over those that the training will take, say; a domain
        without a bound may have as much as any run had, since all three methods go astray beyond.
        """
        weights = self._weights(weights)
        self._check_names("most", most or {}, self.domains)
        bounds = np.array([(most or {}).get(name, self.seen[name].greatest) for name in self.domains])
        if bounds.sum() < 1:
            raise InputError(where="most", what=f"leaves room for {bounds.sum():g}", expected="bounds that allow 1")
        found = self._search(weights, bounds, seed=seed)
        draws = np.array([self._search(weights, bounds, seed=seed, draw=i) for i in range(self._n_draws)])
        draws = draws.reshape(-1, len(self.domains))
        loss, best_run = _interval(_weighted(weights, self._predictions(found))), self._best_run(weights)
        return BestMixture(
            weights=weights,
            shares={name: Interval.of(float(found[j]), draws[:, j]) for j, name in enumerate(self.domains)},
            loss=loss,
            losses=self._intervals(found),
            best_run=best_run,
            warnings=[*self._beyond(found), *_no_better(loss.mid, best_run)],
        )

    def to_json(self) -> str:
        """The law as text, draws included."""
        return self.model_dump_json(indent=1)

    @classmethod
    def from_json(cls, text: str) -> MixtureLaw:
        """The law that `to_json` gave."""
        return cls.model_validate_json(text)

    @property
    def _n_draws(self) -> int:
        return min(law.n_draws for law in self.losses.values())

    def _search(self, weights: Mapping[str, float], most: Floats, *, seed: int, draw: int | None = None) -> Floats:
        """The best mixture by all runs, or by a draw."""

        def loss(shares: Floats) -> Floats:
            return _weighted(weights, {name: self.losses[name].predict(shares, draw=draw) for name in weights})

        found = best_mixture(
            loss,
            np.mean(self.shares, axis=0),
            most,
            samples=SAMPLES if draw is None else DRAW_SAMPLES,
            rounds=0 if self.method == "trees" else ROUNDS,
            generator=np.random.default_rng([seed, 0 if draw is None else draw + 1]),
        )
        return np.round(found, DIGITS)

    def _best_run(self, weights: Mapping[str, float]) -> BestRun:
        target = _weighted(weights, {name: np.array(self.observed[name]) for name in weights})
        i = int(np.argmin(target))
        shares = dict(zip(self.domains, self.shares[i], strict=True))
        return BestRun(row=i + 1, loss=float(target[i]), shares=shares)

    def _predictions(self, shares: Floats) -> dict[str, Floats]:
        """Each loss of one mixture (M,): by all runs, then by each draw; infinite where a draw ran away."""
        row, found = shares[None], dict[str, Floats]()
        for name, law in self.losses.items():
            predicted = np.array([law.predict(row, draw=draw)[0] for draw in (None, *range(self._n_draws))])
            found[name] = np.where(predicted > RAN_AWAY * max(self.observed[name]), np.inf, predicted)
        return found

    def _intervals(self, shares: Floats) -> dict[str, Interval]:
        return {name: _interval(predicted) for name, predicted in self._predictions(shares).items()}

    def _row(self, mixture: Mapping[str, float]) -> Floats:
        self._check_names("the mixture", mixture, self.domains)
        frame = pl.DataFrame({name: [float(mixture.get(name, 0.0))] for name in self.domains})
        return arrays.shares(frame, self.domains)[0]

    def _weights(self, weights: Mapping[str, float] | None) -> dict[str, float]:
        """Weights that add up to one."""
        given = dict(weights) if weights else dict.fromkeys(self.losses, 1.0)
        self._check_names("the weights", given, tuple(self.losses))
        total = sum(given.values())
        if min(given.values()) < 0 or total <= 0:
            raise InputError(where="the weights", what=f"are {given}", expected="weights of 0 or more, not all 0")
        return {name: weight / total for name, weight in given.items()}

    def _check_names(self, where: str, given: Mapping[str, float], known: tuple[str, ...]) -> None:
        for name in given:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                meant = f"did you mean {close[0]!r}?" if close else None
                raise InputError(where=where, what=f"{name!r} is not known", expected=", ".join(known), do=meant)

    def _beyond(self, shares: Floats) -> list[str]:
        """What the mixture has more of than any run had."""
        greatest = [self.seen[name].greatest for name in self.domains]
        return [
            f"{name} has a share of {share:.3f}, beyond the greatest of any run, {most:.3f}: a guess, to be tried"
            for name, share, most in zip(self.domains, shares, greatest, strict=True)
            if share > most + 1e-3
        ]


def variables_of(domains: Sequence[str], shares: Floats) -> dict[str, Floats]:
    """The columns of shares (n, M) by the names of their domains."""
    return {name: shares[:, j] for j, name in enumerate(domains)}


def _weighted(weights: Mapping[str, float], losses: Mapping[str, Floats]) -> Floats:
    return np.sum([weight * losses[name] for name, weight in weights.items()], axis=0)


def _no_better(loss: float, best_run: BestRun) -> list[str]:
    """A mixture that is said to be no better than a run's own is no find."""
    if loss < best_run.loss:
        return []
    return [f"no better than run {best_run.row}, whose loss was {best_run.loss:.4g}: take its mixture"]


def _interval(predicted: Floats) -> Interval:
    """Of a prediction by all runs, then by each draw."""
    return Interval.of(float(predicted[0]), predicted[1:])
