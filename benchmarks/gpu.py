"""Checks and times training on a GPU, and writes benchmarks/results/<date>-gpu.json.

python -m benchmarks.gpu                  on the first card
python -m benchmarks.gpu --cpu            the same on a CPU, tiny: whether this runs, not how fast

Checked: logits, a stopped run, FSDP on one device, windows. Timed: 125M and 350M parameters, contexts of 1,024 and
4,096, bf16, layers compiled and not, with the share of the card's peak that is used (MFU; attention counted in full).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.figures import Figure
from benchmarks.training import OurStep
from smelt.models.config import ModelConfig
from smelt.models.flops import flops_per_token, n_params
from smelt.models.masks import Mask
from smelt.models.sizes import Family
from smelt.models.stack import Model, build_model
from smelt.models.windows import attend_in_windows
from smelt.plans.hardware import cards
from smelt.runs.batch import Batch
from smelt.runs.checkpoint import Checkpoint, Point, digest
from smelt.runs.hparams import Hparams, learning_rates
from smelt.runs.loop import train
from smelt.runs.machine import Machine
from smelt.runs.world import World

VOCAB = 50_304
SHAPES = {"125M": (768, 12), "350M": (1024, 24)}
CONTEXTS = (1024, 4096)
PASS_TOKENS, STEPS, WARMUP = 16_384, 10, 3
SMALL = Family(context=64).shape(vocab=512, d_model=64, n_layers=2)


def measure_gpu(machine: Machine) -> Iterator[Figure]:
    """The checks as differences, then a row for each model, context and way of compiling."""
    torch.backends.cuda.matmul.allow_tf32 = False
    yield Figure("logits, device less CPU, fp32", _logits_apart(machine), "", "< 1e-3")
    yield Figure("a run stopped after 10 of 20 steps: other bits", float(_differs_after_a_stop(machine)), "", "0")
    yield Figure("loss of FSDP on one device less one process's", _fsdp_apart(machine), "nats", "< 1e-5")
    yield Figure("windows less a dense mask", _windows_apart(machine), "", "< 1e-4")
    torch.backends.cuda.matmul.allow_tf32 = True
    peak = _peak_flops(machine)
    is_tiny = machine.device == "cpu"
    shapes = {"tiny": (32, 2)} if is_tiny else SHAPES
    for (name, (width, depth)), context, compiled in product(shapes.items(), CONTEXTS, (False, True)):
        config = Family(context=context, tied=True).shape(
            vocab=128 if is_tiny else VOCAB, d_model=width, n_layers=depth
        )
        tokens = max(context, 4096 if is_tiny else PASS_TOKENS)
        timed = machine.model_copy(update={"micro_batch_tokens": tokens, "compiled": compiled and not is_tiny})
        what = f"{name} ({n_params(config) / 1e6:.0f}M), T={context}, bf16{', compiled' if compiled else ''}"
        rate = _rate(config, timed, rows=tokens // context)
        yield Figure(what, rate, "tokens/s", "", _memory(machine))
        if peak:
            yield Figure(f"MFU, {what}", 100 * rate * flops_per_token(config) / peak, "%", "45 at 350M, T=1024")


def _logits_apart(machine: Machine) -> float:
    tokens = torch.randint(SMALL.vocab, (4, 64), generator=torch.Generator().manual_seed(0))
    model = _model(SMALL).eval()
    with torch.no_grad():
        here = model(tokens)
        there = model.to(machine.device)(tokens.to(machine.device)).cpu()
    return float((here - there).abs().max())


def _differs_after_a_stop(machine: Machine) -> bool:
    def run(folder: str, *stops: int) -> str:
        for stop in (*stops, 20):
            model = _model(SMALL)
            checkpoint = Checkpoint(Path(folder), every_seconds=0)
            list(islice(_points(model, World(machine), checkpoint), stop))
        return digest({name: weight.cpu() for name, weight in model.state_dict().items()})

    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        return run(first) != run(second, 10)


def _fsdp_apart(machine: Machine) -> float:
    from smelt.runs.parallel import Ranks

    os.environ |= {"MASTER_ADDR": "localhost", "MASTER_PORT": "29531", "RANK": "0", "WORLD_SIZE": "1"}
    dist.init_process_group("nccl" if machine.device == "cuda" else "gloo")
    try:
        cut = Ranks(machine.model_copy(update={"parallel": "fsdp"}))
        losses = [[point.loss_nats for point in _points(_model(SMALL), world)] for world in (World(machine), cut)]
    finally:
        dist.destroy_process_group()
    return max(abs(one - other) for one, other in zip(*losses, strict=True))


def _windows_apart(machine: Machine) -> float:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 4, 500, 64, generator=generator).to(machine.device) for _ in range(3))
    mask = Mask(is_causal=True, window=64)
    dense = mask.dense(500, 500, q.device)
    return float(
        (attend_in_windows(q, k, v, mask) - scaled_dot_product_attention(q, k, v, attn_mask=dense)).abs().max()
    )


def _rate(config: ModelConfig, machine: Machine, *, rows: int) -> float:
    """Tokens a second of full steps, AdamW's."""
    step = OurStep(config, machine, is_bf16=True)
    windows = torch.randint(config.vocab, (rows, config.context + 1))
    seconds: list[float] = []
    if machine.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(WARMUP + STEPS):
        started = time.perf_counter()
        step(windows[:, :-1], windows[:, 1:])  # reads the loss, and so waits for the card
        seconds.append(time.perf_counter() - started)
    return rows * config.context * STEPS / sum(seconds[WARMUP:])


def _model(config: ModelConfig) -> Model:
    return build_model(config, torch.Generator().manual_seed(0))


def _points(model: Model, world: World, checkpoint: Checkpoint | None = None) -> Iterator[Point]:
    rates = learning_rates(Hparams(), d_model=64, batch_tokens=512)
    return train(model, batches=_batch, steps=20, rates=rates, points=20, checkpoint=checkpoint, world=world)


def _batch(step: int) -> Batch:
    windows: Tensor = torch.randint(SMALL.vocab, (8, 65), generator=torch.Generator().manual_seed(step))
    return Batch(windows[:, :-1].contiguous(), windows[:, 1:].contiguous())


def _peak_flops(machine: Machine) -> float | None:
    """Of a card that hardware.toml knows by a part of its name."""
    if machine.device == "cpu":
        return None
    name = torch.cuda.get_device_name().lower()
    return next((card.peak("bf16") for key, card in cards().items() if key.split("-")[0] in name), None)


def _memory(machine: Machine) -> dict[str, float]:
    return {"GiB at most": torch.cuda.max_memory_allocated() / 2**30} if machine.device == "cuda" else {}


def main() -> None:
    """Measures, prints, writes."""
    from benchmarks.__main__ import write

    device = "cpu" if "--cpu" in sys.argv else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU is here: python -m benchmarks.gpu --cpu shows whether this runs")
    figures: list[Figure] = []
    for figure in measure_gpu(Machine(device=device)):
        print(figure, flush=True)
        figures.append(figure)
    if device == "cuda":
        write(f"gpu-{torch.cuda.get_device_name().lower().replace(' ', '-')}", figures)


if __name__ == "__main__":
    main()
