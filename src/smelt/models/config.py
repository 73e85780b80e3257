"""The shape of a model: everything that decides its parameters, and nothing that decides how long it is trained.

An `Architecture` says what it is made of, a `ModelConfig` adds how wide and deep that is.
"""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from smelt.models.architecture import Architecture, RopeScaling


class ModelConfig(Architecture):
    """A model's shape, in the terms of its weights."""

    vocab: int = Field(ge=2)
    """Number of token ids."""
    context: int = Field(ge=1)
    """Tokens a model reads at once."""
    n_layers: int = Field(ge=1)
    """Of the decoder or encoder; of both where there are both."""
    n_decoder_layers: int | None = Field(default=None, ge=1)
    """Where a decoder is not as deep as its encoder."""
    d_model: int = Field(ge=1)
    """Width of the residual stream."""
    n_heads: int = Field(ge=1)
    """Query heads."""
    n_kv_heads: int = Field(ge=1)
    """Key and value heads; fewer than `n_heads` is grouped-query attention (Ainslie et al. 2023)."""
    head_dim: int = Field(ge=2, multiple_of=2)
    """Width of one head; even, because rotary positions turn pairs."""
    d_ff: int = Field(ge=1)
    """Hidden width of the feed-forward branch, or of each of its experts."""
    rope_theta: float = Field(default=10_000.0, gt=0)
    """Base of the rotary frequencies (Su et al. 2021); long-context models raise it."""
    norm_eps: float = Field(default=1e-6, gt=0)
    rope_scaling: RopeScaling | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_heads {self.n_heads} is not a multiple of n_kv_heads {self.n_kv_heads}")
        if self.rope_scaling is not None and self.positions != "rotary":
            raise ValueError(f"rope_scaling is for rotary positions, not for {self.positions} ones")
        if self.n_decoder_layers is not None and self.kind != "encoder-decoder":
            raise ValueError(f"n_decoder_layers is for an encoder-decoder; a {self.kind} has n_layers")
        return self

    @property
    def d_query(self) -> int:
        """Width of all query heads side by side."""
        return self.n_heads * self.head_dim

    @property
    def d_kv(self) -> int:
        """Width of all key (or value) heads side by side."""
        return self.n_kv_heads * self.head_dim

    @property
    def d_embed(self) -> int:
        """Width of an embedding."""
        return self.d_embedding or self.d_model
