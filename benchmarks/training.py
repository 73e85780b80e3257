"""Tokens of a full training step a second of one core, beside a plain GPT's and transformers' Llama's.

One process measures all of a size in turns, under one setting of the allocator and on one thread; each model runs at
the micro-batch that suits it best.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from statistics import median

import torch
from torch import Tensor

from benchmarks.figures import Figure
from benchmarks.training_peers import Gpt, Llama, PlainStep
from smelt.core.local import ONE_THREAD
from smelt.models.config import ModelConfig
from smelt.models.sizes import Family
from smelt.models.stack import build_model
from smelt.runs.batch import Batch
from smelt.runs.checkpoint import Progress, Trainee
from smelt.runs.hparams import Hparams, LearningRates
from smelt.runs.loop import take_step
from smelt.runs.loss import Losses
from smelt.runs.machine import Machine
from smelt.runs.optim import build_optimisers
from smelt.runs.world import World

VOCAB, CONTEXT, ROWS = 4096, 256, 16
SHAPES = {"1M": (128, 5), "5M": (256, 6), "15M": (384, 8)}
"""Parameters of the layers, of embedding and head apart: width and layers."""
MICRO_ROWS = (2, 4, 8, 16)
TURNS = 3
ALLOCATOR = {"GLIBC_TUNABLES": ":".join(f"glibc.malloc.{name}" for name in (
    "hugetlb=1", f"mmap_threshold={2**30}", f"trim_threshold={2**30}")
)}  # fmt: skip

Step = Callable[[Tensor, Tensor], None]


class OurStep:
    """A step of smelt's loop, every parameter by AdamW."""

    def __init__(self, config: ModelConfig, machine: Machine, *, is_bf16: bool) -> None:
        self.hparams = Hparams(optimiser="adamw", clip=1.0, precision="bf16" if is_bf16 else "fp32")
        world = World(machine)
        model = build_model(config, torch.Generator().manual_seed(0))
        world.prepare(model)
        rates = LearningRates(matrix=1e-3, embedding=1e-3, head=1e-3, norm=1e-3)
        self.trainee = Trainee(model, build_optimisers(model, rates, self.hparams, world=world), world=world)
        self.losses, self.progress = world.wrap(Losses(model)).train(), Progress()

    def __call__(self, tokens: Tensor, targets: Tensor) -> None:
        batch = Batch(tokens, targets)
        take_step(self.trainee, self.losses, batch, self.progress, self.hparams, share=1.0, seed=0)


def measure_training() -> Iterator[Figure]:
    """Tokens a CPU-second by size, in fp32 and bf16, and what ours are of the others'."""
    for size in SHAPES:
        rates = _rates_of(size)
        for precision in ("fp32", "bf16"):
            found = {name: rates[f"{name} {precision}"] for name in ("smelt", "GPT", "Llama")}
            peers = {name: found[name] for name in ("GPT", "Llama")}
            yield Figure(f"training step, {size}, {precision}", found["smelt"], "tokens/s", "", peers)
        wanted = {"1M": "1.15", "15M": "1.05"}.get(size, "")
        yield Figure(f"over the GPT's, {size}, bf16", rates["smelt bf16"] / rates["GPT bf16"], "times", wanted)
        yield Figure(f"over our own fp32, {size}", rates["smelt bf16"] / rates["smelt fp32"], "times", "1.8")


def _rates_of(size: str) -> Mapping[str, float]:
    """Tokens a CPU-second by model and precision, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training", size]
    done = subprocess.run(command, env=os.environ | ONE_THREAD | ALLOCATOR, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def rates_here(size: str) -> dict[str, float]:
    """The same, in this process."""
    torch.set_num_threads(1)
    width, depth = SHAPES[size]
    config = Family(context=CONTEXT, tied=True).shape(vocab=VOCAB, d_model=width, n_layers=depth)
    generator = torch.Generator().manual_seed(1)
    windows = torch.randint(VOCAB, (ROWS, CONTEXT + 1), generator=generator)
    rates: dict[str, float] = {}
    for precision in ("fp32", "bf16"):
        is_bf16 = precision == "bf16"
        steps: dict[tuple[str, int], Step] = {}
        for rows in MICRO_ROWS:
            steps["smelt", rows] = OurStep(config, Machine(micro_batch_tokens=rows * CONTEXT), is_bf16=is_bf16)
            steps["GPT", rows] = PlainStep(Gpt(config), micro_rows=rows, is_bf16=is_bf16)
            steps["Llama", rows] = PlainStep(Llama(config), micro_rows=rows, is_bf16=is_bf16)
        seconds = _seconds(steps, windows)
        for (name, rows), taken in seconds.items():
            rate = ROWS * CONTEXT / taken
            print(f"{size} {precision} {name} {rows} rows: {rate:.0f}", file=sys.stderr)
            rates[f"{name} {precision}"] = max(rates.get(f"{name} {precision}", 0), rate)
    return rates


def _seconds(steps: Mapping[tuple[str, int], Step], windows: Tensor) -> dict[tuple[str, int], float]:
    """CPU-seconds of a step, the median of turns taken one after another."""
    taken: dict[tuple[str, int], list[float]] = {key: [] for key in steps}
    for turn in range(TURNS + 1):
        for key, step in steps.items():
            started = time.process_time()
            step(windows[:, :-1], windows[:, 1:])
            if turn:
                taken[key].append(time.process_time() - started)
    return {key: median(times) for key, times in taken.items()}


if __name__ == "__main__":
    print(json.dumps(rates_here(sys.argv[1])))
