"""Where a token is: rotary angles, waves that are added, and biases by distance.

Rotary (Su et al. 2021): a query or key is turned by an angle that grows with its position. Halves are paired,
(x_i, x_{i + d/2}), as in Hugging Face's Llama; the paper pairs neighbours. The two differ by a fixed order of the
weights' rows.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from smelt.models.architecture import BUCKETS, FURTHEST, RopeScaling
from smelt.models.config import ModelConfig

WAVES = 10_000.0
"""Longest over shortest wave (Vaswani et al. 2017, section 3.5)."""


def rope_table(config: ModelConfig) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines of the angle `position * frequency`, each (context, head_dim), float32.

    Both halves of a head turn by the same angles, with the sine's sign against the first.
    """
    angles = torch.outer(torch.arange(config.context, dtype=torch.float32), frequencies(config))
    cos, sin = angles.cos(), angles.sin()
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def frequencies(config: ModelConfig) -> Tensor:
    """Radians a position, (head_dim / 2,): theta^(-2i / head_dim), slowed as the config says."""
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    plain = 1.0 / config.rope_theta**exponents
    scaling = config.rope_scaling
    if scaling is None:
        return plain
    return plain / scaling.factor if scaling.kind == "linear" else _llama3(plain, scaling)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """`x` (B, heads, T, head_dim) turned by the angles of its T positions; cos and sin are those of `rope_table`."""
    swapped = x.roll(x.shape[-1] // 2, dims=-1)
    return x * cos + swapped * sin


def waves(positions: Tensor, width: int) -> Tensor:
    """Sines, then cosines, of each position at frequencies from 1 down to 1/10,000: (n,) -> (n, width).

    As Vaswani et al. 2017 have it, but halves and not neighbours, like Marian and Transformer-XL.
    """
    exponents = torch.arange(0, width, 2, dtype=torch.float64, device=positions.device) / width
    angles = torch.outer(positions.double(), WAVES**-exponents)
    return torch.cat((angles.sin(), angles.cos()), dim=-1)[:, :width].float()


def buckets(n_queries: int, n_keys: int, *, is_causal: bool, device: torch.device) -> Tensor:
    """The bucket of the distance from each query to each key, (T, S): T5's."""
    queries = torch.arange(n_keys - n_queries, n_keys, device=device)[:, None]
    distance = torch.arange(n_keys, device=device) - queries
    if is_causal:
        return _bucket(-distance.clamp(max=0), BUCKETS)
    half = BUCKETS // 2
    return _bucket(distance.abs(), half) + half * (distance > 0)


def _bucket(distance: Tensor, n: int) -> Tensor:
    exact = n // 2
    far = torch.log(distance.clamp(min=1).float() / exact) / math.log(FURTHEST / exact) * (n - exact)
    return torch.where(distance < exact, distance, (exact + far.long()).clamp(max=n - 1))


def _llama3(plain: Tensor, scaling: RopeScaling) -> Tensor:
    """Llama 3.1's: what turns less than `low` times over the trained context is slowed, nothing from `high` on."""
    turns = scaling.trained_context * plain / (2 * math.pi)
    kept = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0, 1)
    return kept * plain + (1 - kept) * plain / scaling.factor
