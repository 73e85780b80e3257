"""The norm of a stream or of heads: RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016)."""

from __future__ import annotations

from torch import nn

from smelt.models.config import ModelConfig


def build_norm(config: ModelConfig, width: int) -> nn.Module:
    """The config's norm of a width, its gains one."""
    kind = nn.RMSNorm if config.norm == "rms" else nn.LayerNorm
    return kind(width, eps=config.norm_eps)


def build_dropout(config: ModelConfig) -> nn.Module:
    """What zeroes a share of its input in training; nothing at all where the share is none."""
    return nn.Dropout(config.dropout) if config.dropout else nn.Identity()
