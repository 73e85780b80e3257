"""What a training step is measured against: a plain GPT as nanoGPT has it, and transformers' Llama.

Both are trained as their users do: autocast, torch's fused AdamW, the norm of the gradient clipped.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention
from transformers import LlamaConfig, LlamaForCausalLM

from smelt.models.config import ModelConfig


class Layer(nn.Module):
    """LayerNorm, attention, LayerNorm, four times as wide a hidden layer of GELU; no biases."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.first, self.second = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.first(x)).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        x = x + self.out(scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return x + self.down(gelu(self.up(self.second(x))))


class Gpt(nn.Module):
    """Learned positions, one matrix for embedding and head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.d_model
        self.tokens, self.places = nn.Embedding(config.vocab, width), nn.Embedding(config.context, width)
        self.layers = nn.Sequential(*(Layer(width, config.n_heads) for _ in range(config.n_layers)))
        self.norm, self.head = nn.LayerNorm(width, bias=False), nn.Linear(width, config.vocab, bias=False)
        self.head.weight = self.tokens.weight
        nn.init.normal_(self.tokens.weight, std=0.02)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.layers(self.tokens(tokens) + self.places.weight[: tokens.shape[1]])
        return cross_entropy(self.head(self.norm(x)).flatten(0, 1), targets.flatten())


class Llama(nn.Module):
    """transformers' own, of a shape, its attention torch's."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=config.vocab, hidden_size=config.d_model, intermediate_size=config.d_ff,
                num_hidden_layers=config.n_layers, num_attention_heads=config.n_heads,
                max_position_embeddings=config.context, tie_word_embeddings=config.tied, attn_implementation="sdpa",
            )
        )  # fmt: skip

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        logits = self.model(tokens, use_cache=False).logits
        return cross_entropy(logits.float().flatten(0, 1), targets.flatten())


class PlainStep:
    """A step of a model that gives a loss: passes over micro-batches, clipped, AdamW."""

    def __init__(self, model: nn.Module, *, micro_rows: int, is_bf16: bool) -> None:
        self.model, self.micro_rows, self.is_bf16 = model.train(), micro_rows, is_bf16
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), fused=True)

    def __call__(self, tokens: Tensor, targets: Tensor) -> None:
        parts = list(zip(tokens.split(self.micro_rows), targets.split(self.micro_rows), strict=True))
        for part, wanted in parts:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.is_bf16):
                loss = self.model(part, wanted)
            (loss / len(parts)).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
