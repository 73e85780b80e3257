"""What a plan is made of: FLOPs counted, and models that will be used much."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from benchmarks.reproductions.chinchilla import GOPHER, HEADLINE
from benchmarks.reproductions.study import Row, Study
from smelt.laws.published import DEFAULT, published_law
from smelt.models.chinchilla import ChinchillaShape
from smelt.plans.budget import Budget
from smelt.plans.known import known_models
from smelt.plans.plan import make_plan
from smelt.plans.wishes import Wishes

USES = ((70e9, 1e12), (70e9, 1e13), (7e9, 1e12))
"""Quality of a compute-optimal model of that size, and tokens of its use."""
PRINTED = {"gpt3": 3.14e23, "gopher": GOPHER, "chinchilla": GOPHER, "llama3-405b": 3.8e25}
SHAPES = (
    ("73M", 10, 640, 10, 64, 1.03),
    ("305M", 20, 1024, 16, 64, 1.10),
    ("552M", 24, 1280, 10, 128, 1.08),
    ("1.1B", 26, 1792, 14, 128, 1.04),
    ("1.6B", 28, 2048, 16, 128, 1.03),
    ("6.8B", 40, 3584, 28, 128, 0.99),
)
"""Hoffmann et al. 2022, table A4: layers, width, heads, size of a head, their FLOPs over 6ND."""

CHEAPEST = """
Sardana et al. print figures by Hoffmann et al.'s constants, so that there is nothing to compare these with but a
numeric minimum of 6ND + 2N x use along the line of equal loss, which the last row does. What they say holds: the more
a model will be used, the smaller it is and the longer it is trained.
"""
COUNTS = """
6ND is near the printed FLOPs but for Gopher's: Hoffmann et al. print one budget for both models, their 6ND being
12.5% below and 2.1% above it. The ratios hold with a vocabulary of 32,000 counted in N, sequences of 2,048 tokens,
and neither embedding nor logits in the FLOPs; the paper says neither length nor vocabulary, and its text counts
embedding and logits.
"""


def inference_aware() -> Study:
    """The cheapest model of a quality, training and use together."""
    rows: list[Row] = []
    worst = 0.0
    for size, use in USES:
        plan = make_plan(published_law(DEFAULT), Budget(), Wishes(inference_tokens=use, target_loss=_quality(size)))
        what = f"{size / 1e9:.0f}B's quality, {use:.0e} tokens of use"
        rows.append(Row(f"N, billions: {what}", None, plan.n_params.mid / 1e9, ".3f"))
        rows.append(Row(f"D, trillions: {what}", None, plan.n_tokens.mid / 1e12, ".3f"))
        worst = max(worst, abs(plan.n_params.mid / _cheapest(_quality(size), use) - 1))
    rows.append(Row("largest difference of N from a numeric minimum, %", None, 100 * worst, ".1e"))
    return Study(
        "The question of Sardana et al. 2023, by the rounded constants of Besiroglu et al. 2024",
        "none: the law itself",
        rows,
        CHEAPEST,
    )


def counting() -> Study:
    """6ND, Hoffmann et al.'s own count, and hours."""
    models = known_models()
    rows = [
        Row(f"FLOPs of {models[name].name}, 6ND", value, models[name].flops, ".3g") for name, value in PRINTED.items()
    ]
    for name, layers, width, heads, head, ratio in SHAPES:
        shape = ChinchillaShape(n_layers=layers, d_model=width, d_ff=4 * width, n_heads=heads, d_head=head)
        rows.append(Row(f"their FLOPs over 6ND, {name}", ratio, shape.ratio(), ".4g"))
    hours = make_plan(published_law(DEFAULT), Budget(flops=GOPHER, gpu="h100", count=1024, mfu=0.4)).gpu_hours
    if hours is not None:
        rows.append(Row("GPU-hours of 5.76e23 FLOPs on H100s at 40% of 989.5 TFLOP/s", None, hours, ",.0f"))
    return Study(
        "Brown et al. 2020, table D.1; Hoffmann et al. 2022, tables 3 and A4; Dubey et al. 2024, section 3.2",
        "none: shapes and sizes as printed",
        rows,
        COUNTS,
    )


def _quality(size: float) -> float:
    """The loss of a compute-optimal model of a size: A alpha N^-alpha = B beta D^-beta there."""
    a, b, e, alpha, beta = HEADLINE.values()
    tokens = (b * beta / (a * alpha) * size**alpha) ** (1 / beta)
    return e + a * size**-alpha + b * tokens**-beta


def _cheapest(loss: float, use: float) -> float:
    """N of the least 6ND + 2N x use, by Brent's method over ln N."""
    a, b, e, alpha, beta = HEADLINE.values()
    least = np.log((loss - e) / a) / -alpha

    def flops(log_n: float) -> float:
        n = np.exp(log_n)
        return float(np.log(6 * n * (b / (loss - e - a * n**-alpha)) ** (1 / beta) + 2 * n * use))

    return float(np.exp(minimize_scalar(flops, bounds=(least + 1e-6, least + 10), options={"xatol": 1e-10}).x))
