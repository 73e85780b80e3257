"""Attention: each position takes a mixture of the values that it may see (Vaswani et al. 2017), grouped-query or not
(Ainslie et al. 2023), normed or not.

A window is computed window by window, so that its cost grows with the length and not with its square: see `windows`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from smelt.models import fused
from smelt.models.architecture import FUSED_KEYS
from smelt.models.config import ModelConfig
from smelt.models.masks import Mask
from smelt.models.norm import build_norm
from smelt.models.positions import rotate
from smelt.models.windows import attend_in_windows

Angles = tuple[Tensor, Tensor]
"""Cosines and signed sines (T, head_dim) of rotary positions."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the positions of a pass see, the same in every layer."""

    mask: Mask = field(default_factory=lambda: Mask(is_causal=True))
    angles: Angles | None = None
    """Of rotary positions."""
    bias: Tensor | None = None
    """(1, heads, T, S) added to the scores; minus infinity where a key is not seen."""
    distances: Tensor | None = None
    """(S, d_model) waves of each distance from S - 1 down to 0: Transformer-XL's."""


class Attention(nn.Module):
    """Queries of a stream to keys and values of its own, or of another."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.is_grouped = config.n_kv_heads < config.n_heads
        self.is_normed_by_head = config.qk_norm_over == "head"
        self.scale = None if config.scaled_scores else 1.0
        self.dropout = config.dropout
        self.q_proj = nn.Linear(config.d_model, config.d_query, bias=config.bias)
        self.k_proj = nn.Linear(config.d_model, config.d_kv, bias=config.bias)
        self.v_proj = nn.Linear(config.d_model, config.d_kv, bias=config.bias)
        self.o_proj = nn.Linear(config.d_query, config.d_model, bias=config.bias)
        self.q_norm = self._norm(config, config.d_query)
        self.k_norm = self._norm(config, config.d_kv)

    def forward(self, x: Tensor, view: View, source: Tensor | None = None) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); keys and values are of `source` (B, S, d_model), where there is one."""
        read = x if source is None else source
        q, k = self._normed(self.q_proj(x), self.q_norm), self._normed(self.k_proj(read), self.k_norm)
        v = self.v_proj(read)
        if source is None and self._is_fused(q, view):
            scale = self.head_dim**-0.5 if self.scale is None else self.scale
            causal = view.mask.is_causal
            mixed = fused.attend(q, k, v, view.angles, head_dim=self.head_dim, scale=scale, is_causal=causal)
            return self.o_proj(mixed)
        q, k = self._turned(q, view.angles), self._turned(k, view.angles)
        return self.o_proj(self._joined(self._mix(q, k, self._heads(v), view)))

    def _is_fused(self, q: Tensor, view: View) -> bool:
        """Whether there is nothing that the fused function does not know: masks, biases, dropout."""
        is_plain = view.mask.is_plain and view.bias is None
        is_whole = self.dropout == 0.0 or not self.training
        return is_plain and is_whole and q.shape[1] <= FUSED_KEYS and fused.suits(q) and q.dtype is fused.HALF

    def _turned(self, x: Tensor, angles: Angles | None) -> Tensor:
        """Queries or keys by head, turned by the angles of their positions."""
        by_head = self._heads(x)
        return by_head if angles is None else rotate(by_head, *angles)

    def _mix(self, q: Tensor, k: Tensor, v: Tensor, view: View) -> Tensor:
        """Values mixed for each query, (B, heads, T, head_dim)."""
        dropout = self.dropout if self.training else 0.0
        mask = view.mask
        if mask.window is not None and view.bias is None and mask.window < q.shape[-2]:
            return attend_in_windows(q, k, v, mask, dropout=dropout, scale=self.scale)
        seen = view.bias
        if seen is None and not mask.is_plain:
            seen = mask.dense(q.shape[-2], k.shape[-2], q.device)
        return scaled_dot_product_attention(
            q, k, v, attn_mask=seen, dropout_p=dropout, is_causal=seen is None and mask.is_causal, scale=self.scale,
            enable_gqa=self.is_grouped,
        )  # fmt: skip

    def _normed(self, x: Tensor, norm: nn.Module) -> Tensor:  # (B, T, heads * head_dim)
        return norm(x.unflatten(-1, (-1, self.head_dim))).flatten(-2) if self.is_normed_by_head else norm(x)

    def _heads(self, x: Tensor) -> Tensor:  # (B, T, heads * head_dim) -> (B, heads, T, head_dim)
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    def _joined(self, x: Tensor) -> Tensor:  # (B, heads, T, head_dim) -> (B, T, heads * head_dim)
        return x.transpose(1, 2).flatten(2)

    @staticmethod
    def _norm(config: ModelConfig, width: int) -> nn.Module:
        if not config.qk_norm:
            return nn.Identity()
        return build_norm(config, config.head_dim if config.qk_norm_over == "head" else width)


class GlobalAttention(Attention):
    """Longformer's: global tokens see all, by queries, keys and values of their own (Beltagy et al. 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.global_q_proj = nn.Linear(config.d_model, config.d_query, bias=config.bias)
        self.global_k_proj = nn.Linear(config.d_model, config.d_kv, bias=config.bias)
        self.global_v_proj = nn.Linear(config.d_model, config.d_kv, bias=config.bias)

    def forward(self, x: Tensor, view: View, source: Tensor | None = None) -> Tensor:
        q = self._turned(self._normed(self.q_proj(x), self.q_norm), view.angles)
        k = self._turned(self._normed(self.k_proj(x), self.k_norm), view.angles)
        mixed = self._joined(self._mix(q, k, self._heads(self.v_proj(x)), view))
        chosen = view.mask.global_tokens
        if chosen is not None and bool(chosen.any()):
            mixed = self._with_global(x, mixed, view, chosen)
        return self.o_proj(mixed)

    def _with_global(self, x: Tensor, mixed: Tensor, view: View, chosen: Tensor) -> Tensor:
        """The mixtures of global tokens in the place of those that a window gave them."""
        most, angles = int(chosen.sum(dim=1).max()), view.angles
        places = chosen.int().topk(most, dim=1).indices  # (B, most); of rows with fewer, some that are not global
        index = places[..., None].expand(-1, -1, x.shape[-1])
        at_places = None if angles is None else (angles[0][places][:, None], angles[1][places][:, None])
        q = self._turned(self._normed(self.global_q_proj(x.gather(1, index)), self.q_norm), at_places)
        k = self._turned(self._normed(self.global_k_proj(x), self.k_norm), angles)
        v = self._heads(self.global_v_proj(x))
        everything = self._mix(q, k, v, View(Mask(padding=view.mask.padding)))
        wide = places[..., None].expand(-1, -1, mixed.shape[-1])
        kept = torch.where(chosen.gather(1, places)[..., None], self._joined(everything), mixed.gather(1, wide))
        return mixed.scatter(1, wide, kept)
