"""The feed-forward branch: SwiGLU (Shazeer 2020), or one hidden layer as in GPT-2 and the first transformers."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn.functional import gelu, relu, silu

from smelt.models.config import ModelConfig

ACTIVATIONS = {"gelu": gelu, "gelu-tanh": partial(gelu, approximate="tanh"), "relu": relu}


class SwiGLU(nn.Module):
    """`down(silu(gate(x)) * up(x))`, each position on its own."""

    def __init__(self, config: ModelConfig, d_ff: int | None = None) -> None:
        super().__init__()
        d_ff = d_ff or config.d_ff
        self.gate_proj = nn.Linear(config.d_model, d_ff, bias=config.bias)
        self.up_proj = nn.Linear(config.d_model, d_ff, bias=config.bias)
        self.down_proj = nn.Linear(d_ff, config.d_model, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))


class Plain(nn.Module):
    """`down(activation(up(x)))`."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.up_proj = nn.Linear(config.d_model, config.d_ff, bias=config.bias)
        self.down_proj = nn.Linear(config.d_ff, config.d_model, bias=config.bias)
        self.activation = ACTIVATIONS[config.feed_forward]

    def forward(self, x: Tensor) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        return self.down_proj(self.activation(self.up_proj(x)))
