"""The fused pieces as functions that torch differentiates; see `kernels` for the passes themselves.

Each gradient is taken once: some are written where what they are of was kept.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function

from smelt.models.fused import HALF, kernels


class RmsNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, eps: float) -> Tensor:
        x = x.contiguous()
        normed, inverse = torch.empty_like(x, dtype=HALF), torch.empty(x.shape[:-1])
        kernels.norm(_rows(x), gain.detach().numpy(), _rows(normed), inverse.numpy().reshape(-1), eps)
        ctx.save_for_backward(x, gain, inverse)
        return normed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        x, gain, inverse = cast("tuple[Tensor, Tensor, Tensor]", ctx.saved_tensors)
        d_x, d_gain = torch.empty_like(x), torch.zeros_like(gain)
        kernels.norm_back(
            _rows(x),
            gain.detach().numpy(),
            inverse.numpy().reshape(-1),
            _rows(gradients[0]),
            _rows(d_x),
            d_gain.numpy(),
        )
        return d_x, d_gain, None


class Gated(Function):
    @staticmethod
    def forward(ctx: Any, gates: Tensor, up: Tensor) -> Tensor:
        hidden = torch.empty_like(gates)
        kernels.gate(_rows(gates), _rows(up), _rows(hidden))
        ctx.save_for_backward(gates, up)
        return hidden

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        gates, up = cast("tuple[Tensor, Tensor]", ctx.saved_tensors)
        d_gates, d_up = torch.empty_like(gates), torch.empty_like(up)
        kernels.gate_back(_rows(gates), _rows(up), _rows(gradients[0]), _rows(d_gates), _rows(d_up))
        return d_gates, d_up


class Attend(Function):
    """Shares are kept for the gradient; torch's own attention keeps none, and is slow in bfloat16."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        angles: tuple[Tensor, Tensor] | None,
        d: int,
        scale: float,
        causal: bool,
    ) -> Tensor:
        length, groups = q.shape[1], k.shape[2] // d
        q, k, v = _by_head(q, d, angles), _by_head(k, d, angles), _by_head(v, d, None)
        q = q.view(len(k), -1, d)  # the queries of a key's head side by side
        shares = torch.bmm(q, k.mT)
        kernels.softmax(_rows(shares), length, scale, causal)
        ctx.save_for_backward(q, k, v, shares)
        ctx.set = angles, scale, causal, groups
        return _side_by_side(torch.bmm(shares, v), length, len(k) // groups)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, shares = cast("tuple[Tensor, ...]", ctx.saved_tensors)
        angles, scale, causal, groups = ctx.set
        length, n_rows = k.shape[1], len(k) // groups
        d_mixed = _by_head(gradients[0], k.shape[2], None).view_as(q)
        d_v, d_scores = torch.bmm(shares.mT, d_mixed), torch.bmm(d_mixed, v.mT)
        kernels.softmax_back(_rows(shares), _rows(d_scores), length, scale, causal)
        d_q, d_k = torch.bmm(d_scores, k), torch.bmm(d_scores.mT, q)
        return (
            _side_by_side(d_q, length, n_rows, angles),
            _side_by_side(d_k, length, n_rows, angles),
            _side_by_side(d_v, length, n_rows),
            None, None, None, None,
        )  # fmt: skip


class CrossEntropy(Function):
    """Forward keeps the logits and a number a row; backward writes the gradient over the logits."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        logits, targets, totals = logits.contiguous(), targets.contiguous(), torch.empty(len(logits))
        kernels.log_total(_rows(logits), totals.numpy())
        ctx.save_for_backward(logits, targets, totals)
        ctx.smoothing = smoothing
        loss = (totals - logits.gather(1, targets[:, None])[:, 0].float()).mean()
        if not smoothing:
            return loss
        return (1 - smoothing) * loss + smoothing * (totals.mean() - logits.mean(dtype=torch.float32))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        logits, targets, totals = cast("tuple[Tensor, ...]", ctx.saved_tensors)
        scale, elsewhere = float(gradients[0]) / len(targets), ctx.smoothing / logits.shape[1]
        kernels.cross_entropy_back(_rows(logits), totals.numpy(), targets.numpy(), 1 - ctx.smoothing, elsewhere, scale)
        return logits, None, None


def _rows(x: Tensor) -> NDArray[Any]:
    """A tensor as rows of its last axis: the same memory, bfloat16 as integers."""
    flat = x.detach().contiguous().view(-1, x.shape[-1])
    return flat.view(torch.uint16).numpy() if x.dtype is HALF else flat.numpy()


def _by_head(x: Tensor, d: int, angles: tuple[Tensor, Tensor] | None) -> Tensor:
    """(B, T, heads * d) as (B * heads, T, d), turned."""
    n_rows, length, width = x.shape
    if angles is None:
        return x.view(n_rows, length, -1, d).transpose(1, 2).reshape(-1, length, d)
    heads = torch.empty(n_rows * width // d, length, d, dtype=HALF)
    kernels.turn(_rows(x.view(-1, d)), _rows(heads), _rows(angles[0]), _rows(angles[1]), width // d)
    return heads


def _side_by_side(heads: Tensor, length: int, n_rows: int, angles: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """(B * heads, T, d), or the heads of a group side by side, as (B, T, heads * d), turned back."""
    d = heads.shape[-1]
    if angles is None:
        return heads.view(n_rows, -1, length, d).transpose(1, 2).reshape(n_rows, length, -1)
    x = torch.empty(n_rows, length, heads.numel() // (n_rows * length), dtype=HALF)
    kernels.turn_back(_rows(heads), _rows(x.view(-1, d)), _rows(angles[0]), _rows(angles[1]), x.shape[-1] // d)
    return x
