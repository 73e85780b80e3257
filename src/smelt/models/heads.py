"""What is put on a stack's states beside the scores of tokens."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from smelt.models.config import ModelConfig
from smelt.models.ffn import ACTIVATIONS
from smelt.models.norm import build_norm


class Transform(nn.Module):
    """`norm(activation(dense(x)))`: BERT's, before tokens are scored, to the width of their embeddings."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.d_model, config.d_embed)
        self.activation = ACTIVATIONS[config.feed_forward]
        self.norm = build_norm(config, config.d_embed)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, d_model) -> (B, T, d_embed)
        return self.norm(self.activation(self.dense(x)))


class TaskHead(nn.Module):
    """What a task asks of the states: of a text, n numbers from its last token; of each token, n numbers."""

    def __init__(self, config: ModelConfig, n: int, of: Literal["text", "token"]) -> None:
        super().__init__()
        self.of: Literal["text", "token"] = of
        self.score = nn.Linear(config.d_model, n)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, states: Tensor, padding: Tensor) -> Tensor:
        """(B, T, d_model) -> (B, n), or (B, T, n); `padding` (B, T) is true where a token is there."""
        if self.of == "token":
            return self.score(states).masked_fill(~padding[..., None], -torch.inf)
        last = padding.sum(dim=1) - 1
        return self.score(states[torch.arange(len(states), device=states.device), last])
