"""The decoder: token ids in, scores of the next token out.

    tokens (B, T) -> embed_tokens (+ embed_positions) -> layers -> norm -> lm_head -> logits (B, T, vocab)

Parameters carry the names that Hugging Face's Llama has (`layers.0.self_attn.q_proj.weight`), so a weight has one name
here and there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from smelt.models.block import Block
from smelt.models.config import ModelConfig
from smelt.models.moe import MixtureOfExperts
from smelt.models.norm import build_norm
from smelt.models.positions import rope_table

WRITES = ("o_proj", "down_proj")
"""Projections that write to the residual stream; all others read it."""


class Decoder(nn.Module):
    """A causal language model of the given shape, its weights drawn from `generator`."""

    def __init__(self, config: ModelConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab, config.d_model)
        is_learned = config.positions == "learned"
        self.embed_positions = nn.Embedding(config.context, config.d_model) if is_learned else None
        self.layers = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = build_norm(config, config.d_model)
        self.lm_head = nn.Linear(config.d_model, config.vocab, bias=False)
        if config.tied:
            self.lm_head.weight = self.embed_tokens.weight
        if not is_learned:
            cos, sin = rope_table(config)
            self.cos, self.sin = nn.Buffer(cos, persistent=False), nn.Buffer(sin, persistent=False)
        initialise(self, generator)

    def forward(self, tokens: Tensor) -> Tensor:  # (B, T) int64 -> (B, T, vocab)
        T = tokens.shape[1]
        x = self.embed_tokens(tokens)
        if self.embed_positions is None:
            angles = self.cos[:T], self.sin[:T]
        else:
            x, angles = x + self.embed_positions.weight[:T], None
        for layer in self.layers:
            x = layer(x, angles)
        return self.lm_head(self.norm(x))

    @property
    def mixtures(self) -> list[MixtureOfExperts]:
        """Its mixtures of experts, by layer; none of a dense model."""
        branches = (block.mlp for block in cast(Iterable[Block], self.layers))
        return [branch for branch in branches if isinstance(branch, MixtureOfExperts)]


@torch.no_grad()
def initialise(model: Decoder, generator: torch.Generator) -> None:
    """Draws the weights: projections that read the stream with std 1/sqrt(d_model), those that write to it zero.

    Every branch starts as the identity, and an untied head at the uniform distribution (loss ln vocab), at every width:
    what a small-width ladder needs for one learning rate to serve all sizes (Yang et al. 2021, appendix D.2).
    An untied embedding has std 1; a tied one 1/sqrt(d_model), so that logits start at the order of 1. Biases are zero.
    """
    narrow = model.config.d_model**-0.5
    for name, weight in model.layers.named_parameters():
        if name.endswith("bias") or (weight.ndim > 1 and any(part in WRITES for part in name.split("."))):
            weight.zero_()
        elif weight.ndim > 1:
            weight.normal_(std=narrow, generator=generator)
    model.embed_tokens.weight.normal_(std=narrow if model.config.tied else 1.0, generator=generator)
    if model.embed_positions is not None:
        model.embed_positions.weight.normal_(std=narrow, generator=generator)
    if not model.config.tied:
        model.lm_head.weight.zero_()
