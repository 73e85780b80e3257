"""What a model is made of, its sizes aside: the pieces that `stack` puts together, each named by one field.

    Llama, Qwen3    the defaults: RMSNorm before each branch, rotary positions, SwiGLU, no biases
    GPT-2           LayerNorm, learned positions, GELU by tanh, biases
    Mixtral, OLMoE  experts in the place of SwiGLU         Switch  T5 with experts in every other layer, of a capacity
    BERT, ALBERT    an encoder, its norms after each branch; ALBERT has one layer, used again and again
    T5, Marian      an encoder and a decoder; T5 has a bias for each distance, Marian waves for positions
    Longformer      BERT that sees a window and a few global tokens     Transformer-XL  a decoder that keeps a memory

No torch here: counting parameters and FLOPs, and planning a model of 70B, need none.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

Kind = Literal["decoder", "encoder", "encoder-decoder"]
Norm = Literal["rms", "layer"]
Positions = Literal["rotary", "learned", "sinusoidal", "t5", "transformer-xl"]
FeedForward = Literal["swiglu", "geglu", "gelu", "gelu-tanh", "relu", "silu"]
BUCKETS, FURTHEST = 32, 128
"""Of T5's distances: half of them of one step each, the others wider and wider until all beyond share one (Raffel et
al. 2020, section 2.1)."""
GATED: tuple[FeedForward, ...] = ("swiglu", "geglu")
FUSED_KEYS = 1024
"""Keys up to which attention is fused in bfloat16 on a CPU, all shares kept (`fused`). Torch's own keeps none and takes
1.2 times as long at 1,024, 1.1 at 2,048 and less from 4,096 on (forward and backward, 4 heads of 64, by hand, 2026-11);
shares grow with the square."""


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
    capacity: int | None = Field(default=None, ge=1)
    """Tokens of a sequence that an expert takes at most, the first that come; the branch gives the others nothing
    (Fedus et al. 2021: a capacity factor times the tokens over the experts). None takes however many come."""
    every: int = Field(default=1, ge=1)
    """One of so many layers has experts, the second being the first; the others are dense. Switch has 2."""

    def is_at(self, layer: int) -> bool:
        """Whether a layer, from 0, has experts."""
        return layer % self.every == min(1, self.every - 1)

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.top_k > self.n:
            raise ValueError(f"top_k {self.top_k} is more than there are experts, {self.n}")
        return self

    @model_serializer(mode="wrap")
    def _without_switch(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As experts were written before some had a capacity: their runs keep their names in the store."""
        later = {"capacity": None, "every": 1}
        return {name: value for name, value in handler(self).items() if name not in later or value != later[name]}


class Architecture(BaseModel):
    """The pieces."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tied: bool = True
    """One matrix embeds tokens and scores them; of an encoder and a decoder, embeds for both."""
    qk_norm: bool = False
    """A norm on queries and keys, as in Qwen3: keeps attention logits bounded at high learning rates."""
    qk_norm_over: Literal["head", "all"] = "head"
    """Each head on its own (Qwen3), or all heads side by side (OLMoE)."""
    kind: Kind = "decoder"
    """Reads from left to right and predicts what is next; reads all and predicts what is hidden; or writes with the
    one what the other has read."""
    norm: Norm = "rms"
    """RMSNorm (Zhang and Sennrich 2019), or LayerNorm (Ba et al. 2016)."""
    norm_place: Literal["before", "after"] = "before"
    """Each branch, with one more norm at the end; or after it is added, as the first transformers and BERT had it."""
    positions: Positions = "rotary"
    """Turned into queries and keys; a learned vector, or waves (Vaswani et al. 2017), added to the embedding; a learned
    bias for each distance (T5); or waves of distances that keys hold, for a memory (Transformer-XL)."""
    feed_forward: FeedForward = "swiglu"
    """SwiGLU, GELU gated likewise (Shazeer 2020), or one hidden layer: GELU exact, GELU by tanh (GPT-2), ReLU, SiLU."""
    bias: bool = False
    """Biases on every projection but the head."""
    scaled_scores: bool = True
    """Attention scores are divided by the square root of a head's width; T5 leaves that to its weights."""
    scaled_embedding: bool = False
    """Embeddings are multiplied by the square root of their width (Vaswani et al. 2017)."""
    scaled_head: bool = False
    """The last states are divided by the square root of their width before they are scored (T5 with a tied head)."""
    embedding_norm: bool = False
    """A norm of the embeddings (BERT)."""
    token_types: int = Field(default=0, ge=0)
    """Learned vectors that say which part of a text a token is of (BERT's segments)."""
    d_embedding: int | None = Field(default=None, ge=1)
    """Width of the embeddings where it is not that of the stream (ALBERT): a matrix leads from one to the other."""
    shared_layers: bool = False
    """One layer's weights in the place of all (ALBERT)."""
    head: Literal["linear", "transform"] = "linear"
    """Scores from the last state, or from what a hidden layer and a norm make of it, with biases (BERT)."""
    head_bias: bool = False
    """A bias for each token's score; a `transform` has it anyway."""
    window: int | None = Field(default=None, ge=2)
    """Positions that one sees, itself among them (a decoder, backwards), or to either side together (an encoder):
    Longformer (Beltagy et al. 2020). None sees all."""
    global_tokens: bool = False
    """Some tokens may see all and be seen by all, through projections of their own (Longformer)."""
    memory: int = Field(default=0, ge=0)
    """States of the segment before that each layer also sees (Transformer-XL; Dai et al. 2019)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """In training, the share that is set to zero of embeddings, of attention and of what each branch adds."""
    experts: Experts | None = None
    """In the place of one feed-forward branch; none is a dense model."""

    @property
    def unlike_llama(self) -> frozenset[str]:
        """The fields in which it is neither Llama's nor Qwen3's; what only training sees aside."""
        differing = (name for name, value in LATER.items() if getattr(self, name, value) != value)
        return frozenset(differing) - {"dropout"}

    @property
    def is_gated(self) -> bool:
        """Whether the feed-forward branch has three matrices, and not two."""
        return self.feed_forward in GATED

    @model_validator(mode="after")
    def _agree(self) -> Self:
        wrong = next((message for is_wrong, message in self._disagreements() if is_wrong), None)
        if wrong:
            raise ValueError(wrong)
        return self

    @model_serializer(mode="wrap")
    def _without_what_llama_lacks(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """As a model of Llama's kind was written before there were others: its runs keep their names in the store."""
        return {name: value for name, value in handler(self).items() if name not in LATER or value != LATER[name]}

    def _disagreements(self) -> list[tuple[bool, str]]:
        """Pieces that do not go together."""
        is_recurrent = self.positions == "transformer-xl"
        return [
            (
                self.experts is not None and (self.feed_forward == "geglu" or self.bias),
                "experts are SwiGLU, or of one hidden layer, without biases",
            ),
            (is_recurrent and self.kind != "decoder", f"transformer-xl is for a decoder, not an {self.kind}"),
            (self.memory > 0 and not is_recurrent, f"memory needs positions transformer-xl, not {self.positions}"),
            (is_recurrent and self.window is not None, "a window does not go with positions transformer-xl"),
            (
                self.global_tokens and (self.window is None or self.kind != "encoder"),
                "global_tokens are for an encoder that sees a window",
            ),
            (self.head == "transform" and self.kind != "encoder", "head transform is for an encoder"),
            (self.d_embedding is not None and self.head == "linear", "a d_embedding needs head transform"),
            (self.window is not None and self.kind == "encoder-decoder", "a window is for a decoder or an encoder"),
            (self.window is not None and self.positions == "t5", "a window does not go with positions t5"),
            (
                self.kind == "encoder" and self.window is not None and self.window % 2 == 1,
                f"an encoder's window is even, half of it to either side, not {self.window}",
            ),
        ]  # fmt: skip


LATER: dict[str, Any] = {
    name: field.default for name, field in Architecture.model_fields.items() if name not in {"tied", "qk_norm"}
} | {"rope_scaling": None, "n_decoder_layers": None}
"""Fields that came after the first models were trained, with what those had."""
