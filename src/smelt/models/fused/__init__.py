"""Pieces of a model as one pass each, for training in bfloat16 on a CPU: what torch does in several, or slowly.

Each gives what the plain piece in `models` gives, but for rounding to bfloat16, and is taken where `suits` says so.
Products of matrices stay torch's. What is compiled is loaded when it is first called.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

HALF = torch.bfloat16


def suits(x: Tensor) -> bool:
    """Whether a tensor is trained on in bfloat16 on a CPU, and no compiler is looking."""
    return (
        x.device.type == "cpu"
        and type(x) is Tensor
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is HALF
        and not torch.compiler.is_compiling()
    )


def rms_norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    """RMSNorm (Zhang and Sennrich 2019) of float32 (.., d), in bfloat16."""
    from smelt.models.fused.functions import RmsNorm

    return cast("Tensor", RmsNorm.apply(x, gain, eps))


def gated(gates: Tensor, up: Tensor) -> Tensor:
    """silu(gates) * up, in bfloat16 (Shazeer 2020)."""
    from smelt.models.fused.functions import Gated

    return cast("Tensor", Gated.apply(gates, up))


def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    angles: tuple[Tensor, Tensor] | None,
    *,
    head_dim: int,
    scale: float,
    is_causal: bool,
) -> Tensor:
    """Attention of bfloat16 queries (B, T, heads * head_dim) to keys and values (B, T, kv_heads * head_dim), turned by
    the angles (T, head_dim) of their positions: (B, T, heads * head_dim)."""
    from smelt.models.fused.functions import Attend

    return cast("Tensor", Attend.apply(q, k, v, angles, head_dim, scale, is_causal))


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """The mean of -log p(target) of bfloat16 logits (n, V); its gradient takes their place in memory."""
    from smelt.models.fused.functions import CrossEntropy

    return cast("Tensor", CrossEntropy.apply(logits, targets, smoothing))
