"""Noise drawn anew from the residuals of a fit: a bootstrap that is honest with few runs and a robust objective.

Resampling runs with replacement (fit.resample) is right for some hundreds of runs. With the 20 to 50 of a ladder, and
Huber's loss with a delta below the noise, it is off by a fifth either way: an objective that is nearly least absolute
deviation passes exactly through P of its runs, and how steep it is depends on the few residuals next to zero. So here

1. the P residuals of least size are left out: a least-absolute-deviation fit makes them zero, and a least-squares fit
   makes the sum of squares that of n - P (for which leaving out the least is the correction of n / (n - P));
2. the others are smoothed by a normal kernel of Silverman's width and shrunk back to their own spread, for the slope of
   such an objective is the density at zero, of which raw residuals say little (Silverman & Young 1987, Biometrika 74);
3. each draw is scaled by sqrt(dof / chi2), which makes the intervals as wide as Student's t.

`python -m benchmarks coverage` counts how often the intervals hold the truth.
"""

from __future__ import annotations

import numpy as np

from smelt.laws.forms import Floats

SILVERMAN = 1.06
"""Kernel width over s n^(-1/5), best for normal noise (Silverman 1986, eq. 3.28)."""


def redraw(residuals: Floats, *, n_parameters: int, draws: int, seed: int) -> Floats:
    """Noise for every run, anew for each draw: (draws, runs). No rows where no residual is left to judge it by."""
    n_runs, degrees = len(residuals), len(residuals) - n_parameters
    if degrees < 1:
        return np.empty((0, n_runs))
    generator = np.random.RandomState(seed)  # its stream is frozen: see fit.resample
    pool = residuals[np.argsort(np.abs(residuals))[n_parameters:]]
    pool = pool - pool.mean()
    width = SILVERMAN * degrees**-0.2
    drawn = pool[generator.randint(degrees, size=(draws, n_runs))]
    smooth = drawn + width * pool.std() * generator.standard_normal((draws, n_runs))
    return smooth * np.sqrt(degrees / generator.chisquare(degrees, size=(draws, 1)) / (1 + width**2))
