"""A model with the head of a task in the place of that of tokens: classes, a number, a span of the text."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from smelt.models.config import ModelConfig
from smelt.models.heads import TaskHead
from smelt.models.masks import Mask
from smelt.models.moe import MixtureOfExperts
from smelt.models.stack import Decoder, Encoder


class Tuned(nn.Module):
    """The states of an encoder or decoder, and what is asked of them."""

    def __init__(self, model: Encoder | Decoder, n: int, of: Literal["text", "token"]) -> None:
        super().__init__()
        self.model = model
        self.head = TaskHead(model.config, n, of)
        looked_up = model.embed_tokens.weight
        for name, parameter in model.named_parameters():
            if name.startswith(("lm_head", "transform")) and parameter is not looked_up:
                parameter.requires_grad_(False)  # nobody asks for tokens

    def forward(self, tokens: Tensor, padding: Tensor) -> Tensor:
        """(B, T) int64, padded at the end -> (B, n) or (B, T, n)."""
        chosen = None
        if self.config.global_tokens:
            chosen = padding & (padding.cumsum(dim=1) == padding.sum(dim=1, keepdim=True))  # the last, which is asked
        return self.head(self.model.states(tokens, Mask(padding=padding, global_tokens=chosen)), padding)

    @property
    def config(self) -> ModelConfig:
        """Of the model."""
        return self.model.config

    @property
    def mixtures(self) -> list[MixtureOfExperts]:
        """Of the model."""
        return self.model.mixtures
