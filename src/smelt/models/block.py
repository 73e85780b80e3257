"""One layer: attention, of a decoder that reads a source to that too, then a feed-forward branch.

    before   x + branch(norm(x))       pre-norm, as in GPT-2, Llama and T5
    after    norm(x + branch(x))       post-norm, as in the first transformers and BERT

Names of norms are Llama's, whichever place they have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from smelt.models.attention import Attention, GlobalAttention, View
from smelt.models.config import ModelConfig
from smelt.models.ffn import Gated, Plain, build_dense
from smelt.models.masks import Mask
from smelt.models.moe import MixtureOfExperts
from smelt.models.norm import build_dropout, build_norm, build_stream_norm
from smelt.models.recurrence import RecurrentAttention


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What an encoder made of what it read."""

    states: Tensor
    """(B, S, d_model)."""
    padding: Tensor | None = None
    """(B, S), true where a token is there."""

    def repeated(self, n: int) -> Source:
        """Each row so many times."""
        padding = None if self.padding is None else self.padding.repeat_interleave(n, 0)
        return Source(self.states.repeat_interleave(n, 0), padding)

    @property
    def view(self) -> View:
        """All of it is seen."""
        return View(Mask(padding=self.padding))


class Block(nn.Module):
    """A layer of the stack, the one at a place."""

    def __init__(self, config: ModelConfig, place: int = 0, *, reads_source: bool = False) -> None:
        super().__init__()
        self.is_before = config.norm_place == "before"
        build = build_norm if self.is_before else build_stream_norm
        self.input_layernorm = build(config, config.d_model)
        self.self_attn = build_attention(config)
        self.source_layernorm = build(config, config.d_model) if reads_source else None
        self.source_attn = Attention(config) if reads_source else None
        self.post_attention_layernorm = build(config, config.d_model)
        self.mlp = build_feed_forward(config, place)
        self.dropout = build_dropout(config)

    def forward(self, x: Tensor, view: View, source: Source | None = None, memory: Tensor | None = None) -> Tensor:
        """(B, T, d_model) -> (B, T, d_model); `memory` (B, M, d_model) is what this layer was given before."""
        before = None if memory is None else torch.cat((memory, x), dim=1)
        x = self._add(x, self.input_layernorm, partial(self._attend, view=view, before=before))
        if source is not None and self.source_attn is not None and self.source_layernorm is not None:
            read = partial(self.source_attn, view=source.view, source=source.states)
            x = self._add(x, self.source_layernorm, read)
        return self._add(x, self.post_attention_layernorm, self.mlp)

    def _add(self, x: Tensor, norm: nn.Module, branch: Callable[[Tensor], Tensor]) -> Tensor:
        if self.is_before:
            return x + self.dropout(branch(norm(x)))
        return norm(x + self.dropout(branch(x)))

    def _attend(self, x: Tensor, *, view: View, before: Tensor | None) -> Tensor:
        if before is not None and self.is_before:
            before = self.input_layernorm(before)
        return self.self_attn(x, view, before)


def build_attention(config: ModelConfig) -> Attention:
    """The attention of a layer to its own stream."""
    if config.positions == "transformer-xl":
        return RecurrentAttention(config)
    return GlobalAttention(config) if config.global_tokens else Attention(config)


def build_feed_forward(config: ModelConfig, place: int) -> Gated | Plain | MixtureOfExperts:
    """The branch that the config asks for in the layer at a place."""
    if config.experts is not None and config.experts.is_at(place):
        return MixtureOfExperts(config)
    return build_dense(config)
