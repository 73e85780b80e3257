"""How well losses of the largest runs are predicted from the others, by smelt's fits and as the papers fitted theirs.

Each data set is one function, of `heldout.DATA_SETS`. The papers' methods are written out plainly: SciPy's optimiser
with its own tolerances, on the objective that the paper or its code names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import curve_fit, minimize
from scipy.special import expit, huber

from benchmarks.figures import Figure
from smelt.laws.fitting.fit import fit
from smelt.laws.fitting.objective import Objective
from smelt.laws.forms import Floats, Form
from smelt.laws.forms.chinchilla import Chinchilla
from smelt.laws.forms.overtraining import OverTraining
from smelt.laws.points import Observations
from smelt.laws.scores.downstream import chained_errors, fit_downstream

SCALING = Path(__file__).parents[2] / "shared/data/scaling"
NO_WORSE = "<= paper"
SMALL = ("d=96_l=8_h=4", "d=512_l=8_h=4", "d=576_l=24_h=8", "d=1024_l=24_h=8")
"""Gadre et al.'s four models at 20 tokens a parameter."""
TASKS = ("mmlu_stem_test", "mmlu_humanities_test", "mmlu_social_sciences_test", "mmlu_other_test", "hellaswag_val")
TASKS += ("arc_easy_test", "arc_challenge_test", "csqa_val", "openbookqa_test", "piqa_val", "socialiqa_val")

Predict = Callable[[Observations], Floats]


def measure_epoch() -> Iterator[Figure]:
    """Chinchilla's runs (Hoffmann et al. 2022, as Besiroglu et al. 2024 read them): those from 3e20 FLOPs on."""
    frame = pl.read_csv(SCALING / "epoch_chinchilla/svg_extracted_data.csv")
    size, flops = pl.col("Model Size"), pl.col("Training FLOP")
    frame = frame.filter(pl.col("loss").rank() <= frame.height - 5)
    seen = _seen(frame.select(N=size, D=flops / 6 / size, loss="loss"))
    is_large = 6 * seen.variables["N"] * seen.variables["D"] >= 3e20
    train, test = seen.where(~is_large), seen.where(is_large)
    absolute = _error(_by_form(train, Objective("lad")), test)
    yield _figure(
        "Epoch, runs from 3e20 FLOPs",
        test,
        _by_form(train),
        _as_hoffmann(train),
        {"least absolute deviation": absolute},
    )


def measure_misfitting() -> Iterator[Figure]:
    """Li et al. 2025's own runs, each (N, D) at its best learning rate: the largest three sizes held out."""
    runs = pl.read_csv(SCALING / "misfitting/scaling_results_last_ckpt_only.csv")
    best = runs.sort("loss").group_by("N", "D", maintain_order=True).first()
    first = float(best["N"].unique().sort()[-3])
    seen = _seen(best.select("N", "D", "loss"))
    is_large = seen.variables["N"] >= first
    train, test = seen.where(~is_large), seen.where(is_large)
    yield _figure("misfitting, the three largest sizes", test, _by_form(train), _as_hoffmann(train))


def measure_gadre() -> Iterator[Figure]:
    """Gadre et al. 2024: 1.4B on 922B and 6.9B on 138B tokens from five small runs; least squares, as theirs."""
    frame = pl.read_csv(SCALING / "gadre_overtraining/runs_c4_rpj.csv").filter(pl.col("dataset") == "rpj")
    multiple, model = pl.col("cc_mult"), pl.col("model")
    small = frame.filter(model.is_in(SMALL) & ((multiple == 1) | ((multiple == 16) & (model == SMALL[0]))))
    large = frame.filter(((model == "open_lm_1b") & (multiple == 32)) | ((model == "open_lm_7b") & (multiple == 1)))
    train, test = (_seen(part.select("N", "D", loss="loss_c4_val")) for part in (small, large))
    form = OverTraining()
    yield _figure(
        "Gadre et al., the two large runs", test, _by_form(train, form=form), _by_form(train, Objective("mse"), form)
    )


def measure_olmo() -> Iterator[Figure]:
    """OLMo's ladder (Bhagia et al. 2024): eleven tasks' accuracy of the largest run, by two steps."""
    frame = pl.read_csv(SCALING / "olmo_ladder/ladder16.csv")
    own, theirs = list[float](), list[float]()
    for task in TASKS:
        proxy, score = f"eval/downstream_bpb/{task}_rc_5shot_bpb", f"eval/downstream/{task}_rc_5shot_len_norm"
        runs = frame.select("run", n_params="N", n_tokens="D", proxy=proxy, score=score)
        train, test = runs.filter(pl.col("run") != "1B-10xC"), runs.filter(pl.col("run") == "1B-10xC")
        law = fit_downstream(train, proxy="proxy", score="score", draws=0)
        own.append(float(chained_errors(law, test)["rel_err"][0]))
        theirs.append(_two_steps(train, test))
    errors = [100 * float(np.mean(found)) for found in (own, theirs)]
    yield Figure("OLMo ladder, 1B-10xC on eleven tasks: accuracy", errors[0], "%", NO_WORSE, {"paper": errors[1]})


def _by_form(train: Observations, objective: Objective | None = None, form: Form | None = None) -> Predict:
    found = fit(form or Chinchilla(), train, objective=objective)
    return lambda test: found.form.loss(found.theta, test.variables)


def _as_hoffmann(train: Observations) -> Predict:
    """Approach 3 as published: the mean of Huber losses by L-BFGS-B at SciPy's tolerances, best of 108 starts."""
    form, y = Chinchilla(), np.log(train.loss)

    def objective(theta: Floats) -> float:
        return float(np.mean(huber(1e-3, np.log(form.loss(theta, train.variables)) - y)))

    starts = product((0.0, 10.0, 20.0), (0.0, 10.0, 20.0), (-0.5, 0.0, 0.5), (0.25, 0.75), (0.25, 0.75))
    with np.errstate(all="ignore"):
        found = min((minimize(objective, start, method="L-BFGS-B") for start in starts), key=lambda result: result.fun)
    return lambda test: form.loss(found.x, test.variables)


def _two_steps(train: pl.DataFrame, test: pl.DataFrame) -> float:
    """Bits per byte by least squares of Chinchilla's form, accuracy by least squares of a sigmoid."""
    step = fit(Chinchilla(), _seen(train.select(N="n_params", D="n_tokens", loss="proxy")), objective=Objective("mse"))
    x, y = train["proxy"].to_numpy(), train["score"].to_numpy()

    def sigmoid(x: Floats, low: float, high: float, slope: float, middle: float) -> Floats:
        return low + (high - low) * expit(-slope * (x - middle))

    guess = (y.min() * 0.9, 1.0, 4.0, float(np.median(x)))
    found, _ = curve_fit(sigmoid, x, y, p0=guess, maxfev=100_000, bounds=([0, 0, 0, -10], [1, 1, 100, 10]))
    sizes = {"N": test["n_params"].to_numpy().astype(float), "D": test["n_tokens"].to_numpy()}
    predicted = sigmoid(step.form.loss(step.theta, sizes), *found)
    return float(np.abs(predicted / test["score"].to_numpy() - 1)[0])


def _seen(frame: pl.DataFrame) -> Observations:
    columns = {name: frame[name].cast(pl.Float64).to_numpy() for name in frame.columns}
    return Observations(tuple(map(str, range(frame.height))), {"N": columns["N"], "D": columns["D"]}, columns["loss"])


def _figure(
    what: str, test: Observations, own: Predict, paper: Predict, others: Mapping[str, float] | None = None
) -> Figure:
    peers = {"paper": _error(paper, test), **(others or {})}
    return Figure(f"{what}: loss", _error(own, test), "%", NO_WORSE, peers)


def _error(predict: Predict, test: Observations) -> float:
    """Mean relative error, per cent."""
    return 100 * float(np.mean(np.abs(predict(test) / test.loss - 1)))
