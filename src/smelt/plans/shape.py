"""A concrete model for a planned size, and the memory that training it takes.

Small models follow the ladder's family. Larger ones follow public decoders: width over depth from 64 (GPT-3 125M) to
128 (Llama 7B to 405B), heads of 128, from width 4,096 eight key-value heads (Llama 3). Width sets the shape, depth
meets the size.
"""

from __future__ import annotations

import math

from pydantic import BaseModel, ConfigDict

from smelt.models.config import ModelConfig
from smelt.models.flops import n_params, n_params_embedding
from smelt.models.sizes import Family
from smelt.plans.hardware import Card

LARGE = 3e8
"""Parameters from which the shape is a public decoder's: taste."""
VOCAB, SMALL_VOCAB = 32_000, 2_048
"""Llama's, and one that does not swallow a small model."""
SMALL = 3e7
CONTEXT, SMALL_CONTEXT = 2_048, 128
HEAD_DIM, KV_HEADS, GROUPED = 128, 8, 4_096
STATES = 16
"""Bytes a parameter: bf16 weights and gradients, float32 master weights and AdamW's two moments (Rajbhandari et al.
2020, section 3.1)."""
ACTIVATIONS, RECOMPUTED = 34, 2
"""Bytes of activations a token, layer and width: all but attention's scores, which fused kernels recompute; and where
layers are recomputed whole (Korthikanti et al. 2022, equation 2 and table 2)."""
USABLE = 0.9
"""Of a card's memory, the rest being buffers and fragments: assumption."""


class Memory(BaseModel):
    """Training memory in 1e9 bytes, one sequence a card at a time, states shared out over cards (ZeRO-3)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights_gb: float
    gradients_gb: float
    optimizer_gb: float
    """Master weights and two moments in float32."""
    activations_gb: float
    """Of one sequence, on each card."""
    recompute: bool
    """Layers are recomputed in the backward pass, since their activations would not fit."""
    least_gpus: int | None
    """Cards that must share the states; None without a card, or where activations alone do not fit."""
    gb_a_gpu: float | None
    """On each of the cards of the budget, or on the least number if that is more."""


def shape_of(target: float, *, vocab: int | None = None, context: int | None = None) -> ModelConfig:
    """The decoder of about `target` parameters."""
    vocab = vocab or (VOCAB if target >= SMALL else SMALL_VOCAB)
    context = context or (CONTEXT if target >= SMALL else SMALL_CONTEXT)
    if target < LARGE:
        return Family(context=context).nearest(target, vocab=vocab)
    shapes = [_shape(width, target, vocab=vocab, context=context) for width in range(512, 65_537, 256)]
    return min(shapes, key=lambda shape: _strangeness(shape, target))


def memory_of(shape: ModelConfig, *, card: Card | None, count: int) -> Memory:
    """What training the shape takes, on a card and in all."""
    n = n_params(shape)
    tokens = shape.context * shape.n_layers * shape.d_model / 1e9
    room = card.memory_gb * USABLE if card else math.inf
    recompute = ACTIVATIONS * tokens > room / 2
    activations = (RECOMPUTED if recompute else ACTIVATIONS) * tokens
    states = STATES * n / 1e9
    gpus = math.ceil(states / (room - activations)) if card and room > activations else None
    return Memory(
        weights_gb=2 * n / 1e9,
        gradients_gb=2 * n / 1e9,
        optimizer_gb=12 * n / 1e9,
        activations_gb=activations,
        recompute=recompute,
        least_gpus=gpus,
        gb_a_gpu=None if gpus is None else states / max(gpus, count) + activations,
    )


def _shape(width: int, target: float, *, vocab: int, context: int) -> ModelConfig:
    """Of a width, as deep as the target wants."""
    heads = max(1, width // HEAD_DIM)
    grouped = width >= GROUPED and heads % KV_HEADS == 0
    one = ModelConfig(
        vocab=vocab,
        context=context,
        n_layers=1,
        d_model=width,
        n_heads=heads,
        n_kv_heads=KV_HEADS if grouped else heads,
        head_dim=HEAD_DIM,
        d_ff=256 * round(8 * width / 3 / 256),
        tied=False,
    )
    layer = n_params(one) - n_params_embedding(one) - width
    depth = max(1, round((target - n_params_embedding(one)) / layer))
    return one.model_copy(update={"n_layers": depth})


def _strangeness(shape: ModelConfig, target: float) -> float:
    """How far from the size wanted, and from the depth usual for a width."""
    share = min(1.0, max(0.0, math.log(shape.d_model / 768) / math.log(4096 / 768)))
    usual = 64 * 2**share
    unusual = abs(math.log(shape.d_model / shape.n_layers / usual))
    ungrouped = 0.5 * (shape.d_model >= GROUPED and shape.n_heads % KV_HEADS != 0)
    return 3 * abs(math.log(n_params(shape) / target)) + unusual + ungrouped
