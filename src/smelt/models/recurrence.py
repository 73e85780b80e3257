"""Transformer-XL's attention: a segment also sees the states of the one before, by distance (Dai et al. 2019).

    score of query i and key j  =  (q_i + u) k_j  +  (q_i + v) W R_(i-j)

With distances in the place of positions, states remembered mean the same wherever they are read. No gradient goes back
into them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, scaled_dot_product_attention

from smelt.models.attention import Attention, View
from smelt.models.config import ModelConfig


class RecurrentAttention(Attention):
    """`source` is what was remembered followed by the segment itself."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.r_proj = nn.Linear(config.d_model, config.d_kv, bias=False)
        self.content_bias = nn.Parameter(torch.zeros(config.d_query))  # u
        self.distance_bias = nn.Parameter(torch.zeros(config.d_query))  # v

    def forward(self, x: Tensor, view: View, source: Tensor | None = None) -> Tensor:
        assert view.distances is not None
        read, q = x if source is None else source, self._heads(self._normed(self.q_proj(x), self.q_norm))
        k, v = self._heads(self._normed(self.k_proj(read), self.k_norm)), self._heads(self.v_proj(read))
        r = self._heads(self.r_proj(view.distances)[None])
        seen = view.mask.dense(q.shape[-2], k.shape[-2], q.device)
        scale = self.head_dim**-0.5 if self.scale is None else self.scale
        by_distance = shifted((q + self._of_heads(self.distance_bias)) @ self._repeated(r, q).mT) * scale
        mixed = scaled_dot_product_attention(
            q + self._of_heads(self.content_bias), k, v,
            attn_mask=by_distance.masked_fill(~seen, -torch.inf), scale=scale, enable_gqa=self.is_grouped,
            dropout_p=self.dropout if self.training else 0.0,
        )  # fmt: skip
        return self.o_proj(self._joined(mixed))

    def _of_heads(self, bias: Tensor) -> Tensor:  # (d_query,) -> (heads, 1, head_dim)
        return bias.unflatten(0, (-1, 1, self.head_dim))

    @staticmethod
    def _repeated(keys: Tensor, queries: Tensor) -> Tensor:
        """The heads of keys as often as queries share them."""
        return keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)


def shifted(scores: Tensor) -> Tensor:
    """Scores by distance (.., T, S), of S - 1 down to 0, as scores by key: of query i and key j that of their distance.

    Queries are the last of the keys' positions. What comes after a query is meaningless, and for a mask to hide
    (Dai et al. 2019, appendix B).
    """
    *outer, n_queries, n_keys = scores.shape
    padded = pad(scores, (1, 0)).reshape(*outer, n_keys + 1, n_queries)
    return padded[..., 1:, :].reshape(*outer, n_queries, n_keys)
