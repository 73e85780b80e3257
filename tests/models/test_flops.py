"""Counts are exact: against the built model, torch's own counter and published tables."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from smelt.models.config import ModelConfig
from smelt.models.flops import (
    flops_6nd,
    flops_per_token,
    forward_flops_per_token,
    n_active_params,
    n_params,
    n_params_embedding,
    n_params_non_embedding,
    n_weights,
)
from smelt.models.stack import build_model

SHAPES = {
    "tied": ModelConfig(vocab=96, context=24, n_layers=2, d_model=16, n_heads=2, n_kv_heads=2, head_dim=8, d_ff=44),
    "untied, grouped": ModelConfig(
        vocab=80, context=16, n_layers=3, d_model=24, n_heads=4, n_kv_heads=2, head_dim=6, d_ff=64, tied=False
    ),
    "wide heads, normed": ModelConfig(
        vocab=64, context=8, n_layers=1, d_model=20, n_heads=2, n_kv_heads=1, head_dim=16, d_ff=52, qk_norm=True
    ),
}
SMALL = {
    "vocab": 64, "context": 8, "n_layers": 2, "d_model": 20, "n_heads": 2, "n_kv_heads": 2, "head_dim": 10, "d_ff": 52
}  # fmt: skip
SHAPES |= {
    "GPT-2": ModelConfig.model_validate(
        SMALL | {"norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh", "bias": True}
    ),
    "experts": ModelConfig.model_validate(SMALL | {"experts": {"n": 6, "top_k": 2}}),
    "experts, one shared": ModelConfig.model_validate(
        SMALL | {"experts": {"n": 4, "top_k": 1, "shared": 1}, "qk_norm": True, "qk_norm_over": "all"}
    ),
}
SQUARE = {**SMALL, "d_model": 20}
T5 = SQUARE | {"kind": "encoder-decoder", "positions": "t5", "feed_forward": "relu", "scaled_scores": False}
BERT = SQUARE | {
    "kind": "encoder", "norm": "layer", "norm_place": "after", "positions": "learned", "feed_forward": "gelu",
    "bias": True, "embedding_norm": True, "token_types": 2, "head": "transform",
}  # fmt: skip
SHAPES |= {
    name: ModelConfig.model_validate(shape)
    for name, shape in {
        "BERT": BERT,
        "ALBERT": BERT | {"shared_layers": True, "d_embedding": 6, "n_layers": 3},
        "Longformer": BERT | {"window": 4, "global_tokens": True, "context": 16},
        "windows": SQUARE | {"window": 5, "context": 16, "n_kv_heads": 1},
        "T5": T5 | {"n_decoder_layers": 3},
        "T5 1.1": T5 | {"feed_forward": "geglu", "tied": False},
        "Switch": T5 | {"experts": {"n": 4, "top_k": 1, "capacity": 8, "every": 2}},
        "Marian": T5 | {
            "norm": "layer", "norm_place": "after", "positions": "sinusoidal", "bias": True, "head_bias": True,
            "scaled_scores": True,
        },
        "Transformer-XL": SQUARE | {"positions": "transformer-xl", "n_kv_heads": 1},
    }.items()
}  # fmt: skip
shapes = pytest.mark.parametrize("config", SHAPES.values(), ids=SHAPES.keys())


OUTSIDE = re.compile(r"(.*\.)?embed_(tokens|positions|types)\.weight|lm_head\..*")
"""Parameters that are counted as the embedding's and the head's."""
ASIDE = re.compile(r".*(embed_distances|r_proj|global_._proj|content_bias|distance_bias).*")
"""Matrices that no plain token is multiplied with."""


@shapes
def test_parameters_are_those_of_the_built_model(config: ModelConfig) -> None:
    model = build_model(config, torch.Generator())
    named = dict(model.named_parameters())
    assert n_params(config) == sum(p.numel() for p in named.values())
    assert n_params_non_embedding(config) == sum(p.numel() for name, p in named.items() if not OUTSIDE.fullmatch(name))
    matrices = {name: p for name, p in named.items() if not OUTSIDE.fullmatch(name) and not ASIDE.fullmatch(name)}
    taken = 0 if config.experts is None else config.experts.top_k / config.experts.n
    weights = sum(p.numel() for p in matrices.values() if p.ndim == 2)
    weights += sum(round(taken * p.numel()) for p in matrices.values() if p.ndim == 3)
    assert n_weights(config) == weights + model.lm_head.weight.numel()
    idle = sum(round((1 - taken) * p.numel()) for p in matrices.values() if p.ndim == 3)
    assert n_active_params(config) == n_params(config) - idle


@shapes
def test_flops_are_those_that_torch_counts(config: ModelConfig) -> None:
    model = build_model(config, torch.Generator().manual_seed(0))
    tokens = torch.zeros(3, config.context, dtype=torch.int64)
    read = (tokens, tokens) if config.kind == "encoder-decoder" else (tokens,)
    with sdpa_kernel(SDPBackend.MATH):  # the only CPU kernel that torch's counter sees into
        with FlopCounterMode(display=False) as forward:
            logits = model(*read)
        with FlopCounterMode(display=False) as backward:
            logits.sum().backward()
    once = once_a_pass(config)
    assert forward.get_total_flops() - once == forward_flops_per_token(config) * tokens.numel()
    every = forward.get_total_flops() + backward.get_total_flops()
    assert every - 2 * once == flops_per_token(config) * tokens.numel()  # nothing asks for the distances' gradient


def once_a_pass(config: ModelConfig) -> int:
    """Transformer-XL's distances by their matrix."""
    if config.positions != "transformer-xl":
        return 0
    return 2 * config.context * config.d_model * config.d_kv * config.n_layers


def test_parameters_of_published_models() -> None:
    llama_7b = ModelConfig(
        vocab=32_000, context=2048, n_layers=32, d_model=4096, n_heads=32, n_kv_heads=32, head_dim=128, d_ff=11_008,
        tied=False,
    )  # fmt: skip
    assert n_params(llama_7b) == 6_738_415_616  # Touvron et al. 2023: 6.7B
    qwen3_600m = ModelConfig(
        vocab=151_936, context=40_960, n_layers=28, d_model=1024, n_heads=16, n_kv_heads=8, head_dim=128, d_ff=3072,
        tied=True, qk_norm=True,
    )  # fmt: skip
    assert n_params(qwen3_600m) == 596_049_920  # Yang et al. 2025: 0.6B, .44B without embeddings
    assert n_params_non_embedding(qwen3_600m) == pytest.approx(0.44e9, rel=2e-3)
    assert n_params_embedding(qwen3_600m) == 151_936 * 1024


def test_six_nd_of_a_large_model_is_near_the_exact_count_and_of_a_small_one_is_not() -> None:
    large = ModelConfig(
        vocab=32_000, context=2048, n_layers=80, d_model=8192, n_heads=64, n_kv_heads=8, head_dim=128, d_ff=28_672,
        tied=False,
    )  # fmt: skip
    assert flops_6nd(large, 1) / flops_per_token(large) == pytest.approx(1, abs=0.05)
    small = SHAPES["tied"]
    by_hand = 6 * (2 * (4 * 16 * 16 + 3 * 16 * 44) + 16 * 96) + 12 * 2 * 16 * 24
    assert flops_per_token(small) == by_hand
    assert flops_6nd(small, 10) == 6 * n_params(small) * 10
    assert flops_per_token(small) > 1.15 * flops_6nd(small, 1)


def test_a_longer_context_costs_attention_only() -> None:
    config = SHAPES["tied"]
    longer = flops_per_token(config, 48) - flops_per_token(config)
    assert longer == 12 * config.n_layers * config.d_query * (48 - 24)
