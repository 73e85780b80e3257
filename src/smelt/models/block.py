"""One layer: attention, then a feed-forward branch, each added to the residual stream after a norm of its input."""

from __future__ import annotations

from torch import Tensor, nn

from smelt.models.attention import Angles, Attention
from smelt.models.config import ModelConfig
from smelt.models.ffn import Plain, SwiGLU
from smelt.models.moe import MixtureOfExperts
from smelt.models.norm import build_norm


class Block(nn.Module):
    """`x + attention(norm(x))`, then `x + mlp(norm(x))` (pre-norm)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = build_norm(config, config.d_model)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = build_norm(config, config.d_model)
        self.mlp = build_feed_forward(config)

    def forward(self, x: Tensor, angles: Angles | None) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        x = x + self.self_attn(self.input_layernorm(x), angles)
        return x + self.mlp(self.post_attention_layernorm(x))


def build_feed_forward(config: ModelConfig) -> SwiGLU | Plain | MixtureOfExperts:
    """The branch that the config asks for."""
    if config.experts is not None:
        return MixtureOfExperts(config)
    return SwiGLU(config) if config.feed_forward == "swiglu" else Plain(config)
