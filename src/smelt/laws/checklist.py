"""The checklist that a fit report prints, so that a reader could repeat the fit: "(Mis)Fitting" (Li et al. 2025).

Li, Kudugunta and Zettlemoyer read more than 50 papers on scaling laws, found that most leave out what would be needed
to repeat them, and ask authors for the points below: the hypothesis, how the models were trained, how data were
collected from them, how the law was fitted. Each is answered from what was found and from the columns of the run
table. What neither knows is "not recorded", with the column that would record it: no column is needed for a fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from smelt.laws.findings import METHOD_NAMES, Data, Findings
from smelt.laws.forms import Floats
from smelt.units import format_count

UNKNOWN = "not recorded"
"""How an answer begins that nothing gives."""
LISTED = 3
"""Values of a column, or dropped runs, that an answer names (taste)."""
STEADY = 1.01
"""A setting whose largest value is within this factor of its smallest does not change with scale."""
TREND = 0.3
"""Correlation with ln N, ln D or ln C from which a setting is said to rise or to fall (taste)."""
FEW = 3
"""Runs from which a trend is looked for."""

Answer = Callable[[Findings, pl.DataFrame], str]


@dataclass(frozen=True, slots=True)
class Item:
    """A point of the checklist."""

    group: str
    name: str
    """Its key in law.json."""
    question: str
    answer: Answer


def checklist(findings: Findings, runs: pl.DataFrame) -> dict[str, str]:
    """What a reader must know to repeat the fit, by the names of `ITEMS`."""
    return {item.name: item.answer(findings, runs) for item in ITEMS}


def _form(findings: Findings, _: pl.DataFrame) -> str:
    fitted = findings.parametric
    parabolas = "a parabola in ln N at each budget, and a line through their minima" if findings.isoflop else ""
    said = [f"{fitted.formula} ({fitted.source})" if fitted else "", parabolas]
    return "; ".join(part for part in said if part)


def _parameters(findings: Findings, _: pl.DataFrame) -> str:
    fitted = [*findings.parametric.params] if findings.parametric else []
    lines = ["slope and intercept of ln D* and of ln L* against ln C"] if findings.isoflop else []
    return "; ".join(([", ".join(fitted)] if fitted else []) + lines)


def _assumptions(findings: Findings, _: pl.DataFrame) -> str:
    said = [method.fails for method in (findings.parametric, findings.isoflop) if method]
    return " ".join(said)


def _purpose(findings: Findings, _: pl.DataFrame) -> str:
    purposes = ["the best N and D of a budget"] if findings.isoflop or _has_optimum(findings) else []
    return " and ".join([*purposes, *(["the loss of any model"] if findings.parametric else [])])


def _has_optimum(findings: Findings) -> bool:
    return findings.parametric is not None and bool(findings.parametric.exponents)


def _models(findings: Findings, runs: pl.DataFrame) -> str:
    sizes = f"{findings.data.n_runs} runs of {runs['n_params'].n_unique()} sizes"
    budgets = len(findings.data.budgets)
    return f"{sizes} at {budgets} compute budgets" if budgets else sizes


def _sizes(findings: Findings, _: pl.DataFrame) -> str:
    return f"{_span(findings.data.n_params.least, findings.data.n_params.greatest)} parameters"


def _counted(_: Findings, runs: pl.DataFrame) -> str:
    said = "the column n_params, taken as all parameters, embedding and head included"
    if "n_params_non_embedding" not in runs.columns:
        return f"{said}; a column n_params_non_embedding would tell how many are neither"
    shares = (runs["n_params_non_embedding"] / runs["n_params"]).drop_nulls()
    low, high = f"{shares.min():.0%}", f"{shares.max():.0%}"
    return f"{said}; {low if low == high else f'{low} to {high}'} of them are neither"


def _tokens(findings: Findings, _: pl.DataFrame) -> str:
    return f"{_span(findings.data.n_tokens.least, findings.data.n_tokens.greatest)} tokens"


def _repeats(findings: Findings, _: pl.DataFrame) -> str:
    epochs = findings.data.epochs
    if epochs is None:
        return _unknown("epochs")
    return f"up to {format_count(epochs.greatest)} epochs" if epochs.greatest > 1 else "none: at most one epoch"


def _compute(findings: Findings, _: pl.DataFrame) -> str:
    flops = findings.data.flops
    return f"{_flops(flops.least)} to {_flops(flops.greatest)} FLOPs, {_overhead(findings.data)} 6ND"


def _overhead(data: Data) -> str:
    ratios = [ratio for _, ratio in data.overhead]
    return f"{min(ratios):.2f} to {max(ratios):.2f} x" if ratios else "counted as"


def _seeds(_: Findings, runs: pl.DataFrame) -> str:
    if "seed" not in runs.columns:
        return _unknown("seed")
    repeated = len(runs) - len(runs.unique(["n_params", "n_tokens"]))
    again = f"{repeated} runs repeat another's N and D" if repeated else "no run repeats another's N and D"
    seeds = runs["seed"].n_unique()
    return f"{seeds} seed{'' if seeds == 1 else 's'}; {again}"


def _checkpoints(findings: Findings, runs: pl.DataFrame) -> str:
    if findings.data.checkpoints:
        return f"the end of each run; {findings.data.checkpoints} intermediate ones for the envelope alone"
    if "checkpoint" in runs.columns:
        return _values(runs["checkpoint"])
    if {"steps", "batch_tokens"} <= set(runs.columns):
        left = (runs["n_tokens"] - runs["steps"] * runs["batch_tokens"]).abs()
        if (left <= runs["batch_tokens"]).all():
            return "the end of each run; no intermediate ones"
    return f"one point a row; whether final is {_unknown('checkpoint')}"


def _dropped(findings: Findings, _: pl.DataFrame) -> str:
    dropped = sorted(findings.data.dropped.items())
    if not dropped:
        return "none"
    named = "; ".join(f"{run}: {why}" for run, why in dropped[:LISTED])
    more = f"; and {len(dropped) - LISTED} more" if len(dropped) > LISTED else ""
    return f"{len(dropped)} of {findings.data.n_runs}: {named}{more}"


def _loss(_: Findings, runs: pl.DataFrame) -> str:
    on = _values(runs["eval_data"]) if "eval_data" in runs.columns else f"which is {_unknown('eval_data')}"
    return f"the column loss_nats, nats per token on held-out text; {on}"


def _objective(findings: Findings, _: pl.DataFrame) -> str:
    said = [findings.parametric.objective_in_words] if findings.parametric else []
    return "; ".join([*said, *(["least squares (parabolas)"] if findings.isoflop else [])])


def _optimiser(findings: Findings, _: pl.DataFrame) -> str:
    said = [findings.parametric.optimiser] if findings.parametric else []
    return "; ".join([*said, *(["in closed form (parabolas)"] if findings.isoflop else [])])


def _starts(findings: Findings, _: pl.DataFrame) -> str:
    fitted = findings.parametric
    if fitted is None:
        return "none needed"
    at_optimum = (
        "" if fitted.at_optimum is None else f", {fitted.at_optimum:.0%} of which end at the optimum; it is kept"
    )
    return f"{fitted.n_starts:,} starts on a grid{at_optimum}"


def _used(findings: Findings, _: pl.DataFrame) -> str:
    used = f"{findings.data.n_used} of {findings.data.n_runs} runs, all in one fit"
    minima = findings.isoflop.budgets if findings.isoflop else []
    in_line = sum(minimum.in_line for minimum in minima)
    return f"{used}; {in_line} of {len(minima)} minima in the line" if minima else used


def _goodness(findings: Findings, _: pl.DataFrame) -> str:
    if findings.parametric is None:
        return "no parametric form, no residuals"
    spread = float(np.sqrt(np.mean([found.residual**2 for found in findings.parametric.residuals])))
    return f"residuals of ln L have a root mean square of {spread:.2g}"


def _validation(findings: Findings, _: pl.DataFrame) -> str:
    held_out = findings.held_out
    if held_out is None or held_out.parametric is None:
        return "none: too few runs or budgets"
    covered = "" if held_out.covered is None else f", {held_out.covered:.0%} of them in their 95% intervals"
    held = f"{held_out.what} held out, {held_out.n} from {_flops(held_out.flops)} FLOPs on"
    return f"{held}: mean relative error {held_out.parametric:.2%}{covered}"


def _agreement(findings: Findings, _: pl.DataFrame) -> str:
    found = findings.agreement
    if found is None:
        return "one method only"
    n_opt = " and ".join(f"{format_count(n.mid)} by the {METHOD_NAMES[method]}" for method, n in found.n_opt.items())
    verdict = "they agree within" if found.agree else "they disagree beyond"
    return f"N* at {_flops(found.flops)} FLOPs is {n_opt}: {verdict} their intervals"


def _intervals(findings: Findings, _: pl.DataFrame) -> str:
    resampled = [
        *([f"{findings.parametric.resampling} (form)"] if findings.parametric else []),
        *(["residuals resampled (parabolas)"] if findings.isoflop else []),
    ]
    return f"95%, of {findings.draws:,} bootstrap draws, seed {findings.seed}: {', '.join(resampled)}"


def _code(_findings: Findings, _runs: pl.DataFrame) -> str:
    return "open: the package smelt, src/smelt/laws; the losses are the table of runs"


def _column(*names: str) -> Answer:
    """Answers with what stands in these columns."""

    def answer(_: Findings, runs: pl.DataFrame) -> str:
        known = [name for name in names if name in runs.columns and runs[name].count()]
        said = [_setting(name, runs) for name in known]
        missing = [] if known else [_unknown(*names)]
        return "; ".join([*said, *missing])

    return answer


def _setting(name: str, runs: pl.DataFrame) -> str:
    """A column in words: how far it reaches, and whether it changes with scale."""
    values = runs[name]
    if not values.dtype.is_numeric():
        return f"{name} {_values(values)}"
    known = runs.select("n_params", "n_tokens", name).drop_nulls().filter(pl.all_horizontal(pl.all() > 0)).to_numpy()
    low, high = float(values.drop_nulls().to_numpy().min()), float(values.drop_nulls().to_numpy().max())
    if high <= STEADY * low:
        return f"{name} {format_count(high)} at every scale"
    return f"{name} {_span(low, high)}{_trend(np.log(known))}"


def _trend(log_values: Floats) -> str:
    """Whether the last column, of ln N, ln D and a setting (runs, 3), changes with N, with D or with their product."""
    if len(log_values) < FEW:
        return ""
    log_n, log_d, setting = log_values.T
    along = {"size": log_n, "data": log_d, "compute": log_n + log_d}
    found = {name: float(np.corrcoef(scale, setting)[0, 1]) for name, scale in along.items() if np.ptp(scale) > 0}
    if not found or max(map(abs, found.values())) < TREND:
        return ", whatever the scale"
    name = max(found, key=lambda name: abs(found[name]))
    return f", {'rising' if found[name] > 0 else 'falling'} with {name}"


def _values(column: pl.Series) -> str:
    """The values of a column of words."""
    values = [str(value) for value in column.drop_nulls().unique(maintain_order=True)]
    more = f" and {len(values) - LISTED} more" if len(values) > LISTED else ""
    return ", ".join(values[:LISTED]) + more


def _flops(value: float) -> str:
    """1.8e21, as people write it."""
    return f"{value:.2g}".replace("e+", "e")


def _unknown(*columns: str) -> str:
    first = ", ".join(columns[:-1])
    return f"{UNKNOWN}: a column {f'{first} or ' if first else ''}{columns[-1]} would say it"


def _span(least: float, greatest: float) -> str:
    low, high = format_count(least), format_count(greatest)
    return low if low == high else f"{low} to {high}"


HYPOTHESIS, TRAINING = "The hypothesis", "How the models were trained"
COLLECTION, FITTING = "What was measured on them", "How the law was fitted"

ITEMS = (
    Item(HYPOTHESIS, "form", "What is the form of the law?", _form),
    Item(HYPOTHESIS, "variables", "What does it relate, and how is that counted?", lambda found, _: found.counting),
    Item(HYPOTHESIS, "parameters", "What is fitted?", _parameters),
    Item(HYPOTHESIS, "purpose", "What is it to predict?", _purpose),
    Item(HYPOTHESIS, "assumptions", "What does it assume, and when does it fail?", _assumptions),
    Item(TRAINING, "models", "How many models were trained?", _models),
    Item(TRAINING, "sizes", "Of which sizes?", _sizes),
    Item(TRAINING, "parameters counted", "Which parameters count? Embeddings?", _counted),
    Item(TRAINING, "data", "On how much data?", _tokens),
    Item(TRAINING, "corpus", "On which data?", _column("corpus", "data", "dataset")),
    Item(TRAINING, "repeats", "Were data repeated?", _repeats),
    Item(TRAINING, "compute", "How much compute, and how is it counted?", _compute),
    Item(
        TRAINING,
        "hyperparameters",
        "Which learning rate and batch, and do they change with scale?",
        _column("lr", "batch_tokens"),
    ),
    Item(TRAINING, "schedule", "Which schedule of the learning rate?", _column("schedule", "warmup", "decay")),
    Item(TRAINING, "training optimiser", "Which optimiser trained them?", _column("optimizer")),
    Item(TRAINING, "shape", "How do width and depth change with scale?", _column("n_layers", "d_model")),
    Item(TRAINING, "tokenizer", "Which tokenizer and context length?", _column("tokenizer", "vocab", "context")),
    Item(TRAINING, "seeds", "How many seeds?", _seeds),
    Item(TRAINING, "training code", "Is the code that trained them open?", _column("code")),
    Item(COLLECTION, "checkpoints", "Final or intermediate checkpoints, and how many a run?", _checkpoints),
    Item(COLLECTION, "loss", "Which metric, on which data?", _loss),
    Item(
        COLLECTION,
        "loss changed",
        "Was the metric changed before the fit: smoothed, interpolated, averaged?",
        lambda _found, _runs: "no: as it stands in the table",
    ),
    Item(COLLECTION, "points dropped", "Which points were dropped, and why?", _dropped),
    Item(COLLECTION, "weights", "Are the checkpoints open?", _column("url")),
    Item(FITTING, "points used", "Which points enter which fit?", _used),
    Item(FITTING, "objective", "What is minimised?", _objective),
    Item(FITTING, "optimiser", "By which algorithm, with which settings?", _optimiser),
    Item(FITTING, "starts", "From where does it start?", _starts),
    Item(FITTING, "goodness", "How well does it fit?", _goodness),
    Item(FITTING, "validation", "How was it validated on runs it had not seen?", _validation),
    Item(FITTING, "agreement", "Do other methods agree?", _agreement),
    Item(FITTING, "intervals", "How sure is it?", _intervals),
    Item(FITTING, "code", "Are code and losses open?", _code),
)
"""Every point, in the order of a study."""
