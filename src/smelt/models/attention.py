"""Causal grouped-query attention (Vaswani et al. 2017; Ainslie et al. 2023), normed or not."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from smelt.models.config import ModelConfig
from smelt.models.norm import build_norm
from smelt.models.positions import rotate

Angles = tuple[Tensor, Tensor]
"""Cosines and signed sines (T, head_dim) of rotary positions."""


class Attention(nn.Module):
    """Each position takes a mixture of the values at itself and before it."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        self.is_grouped = config.n_kv_heads < config.n_heads
        self.is_normed_by_head = config.qk_norm_over == "head"
        self.q_proj = nn.Linear(config.d_model, config.d_query, bias=config.bias)
        self.k_proj = nn.Linear(config.d_model, config.d_kv, bias=config.bias)
        self.v_proj = nn.Linear(config.d_model, config.d_kv, bias=config.bias)
        self.o_proj = nn.Linear(config.d_query, config.d_model, bias=config.bias)
        self.q_norm = self._norm(config, config.d_query)
        self.k_norm = self._norm(config, config.d_kv)

    def forward(self, x: Tensor, angles: Angles | None) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        q, k = self._normed(self.q_proj(x), self.q_norm), self._normed(self.k_proj(x), self.k_norm)
        if angles is not None:
            q, k = rotate(q, *angles), rotate(k, *angles)
        v = self._heads(self.v_proj(x))
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.is_grouped)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))

    def _normed(self, x: Tensor, norm: nn.Module) -> Tensor:  # (B, T, heads * head_dim) -> (B, heads, T, head_dim)
        return norm(self._heads(x)) if self.is_normed_by_head else self._heads(norm(x))

    def _heads(self, x: Tensor) -> Tensor:  # (B, T, heads * head_dim) -> (B, heads, T, head_dim)
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)

    @staticmethod
    def _norm(config: ModelConfig, width: int) -> nn.Module:
        if not config.qk_norm:
            return nn.Identity()
        return build_norm(config, config.head_dim if config.qk_norm_over == "head" else width)
