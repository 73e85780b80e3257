"""The models: token ids in, scores of tokens out.

    Decoder         tokens (B, T) -> embeddings -> layers -> norm -> lm_head -> logits (B, T, vocab)
    Encoder         the same, all seeing all, with BERT's head
    EncoderDecoder  source (B, S) -> encoder -> states that the decoder's layers read; tokens -> decoder -> logits

Parameters carry the names that Hugging Face's Llama has (`layers.0.self_attn.q_proj.weight`), so a weight has one name
here and there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from smelt.models.architecture import BUCKETS
from smelt.models.attention import View
from smelt.models.block import Block, Source
from smelt.models.config import ModelConfig
from smelt.models.heads import Transform
from smelt.models.initialise import initialise
from smelt.models.masks import Mask
from smelt.models.moe import MixtureOfExperts
from smelt.models.norm import build_dropout, build_norm, build_stream_norm
from smelt.models.positions import buckets, rope_table, waves


class Stack(nn.Module):
    """Embeddings, layers and the last norm: token ids in, states out."""

    def __init__(
        self,
        config: ModelConfig,
        *,
        n_layers: int,
        is_causal: bool,
        reads_source: bool = False,
        embedding: nn.Embedding | None = None,
    ) -> None:
        super().__init__()
        self.config, self.is_causal, self.n_layers = config, is_causal, n_layers
        self.embed_tokens = embedding or nn.Embedding(config.vocab, config.d_embed)
        self.embed_positions = nn.Embedding(config.context, config.d_embed) if config.positions == "learned" else None
        self.embed_types = nn.Embedding(config.token_types, config.d_embed) if config.token_types else None
        self.embed_norm = build_stream_norm(config, config.d_embed) if config.embedding_norm else nn.Identity()
        self.embed_proj = nn.Linear(config.d_embed, config.d_model) if config.d_embedding else nn.Identity()
        self.embed_distances = nn.Embedding(BUCKETS, config.n_heads) if config.positions == "t5" else None
        built = 1 if config.shared_layers else n_layers
        self.layers = nn.ModuleList(Block(config, place, reads_source=reads_source) for place in range(built))
        self.norm = build_norm(config, config.d_model) if config.norm_place == "before" else nn.Identity()
        self.dropout = build_dropout(config)
        self.remembered: list[Tensor] = []
        """What each layer was given in the last pass, its last `memory` positions: the `memory` of the next."""
        self.recomputes = False
        """Whether a layer's activations are not kept for the gradient but computed again (Chen et al. 2016)."""
        if config.positions == "rotary":
            cos, sin = rope_table(config)
            self.cos, self.sin = nn.Buffer(cos, persistent=False), nn.Buffer(sin, persistent=False)

    def states(
        self,
        tokens: Tensor,
        mask: Mask | None = None,
        *,
        types: Tensor | None = None,
        source: Source | None = None,
        memory: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """(B, T) int64 -> (B, T, d_model). `mask` says what is seen beside what the stack itself does."""
        mask = self._mask(mask or Mask())
        n_before = memory[0].shape[1] if memory else 0
        view = self._view(mask, tokens.shape[1], n_before, tokens.device)
        x, given = self._embedded(tokens, types), list[Tensor]()
        for place, layer in enumerate(self._in_order()):
            before = memory[place] if memory else None
            if self.config.memory:
                given.append((x if before is None else torch.cat((before, x), 1))[:, -self.config.memory :].detach())
            x = self._through(layer, x, view, source, before)
        self.remembered = given
        return self.norm(x)

    @property
    def mixtures(self) -> list[MixtureOfExperts]:
        """Its mixtures of experts, by layer; none of a dense model."""
        branches = (block.mlp for block in cast("Iterable[Block]", self.layers))
        return [branch for branch in branches if isinstance(branch, MixtureOfExperts)]

    def _through(self, layer: Block, x: Tensor, view: View, source: Source | None, before: Tensor | None) -> Tensor:
        if self.recomputes and torch.is_grad_enabled():
            return cast("Tensor", checkpoint(layer, x, view, source, before, use_reentrant=False))
        return layer(x, view, source, before)

    def _in_order(self) -> Iterator[Block]:
        layers = cast("list[Block]", list(self.layers))
        return iter(layers * self.n_layers if self.config.shared_layers else layers)

    def _embedded(self, tokens: Tensor, types: Tensor | None) -> Tensor:
        config, length = self.config, tokens.shape[1]
        x = self.embed_tokens(tokens)
        if config.scaled_embedding:
            x = x * config.d_embed**0.5
        if self.embed_positions is not None:
            x = x + self.embed_positions.weight[:length]
        elif config.positions == "sinusoidal":
            x = x + waves(torch.arange(length, device=x.device), config.d_embed)
        if self.embed_types is not None:
            x = x + self.embed_types(torch.zeros_like(tokens) if types is None else types)
        return self.embed_proj(self.dropout(self.embed_norm(x)))

    def _mask(self, mask: Mask) -> Mask:
        return Mask(
            is_causal=self.is_causal, window=self.config.window, padding=mask.padding, documents=mask.documents,
            prefix=mask.prefix, global_tokens=mask.global_tokens,
        )  # fmt: skip

    def _view(self, mask: Mask, length: int, n_before: int, device: torch.device) -> View:
        if self.config.positions == "rotary":
            return View(mask, angles=(self.cos[:length], self.sin[:length]))
        if self.embed_distances is not None:
            by_distance = self.embed_distances(buckets(length, length, is_causal=self.is_causal, device=device))
            return View(mask, bias=_hidden(by_distance.permute(2, 0, 1)[None], mask))
        if self.config.positions == "transformer-xl":
            distances = torch.arange(length + n_before - 1, -1, -1, device=device)
            return View(mask, distances=waves(distances, self.config.d_model))
        return View(mask)


class Decoder(Stack):
    """A causal language model of the given shape, its weights drawn from `generator`."""

    def __init__(self, config: ModelConfig, generator: torch.Generator) -> None:
        super().__init__(config, n_layers=config.n_layers, is_causal=True)
        self.lm_head = build_head(config, self.embed_tokens)
        initialise(self, generator)

    def forward(self, tokens: Tensor, mask: Mask | None = None, memory: Sequence[Tensor] | None = None) -> Tensor:
        """(B, T) int64 -> (B, T, vocab)."""
        return self.lm_head(self.states(tokens, mask, memory=memory))


class Encoder(Stack):
    """A masked language model: each position sees all."""

    def __init__(self, config: ModelConfig, generator: torch.Generator) -> None:
        super().__init__(config, n_layers=config.n_layers, is_causal=False)
        self.transform = Transform(config) if config.head == "transform" else nn.Identity()
        self.lm_head = build_head(config, self.embed_tokens)
        initialise(self, generator)

    def forward(
        self, tokens: Tensor, mask: Mask | None = None, types: Tensor | None = None, *, at: Tensor | None = None
    ) -> Tensor:
        """(B, T) int64 -> (B, T, vocab); with `at` (B, T), the scores at its true positions alone, (n, vocab)."""
        states = self.states(tokens, mask, types=types)
        return self.lm_head(self.transform(states if at is None else states[at]))


class EncoderDecoder(nn.Module):
    """What is read, and what is written with it in view."""

    def __init__(self, config: ModelConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        embedding, depth = nn.Embedding(config.vocab, config.d_embed), config.n_decoder_layers or config.n_layers
        self.encoder = Stack(config, n_layers=config.n_layers, is_causal=False, embedding=embedding)
        self.decoder = Stack(config, n_layers=depth, is_causal=True, reads_source=True, embedding=embedding)
        self.lm_head = build_head(config, embedding)
        initialise(self, generator)

    def forward(self, tokens: Tensor, source: Tensor, padding: Tensor | None = None) -> Tensor:
        """(B, T) and (B, S) int64 -> (B, T, vocab); `padding` (B, S) is true where the source has a token."""
        return self.write(tokens, self.read(source, padding))

    def read(self, source: Tensor, padding: Tensor | None = None) -> Source:
        """What the encoder makes of a source."""
        return Source(self.encoder.states(source, Mask(padding=padding)), padding)

    def write(self, tokens: Tensor, source: Source, *, last: bool = False) -> Tensor:
        """The scores of what follows each of the tokens (B, T, vocab), or the last alone (B, vocab)."""
        states = self.decoder.states(tokens, source=source)
        states = states[:, -1] if last else states
        return self.lm_head(states * self.config.d_model**-0.5 if self.config.scaled_head else states)

    @property
    def mixtures(self) -> list[MixtureOfExperts]:
        """Those of the encoder, then those of the decoder."""
        return self.encoder.mixtures + self.decoder.mixtures


Model = Decoder | Encoder | EncoderDecoder


def build_model(config: ModelConfig, generator: torch.Generator) -> Model:
    """A model of the config's kind, its weights drawn from `generator`."""
    kinds = {"decoder": Decoder, "encoder": Encoder, "encoder-decoder": EncoderDecoder}
    return kinds[config.kind](config, generator)


def build_head(config: ModelConfig, embedding: nn.Embedding) -> nn.Linear:
    """The scores of all tokens; its matrix that of the embedding, where they are tied."""
    head = nn.Linear(config.d_embed, config.vocab, bias=config.head_bias or config.head == "transform")
    if config.tied:
        head.weight = embedding.weight
    return head


def _hidden(bias: Tensor, mask: Mask) -> Tensor:
    """A bias (1, heads, T, S) that is minus infinity where a key is not seen."""
    length = bias.shape[-1]
    return bias.masked_fill(~mask.dense(length, length, bias.device), -torch.inf)
