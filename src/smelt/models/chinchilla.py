"""FLOPs as Hoffmann et al. 2022 count them (appendix F, table A4), to compare with 6ND.

Their models have relative positions (a fifth square matrix) and a feed-forward branch of two matrices. A sequence of s
tokens costs each layer, forward, 2 s (5 d^2 + 2 d d_ff) less the positions' d^2, plus 4 s^2 d for scores and their use
and 3 h s^2 for the softmax; the backward pass twice that. Neither embedding nor logits enter FLOPs; V d enters N.
"""

from __future__ import annotations

from dataclasses import dataclass

LENGTH, VOCAB = 2_048, 32_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChinchillaShape:
    """A row of their table A9."""

    n_layers: int
    d_model: int
    d_ff: int
    n_heads: int
    d_head: int

    @property
    def n_params(self) -> int:
        """N = l (5 d^2 + 2 d d_ff) + V d."""
        return self.n_layers * (5 * self.d_model**2 + 2 * self.d_model * self.d_ff) + VOCAB * self.d_model

    def flops_per_token(self, *, length: int = LENGTH) -> float:
        """Forward and backward."""
        wide = self.n_heads * self.d_head
        matrices = 2 * (4 * self.d_model * wide + 2 * self.d_model * self.d_ff)
        attention = 4 * length * wide + 3 * self.n_heads * length
        return 3 * self.n_layers * (matrices + attention)

    def ratio(self) -> float:
        """Their count over 6ND."""
        return self.flops_per_token() / (6 * self.n_params)
