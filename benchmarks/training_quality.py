"""What training in bfloat16 costs in quality: the same runs in float32 and bfloat16, over five seeds.

A pair of runs has one seed, so the same weights to begin with and the same text in the same order.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Literal

import numpy as np
from scipy.stats import t as student

from benchmarks.figures import Figure
from smelt.core.local import available_cores
from smelt.core.store import Store
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.steps import Read
from smelt.models.sizes import Family
from smelt.runs.hparams import Hparams
from smelt.runs.run import Run
from smelt.runs.steps import Train
from smelt.tokens.steps import Tokenize, TrainTokenizer

TEXTS = Path(__file__).parents[1] / "recipes" / "quickstart"
SEEDS = 5
N_TOKENS = 3e6
LEVEL = 0.95
SHAPE = {"d_model": 128, "n_layers": 5}
"""A million parameters in the layers, as the smallest of `training`."""


def measure_training_quality() -> Iterator[Figure]:
    """Bits a byte of held-out text, bfloat16 less float32: the mean over seeds with its interval; and the curves."""
    with tempfile.TemporaryDirectory() as folder:
        Store(Path(folder)).make(_tokens())
        wanted = [(Path(folder), precision, seed) for precision in ("fp32", "bf16") for seed in range(SEEDS)]
        with ProcessPoolExecutor(available_cores(), get_context("spawn")) as pool:
            made = list(pool.map(_train, wanted))
        runs = {"fp32": made[:SEEDS], "bf16": made[SEEDS:]}
        losses = {name: np.array([run.record.bpb for run in some]) for name, some in runs.items()}
        yield Figure("bits a byte, 1M parameters on 3M tokens, fp32", mean(losses["fp32"]), "bits", "")
        yield Figure("spread over seeds (standard deviation), fp32", stdev(losses["fp32"]), "bits", "")
        apart = losses["bf16"] - losses["fp32"]
        half = float(student.ppf((1 + LEVEL) / 2, SEEDS - 1)) * stdev(apart) / SEEDS**0.5
        yield Figure("bf16 less fp32, mean over five seeds", mean(apart), "bits", "0")
        yield Figure("half the width of its 95% interval", half, "bits", "")
        for name, some in runs.items():
            seconds = mean(run.manifest.cpu_seconds for run in some)
            yield Figure(f"CPU-seconds of a run, {name}", seconds, "s", "")
        yield Figure(
            "mean curves apart, at most, after the first tenth", _apart(runs["bf16"], runs["fp32"]), "nats", ""
        )


def _train(wanted: tuple[Path, Literal["fp32", "bf16"], int]) -> Run:
    folder, precision, seed = wanted
    hparams, family = Hparams(precision=precision), Family(context=256)
    step = Train(tokens=_tokens(), n_tokens=N_TOKENS, seed=seed, family=family, hparams=hparams, **SHAPE)
    return Store(folder).make(step, f"{precision}-{seed}")


def _tokens() -> Tokenize:
    raw = Read(paths=(f"{TEXTS}/*.gz", f"{TEXTS}/*.zst", f"{TEXTS}/*.parquet", f"{TEXTS}/*.txt"))
    corpus = Dedup(corpus=raw, held_out=0.03)
    return Tokenize(corpus=corpus, tokenizer=TrainTokenizer(corpus=corpus, vocab=4096))


def _apart(some: list[Run], others: list[Run]) -> float:
    """Between the mean curves of two kinds of runs, each over seeds."""
    first, second = (np.mean([run.curve["loss_nats"].to_numpy() for run in runs], axis=0) for runs in (some, others))
    return float(np.abs(first - second)[len(first) // 10 :].max())
