"""What a run of half a minute spends on anything but its steps: start-up, evaluation, checkpoints, reading of tokens.

The run is a process of its own, from the start of the interpreter to the artifact in the store.
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
TOKENS_PER_SECOND = 30_000
"""About what a model of width 64 learns from on a core."""


def measure_run_overhead() -> Iterator[Figure]:
    """Shares of a run's wall time."""
    with tempfile.TemporaryDirectory() as folder:
        Store(Path(folder)).make(_tokens())
        command = [sys.executable, "-m", "benchmarks.run_overhead", folder]
        done = subprocess.run(command, env=os.environ | ONE_THREAD, check=True, stdout=subprocess.PIPE, text=True)
        taken: dict[str, float] = json.loads(done.stdout)
    total, steps, batches = taken["total"], taken["take_step"], taken["batches"]
    yield Figure("a run from its start to its artifact", total, "s", f"about {SECONDS}")
    yield Figure("of it, anything but steps", 100 * (1 - steps / total), "%", "< 10")
    yield Figure("making batches, over the steps", 100 * batches / steps, "%", "< 1")


def _tokens() -> Tokenize:
    corpus = Dedup(corpus=Read(paths=(f"{TEXTS}/government.jsonl.zst",)), held_out=0.1)
    return Tokenize(corpus=corpus, tokenizer=TrainTokenizer(corpus=corpus, vocab=1024))


def _run(folder: Path) -> dict[str, float]:
    """Trains one model, and gives the seconds of its parts and of this whole process."""
    from smelt.runs import loop, train

    taken = {"take_step": 0.0, "batches": 0.0}

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
    Store(folder).make(Train(tokens=_tokens(), d_model=64, n_layers=2, n_tokens=SECONDS * TOKENS_PER_SECOND))
    return {**taken, "total": time.time() - psutil.Process().create_time()}


if __name__ == "__main__":
    print(json.dumps(_run(Path(sys.argv[1]))))
