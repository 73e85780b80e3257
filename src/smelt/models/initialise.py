"""How weights start: one rule for every family, at every width.

Projections that read the stream have std 1/sqrt(width), those that write to it are zero: every branch starts as the
identity, and an untied head at the uniform distribution (loss ln vocab), which is what a small-width ladder needs for
one learning rate to serve all sizes (Yang et al. 2021, appendix D.2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smelt.models.config import ModelConfig

WRITES = ("o_proj", "down_proj")
"""Projections that write to the residual stream; all others read it."""
LOOKED_UP = ("embed_tokens", "embed_positions", "embed_types", "embed_distances")


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Draws all weights; gains are one already.

    An untied embedding has std 1; a tied one 1/sqrt(width), so that logits start at the order of 1. Biases are zero,
    those of distances too. Queries whose scores are not divided are narrower by as much (T5; Raffel et al. 2020).
    """
    config = _config(model)
    drawn = dict(model.named_parameters())
    for name, weight in drawn.items():
        if not _is_looked_up(name) and not name.startswith("lm_head"):
            _draw(name, weight, config, generator)
    for name, weight in drawn.items():
        if _is_looked_up(name):
            _draw_embedding(name, weight, config, generator)
    if not config.tied:
        drawn["lm_head.weight"].zero_()
    if "lm_head.bias" in drawn:
        drawn["lm_head.bias"].zero_()


def _draw(name: str, weight: Tensor, config: ModelConfig, generator: torch.Generator) -> None:
    parts = name.split(".")
    if name.endswith("bias") or (weight.ndim > 1 and any(part in WRITES for part in parts)):
        weight.zero_()
    elif weight.ndim > 1:
        narrower = 1.0 if config.scaled_scores or "q_proj" not in parts else config.head_dim**-0.5
        width = config.d_embed if parts[-2] == "embed_proj" else config.d_model
        weight.normal_(std=width**-0.5 * narrower, generator=generator)


def _draw_embedding(name: str, weight: Tensor, config: ModelConfig, generator: torch.Generator) -> None:
    narrow = config.d_embed**-0.5
    if name.endswith("embed_distances.weight"):
        weight.zero_()
    else:
        weight.normal_(std=narrow if config.tied or "embed_tokens" not in name else 1.0, generator=generator)


def _is_looked_up(name: str) -> bool:
    return any(part in LOOKED_UP for part in name.split("."))


def _config(model: nn.Module) -> ModelConfig:
    config = model.config
    assert isinstance(config, ModelConfig)
    return config
