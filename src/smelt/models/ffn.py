"""The feed-forward branch: gated (Shazeer 2020), or one hidden layer as in GPT-2 and the first transformers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.nn.functional import gelu, relu, silu

from smelt.models import fused
from smelt.models.config import ModelConfig

ACTIVATIONS = {
    "swiglu": silu,
    "geglu": partial(gelu, approximate="tanh"),  # as T5 1.1 has it
    "gelu": gelu,
    "gelu-tanh": partial(gelu, approximate="tanh"),
    "relu": relu,
    "silu": silu,
}


def gated(activation: Callable[[Tensor], Tensor], gates: Tensor, up: Tensor) -> Tensor:
    """`activation(gates) * up`, each on its own."""
    if activation is silu and fused.suits(gates) and gates.dtype is up.dtype is fused.HALF:
        return fused.gated(gates, up)
    return activation(gates) * up


class Gated(nn.Module):
    """`down(activation(gate(x)) * up(x))`, each position on its own: SwiGLU, or GELU in its place."""

    def __init__(self, config: ModelConfig, d_ff: int | None = None) -> None:
        super().__init__()
        d_ff = d_ff or config.d_ff
        self.gate_proj = nn.Linear(config.d_model, d_ff, bias=config.bias)
        self.up_proj = nn.Linear(config.d_model, d_ff, bias=config.bias)
        self.down_proj = nn.Linear(d_ff, config.d_model, bias=config.bias)
        self.activation = ACTIVATIONS[config.feed_forward]

    def forward(self, x: Tensor) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        return self.down_proj(gated(self.activation, self.gate_proj(x), self.up_proj(x)))


class Plain(nn.Module):
    """`down(activation(up(x)))`."""

    def __init__(self, config: ModelConfig, d_ff: int | None = None) -> None:
        super().__init__()
        d_ff = d_ff or config.d_ff
        self.up_proj = nn.Linear(config.d_model, d_ff, bias=config.bias)
        self.down_proj = nn.Linear(d_ff, config.d_model, bias=config.bias)
        self.activation = ACTIVATIONS[config.feed_forward]

    def forward(self, x: Tensor) -> Tensor:  # (B, T, d_model) -> (B, T, d_model)
        return self.down_proj(self.activation(self.up_proj(x)))


def build_dense(config: ModelConfig, d_ff: int | None = None) -> Gated | Plain:
    """The branch without experts, of another width where one is given."""
    return (Gated if config.is_gated else Plain)(config, d_ff)
