"""How much memory a process needs to train a model: what `explain` says, and what is checked before the first step.

    fixed          the interpreter with its libraries, torch's above all
    weights        with their gradients and what the optimiser keeps
    activations    of a pass, kept for the gradient: so many numbers a token and unit of width in each layer; more
                   where a step has several passes, whose memory the allocator does not fit into each other's
    logits         of a pass, and what their loss keeps; or those of an evaluation, in fp32

The constants are fitted to the peaks of 39 loops on random tokens (decoders of width 64 to 512, 2 to 12 layers,
vocabulary 1,024 to 16,384, contexts of 128 to 1,024; torch 2.13 with glibc's allocator, 2026-11), and set by hand to
runs of `python -m benchmarks memory`, which holds them against some that they never saw.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from smelt.errors import InputError
from smelt.models.architecture import FUSED_KEYS
from smelt.models.config import ModelConfig
from smelt.models.flops import n_params, n_params_embedding
from smelt.runs.hparams import Hparams
from smelt.runs.machine import Machine
from smelt.units import format_bytes

FLOAT = 4
"""Bytes."""
EVALUATED_TOKENS = 2048
"""At once, when a run is evaluated."""
HALF = 2


class Constants(NamedTuple):
    """Of a precision."""

    fixed: float
    """Bytes."""
    weights: float
    """Bytes over those of weights, gradients and state: what optimisers make on their way."""
    activations: float
    """Numbers a token, layer and unit of width, in fp32: of a step of several passes."""
    of_one_pass: float
    """The same of a step that is one pass."""
    logits: float
    """Numbers a token and entry of the vocabulary, in fp32."""


CONSTANTS: dict[Literal["fp32", "bf16"], Constants] = {
    "fp32": Constants(fixed=510e6, weights=1.08, activations=40.0, of_one_pass=23.7, logits=1.95),
    "bf16": Constants(fixed=561e6, weights=1.27, activations=12.6, of_one_pass=10.1, logits=0.37),
}
HIDDEN = 0.15
"""Of an encoder's tokens, those that are scored (`objective.hidden`)."""
READ, WRITTEN = 0.8, 0.2
"""Of the tokens of a pass, those that an encoder-decoder reads and writes, where stretches were cut out of texts."""
GATHERED = 1.5
"""An expert's branch over a dense one as wide: tokens are gathered for it, and put back (measured 2026-11)."""
WIDE_BRANCH = 8 / 3
"""Feed-forward width over the stream's, of the runs measured."""
OF_BRANCH = 0.4
"""Share of the activations that are the feed-forward branch's, and grow with its width."""


def training_bytes(
    config: ModelConfig, hparams: Hparams, *, pass_tokens: int, passes: int = 2, recompute: bool = False
) -> float:
    """At its peak, of one process that has the whole model; of `pass_tokens` tokens at once, so many times a step."""
    constants = CONSTANTS[hparams.precision]
    is_both = config.kind == "encoder-decoder"
    both = READ * config.n_layers + WRITTEN * (config.n_decoder_layers or config.n_layers)
    layers = both if is_both else config.n_layers
    experts = config.experts
    branches = GATHERED * experts.top_k + experts.shared if experts else 1
    branch = branches * config.d_ff / config.d_model / WIDE_BRANCH
    numbers = constants.of_one_pass if passes == 1 else constants.activations
    a_layer = numbers * config.d_model * (1 - OF_BRANCH + OF_BRANCH * branch)
    kept = (a_layer + layers * config.d_model) if recompute else layers * a_layer
    is_kept = hparams.precision == "bf16" and config.context <= FUSED_KEYS
    shares = HALF * layers * config.n_heads * config.context if is_kept else 0
    scored = {"decoder": 1.0, "encoder": HIDDEN, "encoder-decoder": WRITTEN}[config.kind] * config.vocab
    logits = max(pass_tokens * constants.logits, EVALUATED_TOKENS * CONSTANTS["fp32"].logits) * scored
    activations = pass_tokens * (FLOAT * kept + shares)
    return constants.fixed + constants.weights * _kept_bytes(config, hparams) + activations + FLOAT * logits


def pass_rows(machine: Machine, *, rows: int, row_tokens: int) -> int:
    """Rows that a process passes at once, of those of a step."""
    return max(1, min(_own_rows(machine, rows), machine.micro_batch_tokens // row_tokens))


def _own_rows(machine: Machine, rows: int) -> int:
    return rows // machine.processes if machine.shares_rows else rows


def needed_bytes(
    config: ModelConfig, hparams: Hparams, machine: Machine, *, rows: int, row_tokens: int, at_once: int | None = None
) -> float:
    """What a process of a machine needs for steps of so many rows, passing some at once, or as many as the machine
    says."""
    n = at_once or pass_rows(machine, rows=rows, row_tokens=row_tokens)
    passes = -(-_own_rows(machine, rows) // n)
    return training_bytes(config, hparams, pass_tokens=n * row_tokens, passes=passes, recompute=machine.recompute)


def check_fits(
    config: ModelConfig, hparams: Hparams, machine: Machine, *, rows: int, row_tokens: int, available: float
) -> None:
    """InputError where a process needs more than the bytes available, with how many tokens a pass would fit."""
    n = pass_rows(machine, rows=rows, row_tokens=row_tokens)

    def needed(n: int) -> float:
        return needed_bytes(config, hparams, machine, rows=rows, row_tokens=row_tokens, at_once=n)

    if needed(n) <= available:
        return
    fitting = next((fewer for fewer in range(n - 1, 0, -1) if needed(fewer) <= available), None)
    raise InputError(
        where="machine.micro_batch_tokens",
        what=f"{n * row_tokens:,} tokens a pass need about {format_bytes(needed(n))}",
        expected=f"at most the {format_bytes(available)} that are free",
        do=f"take {fitting * row_tokens:,}" if fitting else _smaller(machine, needed(1)),
    )


def _smaller(machine: Machine, least: float) -> str:
    recompute = "" if machine.recompute else ", or machine.recompute"
    return f"even one row needs {format_bytes(least)}: take a smaller model or a shorter context{recompute}"


def _kept_bytes(config: ModelConfig, hparams: Hparams) -> float:
    """Of weights, gradients, and what the optimiser keeps: a number a matrix's weight (Muon), two (AdamW), or none."""
    weights, others = n_params(config), n_params_embedding(config)
    states = {"muon": weights + others, "adamw": 2 * weights, "adafactor": 0}[hparams.optimiser]
    return FLOAT * (2 * weights + states + weights * (hparams.average is not None))
