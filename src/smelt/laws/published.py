"""Published laws by name, as values that plan like a fitted one: published.toml has figures, source and caveats.

A published law has no runs here, and no residuals. Where its runs are public, draws of a bootstrap over them ship with
it; the others' optima have no intervals: standard errors stand beside the parameters where a paper prints them, but
without their covariance they bound nothing else, A and alpha being all but collinear.
"""

from __future__ import annotations

import difflib
import functools
import math
import tomllib
from importlib import resources

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict

from smelt.errors import InputError
from smelt.laws.findings import Data, Estimate, Findings, IsoFlop, LineFit, Parametric, Span
from smelt.laws.forms import FORMS
from smelt.laws.law import ScalingLaw, trusted_method

DEFAULT = "chinchilla-besiroglu-2024"
"""The law of a plan that names none: of the published ones with a floor and both exponents, the best checked."""
EMBEDDING, EMBEDDING_EXPONENT = 47_491.0, 1 / 3
"""All parameters from those without embeddings, N + 47,491 N^(1/3) (Pearce and Song 2024, arXiv 2406.12907, for
Chinchilla's shapes and a vocabulary of 32,000)."""


class Published(BaseModel):
    """A table of published.toml; its head says what the fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paper: str
    place: str
    counting: str
    form: str | None = None
    params: dict[str, float] = {}
    se: dict[str, float] = {}
    d_opt: tuple[float, float] | None = None
    d_opt_ci95: tuple[float, float] | None = None
    loss_opt: tuple[float, float] | None = None
    embeddings: bool = False
    n_runs: int
    flops: tuple[float, float]
    n_params: tuple[float, float]
    caveats: list[str]


@functools.cache
def catalogue() -> dict[str, Published]:
    """Every published law by its name."""
    text = resources.files("smelt.laws").joinpath("published.toml").read_text()
    return {name: Published.model_validate(table) for name, table in tomllib.loads(text).items()}


def published_law(name: str) -> ScalingLaw:
    """The law of a name; InputError, with the nearest name, where there is none."""
    found = catalogue().get(name.lower())
    if found is None:
        raise InputError(
            where=name,
            what="is neither a file, nor a folder, nor a published law",
            expected=f"one of {', '.join(catalogue())}",
            do=f"Did you mean {_nearest(name.lower())}?",
        )
    return ScalingLaw(_findings(found), _draws(name.lower()))


def _nearest(name: str) -> str:
    """The published name most like it; of a mere stem, `chinchila`, the first with the likest stem."""

    def likeness(known: str) -> float:
        compared = known if "-" in name else known.partition("-")[0]
        return difflib.SequenceMatcher(a=name, b=compared).ratio()

    return max(catalogue(), key=likeness)


def _draws(name: str) -> pl.DataFrame:
    """Bootstrap draws that ship for laws whose runs are public (training/laws.py); none for the others."""
    file = resources.files("smelt.laws").joinpath(f"{name}.parquet")
    return pl.read_parquet(file.read_bytes()) if file.is_file() else pl.DataFrame()


def _findings(found: Published) -> Findings:
    isoflop, parametric = _isoflop(found), _parametric(found)
    trusted = trusted_method(isoflop, parametric)
    assert trusted is not None, "a published law has a form or a line"
    return Findings(
        counting=found.counting,
        data=_data(found),
        parametric=parametric,
        isoflop=isoflop,
        held_out=None,
        agreement=None,
        trusted=trusted,
        draws=0,
        seed=0,
        warnings=found.caveats,
        checklist={},
        published=f"{found.paper}: {found.place}",
    )


def _data(found: Published) -> Data:
    least, greatest = found.flops
    smallest, largest = found.n_params
    return Data(
        n_runs=found.n_runs,
        n_used=found.n_runs,
        dropped={},
        budgets=[],
        flops=Span(least=least, greatest=greatest),
        n_params=Span(least=smallest, greatest=largest),
        n_tokens=Span(least=least / 6 / smallest, greatest=greatest / 6 / largest),
        overhead=_embedded() if found.embeddings else [],
        epochs=None,
        unique_tokens=None,
        bpb_per_nat=None,
    )


def _embedded() -> list[tuple[float, float]]:
    """All parameters, and the share of them that is no embedding."""
    sizes = np.logspace(3, 14, 56)
    return [
        (float(n + EMBEDDING * n**EMBEDDING_EXPONENT), float(n / (n + EMBEDDING * n**EMBEDDING_EXPONENT)))
        for n in sizes
    ]


def _parametric(found: Published) -> Parametric | None:
    if found.form is None:
        return None
    form = FORMS[found.form]
    values = found.params
    theta = dict(zip(form.parameters, form.theta(values).tolist(), strict=True))
    share = values["beta"] / (values["alpha"] + values["beta"])
    return Parametric(
        form=form.name,
        formula=form.formula,
        source=f"{found.paper}, {found.place}",
        fails=form.fails,
        params={name: Estimate(value=value, se=found.se.get(name)) for name, value in values.items()},
        theta=theta,
        exponents={"a": Estimate(value=share), "b": Estimate(value=1 - share)},
        objective=None,
        objective_in_words="as published",
        n_starts=0,
        at_optimum=None,
        loose=[],
        usable=True,
        residuals=[],
    )


def _isoflop(found: Published) -> IsoFlop | None:
    if found.d_opt is None:
        return None
    coefficient, exponent = found.d_opt
    slope = Estimate(value=exponent, ci95=found.d_opt_ci95)
    return IsoFlop(
        fails="A line through optima says nothing away from them, and bends where the runs end for all it knows.",
        budgets=[],
        d_opt=LineFit(intercept=math.log(coefficient), slope=slope, excess=None),
        loss_opt=found.loss_opt
        and LineFit(intercept=math.log(found.loss_opt[0]), slope=Estimate(value=found.loss_opt[1]), excess=None),
        exponents={"a": Estimate(value=1 - exponent), "b": slope},
        usable=True,
    )
