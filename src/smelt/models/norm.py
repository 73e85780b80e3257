"""The norm of a stream or of heads: RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import rms_norm

from smelt.models import fused
from smelt.models.config import ModelConfig


class RmsNorm(nn.RMSNorm):
    """RMSNorm of what is multiplied next: in the precision of products, where that is less."""

    def forward(self, x: Tensor) -> Tensor:
        eps = self.eps or 0.0
        if fused.suits(x):
            return fused.rms_norm(x.float(), self.weight, eps)
        return rms_norm(x, self.weight.shape, self.weight.to(x.dtype), eps)


def build_norm(config: ModelConfig, width: int) -> nn.Module:
    """The config's norm of a width, its gains one, of what is multiplied next."""
    return (RmsNorm if config.norm == "rms" else nn.LayerNorm)(width, eps=config.norm_eps)


def build_stream_norm(config: ModelConfig, width: int) -> nn.Module:
    """The same of a stream that goes on normed, and is added to."""
    return (nn.RMSNorm if config.norm == "rms" else nn.LayerNorm)(width, eps=config.norm_eps)


def build_dropout(config: ModelConfig) -> nn.Module:
    """What zeroes a share of its input in training; nothing at all where the share is none."""
    return nn.Dropout(config.dropout) if config.dropout else nn.Identity()
