"""What runs of half a minute spend on anything but their steps: start-up, evaluation, checkpoints, reading of tokens.

A worker of a ladder trains run after run. Its first is taken from the start of the interpreter, the second from the end
of the first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure
from smelt.core.local import ONE_THREAD
from smelt.core.store import Store
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.steps import Read
from smelt.runs.steps import Train
from smelt.tokens.steps import Tokenize, TrainTokenizer

TEXTS = Path(__file__).parents[1] / "recipes" / "quickstart"
SECONDS = 30
TOKENS_PER_SECOND = 35_000
"""About what a model of width 64 learns from on a core."""


def measure_run_overhead() -> Iterator[Figure]:
    """Shares of a run's wall time."""
    with tempfile.TemporaryDirectory() as folder:
        Store(Path(folder)).make(_tokens())
        command = [sys.executable, "-m", "benchmarks.run_overhead", folder]
        done = subprocess.run(command, env=os.environ | ONE_THREAD, check=True, stdout=subprocess.PIPE, text=True)
        first, second = json.loads(done.stdout)
    yield Figure("a worker's first run, from the start of its process", first["total"], "s", f"about {SECONDS}")
    yield Figure("of it, anything but steps", 100 * (1 - first["take_step"] / first["total"]), "%", "< 10")
    yield Figure("of its next run, anything but steps", 100 * (1 - second["take_step"] / second["total"]), "%", "< 10")
    yield Figure("making batches, over the steps", 100 * second["batches"] / second["take_step"], "%", "< 1")


def _tokens() -> Tokenize:
    corpus = Dedup(corpus=Read(paths=(f"{TEXTS}/government.jsonl.zst",)), held_out=0.1)
    return Tokenize(corpus=corpus, tokenizer=TrainTokenizer(corpus=corpus, vocab=1024))


def _runs(folder: Path) -> list[dict[str, float]]:
    """Trains two models, and gives the seconds of each and of its parts."""
    from smelt.runs import loop, train

    taken, found, began = {"take_step": 0.0, "batches": 0.0}, list[dict[str, float]](), psutil.Process().create_time()

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            result = function(*arguments, **named)
            taken[name] += time.perf_counter() - started
            return result

        return call

    loop.take_step = timed("take_step", loop.take_step)
    make = train.window_batches
    train.window_batches = lambda *arguments, **named: timed("batches", make(*arguments, **named))
    for seed in range(2):
        taken |= {"take_step": 0.0, "batches": 0.0}
        n_tokens = SECONDS * TOKENS_PER_SECOND
        Store(folder).make(Train(tokens=_tokens(), d_model=64, n_layers=2, n_tokens=n_tokens, seed=seed))
        found.append({**taken, "total": time.time() - began})
        began = time.time()
    return found


if __name__ == "__main__":
    print(json.dumps(_runs(Path(sys.argv[1]))))
