"""The shape of a model: everything that decides its parameters, and nothing that decides how it is trained.

One stack covers Llama (Touvron et al. 2023) and Qwen3 (Yang et al. 2025), which is what the defaults say: RMSNorm
before each branch, rotary positions, grouped-query attention, SwiGLU, no biases. GPT-2 (Radford et al. 2019) has
LayerNorm, learned positions, GELU and biases; Mixtral (Jiang et al. 2024) and OLMoE (Muennighoff et al. 2024) have
experts in the place of SwiGLU. No torch here: counting parameters and FLOPs, and planning a model of 70B, need none.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

Norm = Literal["rms", "layer"]
Positions = Literal["rotary", "learned"]
FeedForward = Literal["swiglu", "gelu", "gelu-tanh", "relu"]


class RopeScaling(BaseModel):
    """How rotary frequencies are slowed, so that a model reads further than it was trained to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["linear", "llama3"]
    """All frequencies (Chen et al. 2023), or only the slow ones (Llama 3.1; Dubey et al. 2024)."""
    factor: float = Field(gt=0)
    """By how much the slow frequencies are divided."""
    low: float = Field(default=1.0, gt=0)
    """llama3: turns over `trained_context` below which a frequency is slowed in full."""
    high: float = Field(default=4.0, gt=0)
    """llama3: turns from which it is left alone."""
    trained_context: int = Field(default=8192, ge=1)
    """llama3: tokens that the model read before."""


class Experts(BaseModel):
    """Feed-forward branches of which each token takes a few (Shazeer et al. 2017)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n: int = Field(ge=2)
    top_k: int = Field(default=2, ge=1)
    """Experts a token goes to: those that its router scores highest."""
    normalised: bool = True
    """The weights of the experts taken add up to one (Mixtral), or are what the softmax over all gave them (OLMoE)."""
    shared: int = Field(default=0, ge=0)
    """Width of one more branch that every token takes, in experts (DeepSeekMoE; Dai et al. 2024)."""
    balance: float = Field(default=0.01, ge=0)
    """Weight of the load-balancing loss (Fedus et al. 2021, equation 4)."""
    z: float = Field(default=0.001, ge=0)
    """Weight of the router's z loss (Zoph et al. 2022, equation 5)."""

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.top_k > self.n:
            raise ValueError(f"top_k {self.top_k} is more than there are experts, {self.n}")
        return self


class ModelConfig(BaseModel):
    """A decoder's shape, in the terms of its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocab: int = Field(ge=2)
    """Number of token ids."""
    context: int = Field(ge=1)
    """Tokens a model reads at once."""
    n_layers: int = Field(ge=1)
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
    tied: bool = True
    """One matrix embeds tokens and scores them."""
    qk_norm: bool = False
    """A norm on queries and keys, as in Qwen3: keeps attention logits bounded at high learning rates."""
    rope_theta: float = Field(default=10_000.0, gt=0)
    """Base of the rotary frequencies (Su et al. 2021); long-context models raise it."""
    norm_eps: float = Field(default=1e-6, gt=0)
    qk_norm_over: Literal["head", "all"] = "head"
    """Each head on its own (Qwen3), or all heads side by side (OLMoE)."""
    norm: Norm = "rms"
    """RMSNorm (Zhang and Sennrich 2019), or LayerNorm (Ba et al. 2016)."""
    positions: Positions = "rotary"
    """Turned into queries and keys, or a learned vector a position added to the embedding."""
    feed_forward: FeedForward = "swiglu"
    """SwiGLU (Shazeer 2020), or one hidden layer: GELU exact, GELU by tanh (GPT-2), ReLU."""
    bias: bool = False
    """Biases on every projection but the head."""
    rope_scaling: RopeScaling | None = None
    experts: Experts | None = None
    """In the place of one feed-forward branch; none is a dense model."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_heads {self.n_heads} is not a multiple of n_kv_heads {self.n_kv_heads}")
        if self.rope_scaling is not None and self.positions != "rotary":
            raise ValueError(f"rope_scaling is for rotary positions, not for {self.positions} ones")
        if self.experts is not None and (self.feed_forward != "swiglu" or self.bias):
            raise ValueError("experts are SwiGLU without biases")
        return self

    @model_serializer(mode="wrap")
    def _without_what_llama_lacks(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As a model of Llama's kind was written before there were others: its runs keep their names in the store."""
        return without_later(handler(self))

    @property
    def d_query(self) -> int:
        """Width of all query heads side by side."""
        return self.n_heads * self.head_dim

    @property
    def d_kv(self) -> int:
        """Width of all key (or value) heads side by side."""
        return self.n_kv_heads * self.head_dim


LATER: dict[str, Any] = {
    name: ModelConfig.model_fields[name].default
    for name in ("qk_norm_over", "norm", "positions", "feed_forward", "bias", "rope_scaling", "experts")
}
"""Fields that came after the first models were trained, with what those had."""


def without_later(values: dict[str, Any]) -> dict[str, Any]:
    """Without the fields of `LATER` that are as they were for the first models."""
    return {name: value for name, value in values.items() if name not in LATER or value != LATER[name]}
