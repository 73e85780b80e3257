"""What is put on a stack's states beside the scores of tokens."""

from __future__ import annotations

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
