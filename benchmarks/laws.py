"""How fast a form is fitted: the grid of starts, the bootstrap, first use, many runs; beside a plain loop over scipy.

On the 240 runs of Hoffmann et al. 2022 as Besiroglu et al. 2024 fitted them. The plain loop is what a notebook would
have: the objective in numpy, `scipy.optimize.minimize(method="L-BFGS-B")` from one start after the other, on one core.
It is timed on some of the starts and draws, evenly spaced, and scaled to all: whole it would take the better part of an
hour.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.special import huber, logsumexp

from benchmarks.figures import Figure
from benchmarks.samples import SHARED
from smelt.laws.fitting.fit import Fit, bootstrap, fit
from smelt.laws.fitting.influence import leave_out_each
from smelt.laws.fitting.objective import Objective
from smelt.laws.fitting.profile import profiles
from smelt.laws.fitting.resampling import resample
from smelt.laws.forms import FORMS, Floats
from smelt.laws.points import Observations, Points

FORM = FORMS["chinchilla"]
EPOCH = SHARED / "scaling/epoch_chinchilla/svg_extracted_data.csv"
DRAWS = 4_000
PLAIN_STARTS, PLAIN_DRAWS = 45, 40
"""Starts and draws on which the plain loop is timed: every hundredth."""
MANY = 100_000
MANY_DRAWS = 100
FIRST_USE = """
from benchmarks.laws import FORM, epoch, fit
fit(FORM, epoch())
"""
OPTIMUM = 1.018274e-3
"""The objective at its optimum on these runs, as others found it."""


def measure_laws() -> Iterator[Figure]:
    """Wall seconds on all cores, compiled code loaded, but for the first use."""
    seen = epoch()
    found = fit(FORM, seen)
    yield from _beside_scipy(seen, found)
    seconds = _seconds(lambda: fit(FORM, seen, objective=Objective("mse")))
    yield Figure("squared errors by variable projection, 240 runs", seconds, "s", "")
    yield Figure("profiles of the 5 parameters, 240 runs", _seconds(lambda: profiles(found, seen)), "s", "")
    yield Figure("each of 240 runs left out", _seconds(lambda: leave_out_each(found, seen)), "s", "")
    plain = _seconds(lambda: fit(FORM, seen, compiled=False))
    yield Figure("the fit without the compiled path, 20 starts", plain, "s", "")
    yield Figure("first use: Python started, all compiled, 4,500 starts", _first_use(), "s", "<= 20")
    yield from _many()


def epoch() -> Observations:
    """The runs of Hoffmann et al. 2022 but for the five largest losses, D = C/6N."""
    frame = pl.read_csv(EPOCH).select(n_params="Model Size", flops="Training FLOP", loss_nats="loss")
    frame = frame.with_columns(n_tokens=pl.col("flops") / 6 / pl.col("n_params")).sort("loss_nats").head(240)
    return Points.from_frame(frame)[0].observations


def _beside_scipy(seen: Observations, found: Fit) -> Iterator[Figure]:
    starts = FORM.starts(seen.x(FORM), np.log(seen.loss))
    some = starts[:: len(starts) // PLAIN_STARTS]
    ours = _seconds(lambda: fit(FORM, seen))
    theirs = _seconds(lambda: [plainly(seen, start) for start in some]) * len(starts) / len(some)
    scaled = f"scipy L-BFGS-B, {len(some)} of them, scaled"
    yield Figure("4,500 starts, 240 runs", ours, "s", "<= 8", {scaled: theirs})
    yield Figure("the plain loop's time over ours, starts", theirs / ours, "x", "")
    weights = list(resample(seen, draws=PLAIN_DRAWS, seed=42))
    ours = _seconds(lambda: bootstrap(found, seen, draws=DRAWS, seed=42))
    theirs = _seconds(lambda: [plainly(seen, found.theta, row) for row in weights]) * DRAWS / PLAIN_DRAWS
    scaled = f"scipy L-BFGS-B, {PLAIN_DRAWS} of them, scaled"
    yield Figure("4,000 bootstrap draws, 240 runs", ours, "s", "<= 3", {scaled: theirs})
    yield Figure("the plain loop's time over ours, draws", theirs / ours, "x", "")
    reached = min(plainly(seen, start)[0] for start in some)
    above = {"scipy L-BFGS-B, those starts": _per_million(reached)}
    yield Figure("objective above the optimum, per million", _per_million(found.objective), "", "<= 1", above)


def _per_million(objective: float) -> float:
    return 1e6 * (objective / OPTIMUM - 1)


def plainly(seen: Observations, start: Floats, weights: Floats | float = 1.0) -> tuple[float, Floats]:
    """The objective and theta that scipy's L-BFGS-B reaches from one start, as one would write it in a notebook."""
    log_n, log_d, log_loss = np.log(seen.variables["N"]), np.log(seen.variables["D"]), np.log(seen.loss)

    def objective(theta: Floats) -> float:
        ln_a, ln_b, ln_e, alpha, beta = theta
        terms = [ln_a - alpha * log_n, ln_b - beta * log_d, np.full_like(log_n, ln_e)]
        return float(np.sum(weights * huber(1e-3, logsumexp(terms, axis=0) - log_loss)))

    reached = minimize(objective, start, method="L-BFGS-B")
    return float(reached.fun), reached.x


def _first_use() -> float:
    """Seconds of a process with nothing compiled before."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, "-c", FIRST_USE]
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        return _seconds(lambda: subprocess.run(command, env=environment, cwd=Path(__file__).parents[1], check=True))


def _many() -> Iterator[Figure]:
    """100,000 runs on Hoffmann's surface, with noise of 1%."""
    generator = np.random.default_rng(0)
    n_params = np.exp(generator.uniform(np.log(1e6), np.log(1e9), MANY))
    n_tokens = np.exp(generator.uniform(np.log(1e8), np.log(1e11), MANY))
    loss = (1.8172 + 477.8 / n_params**0.3473 + 2143.4 / n_tokens**0.3672) * np.exp(
        0.01 * generator.standard_normal(MANY)
    )
    runs = pl.DataFrame({"n_params": n_params, "n_tokens": n_tokens, "loss_nats": loss})
    seen = Points.from_frame(runs)[0].observations
    yield Figure("100,000 runs: the fit", _seconds(lambda: fit(FORM, seen)), "s", "")
    found = fit(FORM, seen)
    draws = _seconds(lambda: bootstrap(found, seen, draws=MANY_DRAWS, seed=0))
    yield Figure(f"100,000 runs: {MANY_DRAWS} bootstrap draws", draws, "s", "")
    yield Figure("100,000 runs: the profiles", _seconds(lambda: profiles(found, seen)), "s", "")


def _seconds(what: Callable[[], object]) -> float:
    started = time.perf_counter()
    what()
    return time.perf_counter() - started
