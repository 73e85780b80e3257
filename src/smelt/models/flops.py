"""How many parameters a shape has, and how many FLOPs a token of training costs: exact, and as 6ND.

Every matrix product is counted, forward (2 FLOPs a weight) and backward (twice that): projections, attention scores
and their use, the feed-forward branch and the head; of experts and their router, what a token passes through.
Attention is counted in full, T keys for each of T queries, as in PaLM (Chowdhery et al. 2022, appendix B), Chinchilla
(Hoffmann et al. 2022, appendix F) and torch's `FlopCounterMode`, though a causal kernel may skip half. Norms, rotary,
softmax and the embedding look-up are not counted, nor what is done once for a whole pass (Transformer-XL's distances),
nor global tokens. A window is counted as it is computed, in chunks (`windows`). An encoder-decoder's token is one of
the source and one of the target, both as long as the context.

`6ND` (Kaplan et al. 2020) is the same without attention scores, with every parameter taken as a weight: say which one
a figure uses, for at the size of a small ladder they differ by tens of per cent.
"""

from __future__ import annotations

from dataclasses import dataclass

from smelt.models.architecture import BUCKETS
from smelt.models.config import ModelConfig

BACKWARD = 2
"""FLOPs of the backward pass over the forward's: one product for the inputs' gradient, one for the weights'."""


def n_params_embedding(config: ModelConfig) -> int:
    """Parameters of the embeddings of tokens, positions and types, and of the head, which is the first if tied."""
    stacks = 2 if config.kind == "encoder-decoder" else 1
    positions = config.context if config.positions == "learned" else 0
    head = config.vocab if config.head_bias or config.head == "transform" else 0
    rows = config.vocab * (1 if config.tied else 2) + stacks * (positions + config.token_types)
    return rows * config.d_embed + head


def n_params_non_embedding(config: ModelConfig) -> int:
    """Parameters of the layers, the last norm and what lies between layers and embeddings or head."""
    gains = _gains(config)
    found = sum(n * _layer_params(config, layers) for n, layers in _built(config))
    for reads_source in _stacks(config):
        found += gains * config.d_model * (config.norm_place == "before")
        found += gains * config.d_embed * config.embedding_norm
        found += (config.d_embed + 1) * config.d_model * (config.d_embedding is not None)
        found += BUCKETS * config.n_heads * (config.positions == "t5")
        found += _transform_params(config) * (not reads_source)
    return found


def n_params(config: ModelConfig) -> int:
    """All parameters."""
    return n_params_embedding(config) + n_params_non_embedding(config)


def n_active_params(config: ModelConfig) -> int:
    """Parameters that a token passes through: all but the experts that it does not take."""
    return n_params(config) - sum(n * _idle_weights(config, layers) for n, layers in _built(config))


def n_weights(config: ModelConfig) -> int:
    """The matrices and the head: the parameters that multiply a token, once however often.

    An untied embedding is looked up, and not among them, nor are the experts that a token does not take.
    """
    return sum(n * _active_weights(config, layers) for n, layers in _built(config)) + sum(_outside_weights(config))


def flops_per_token(config: ModelConfig, context: int | None = None) -> int:
    """Training FLOPs a token, forward and backward, for sequences of `context` tokens (the config's by default)."""
    return (1 + BACKWARD) * forward_flops_per_token(config, context)


def forward_flops_per_token(config: ModelConfig, context: int | None = None) -> int:
    """FLOPs a token of the forward pass alone: evaluation, or reading a prompt."""
    length = config.context if context is None else context
    return forward_flops(config, length, length) // length


def forward_flops(config: ModelConfig, length: int, source: int = 0, *, scored: int | None = None) -> int:
    """FLOPs of the forward pass of one text, or of a target of some length with its source.

    `scored` is for how many of its tokens there are scores: all by default, of an encoder those that were hidden.
    """
    entry, head = _outside_weights(config)
    n_read = source if config.kind == "encoder-decoder" else 0
    found = 2 * (length if scored is None else scored) * head + 2 * (length + n_read) * entry
    for layers in _layers(config):
        is_encoder = config.kind == "encoder-decoder" and not layers.reads_source
        n = source if is_encoder else length
        found += layers.n * n * (2 * _own_weights(config, layers) + _score_flops(config, n))
        if layers.reads_source:  # keys and values of the source once for each of its tokens
            crossed = 2 * config.d_model * (config.d_query * length + config.d_kv * source)
            found += layers.n * (2 * crossed + 2 * 2 * length * source * config.d_query)
    return found


def flops_6nd(config: ModelConfig, n_tokens: float) -> float:
    """`6 N D` with N all parameters."""
    return 6.0 * n_params(config) * n_tokens


@dataclass(frozen=True, slots=True)
class _Layers:
    """Layers that are alike."""

    n: int
    """That a token passes."""
    reads_source: bool = False
    has_experts: bool = False


def _stacks(config: ModelConfig) -> tuple[bool, ...]:
    """For each, whether it is a decoder that reads a source."""
    return (False, True) if config.kind == "encoder-decoder" else (False,)


def _layers(config: ModelConfig) -> list[_Layers]:
    """All layers that a token passes, the alike together."""
    found: list[_Layers] = []
    for reads_source in _stacks(config):
        depth = (config.n_decoder_layers or config.n_layers) if reads_source else config.n_layers
        experts = 0 if config.experts is None else sum(map(config.experts.is_at, range(depth)))
        found += [_Layers(experts, reads_source, has_experts=True), _Layers(depth - experts, reads_source)]
    return [layers for layers in found if layers.n]


def _built(config: ModelConfig) -> list[tuple[int, _Layers]]:
    """How many of them have weights of their own."""
    return [(1 if config.shared_layers else layers.n, layers) for layers in _layers(config)]


def _layer_params(config: ModelConfig, layers: _Layers) -> int:
    """All parameters of one layer."""
    weights = _active_weights(config, layers) + _idle_weights(config, layers)
    heads = 2 * config.head_dim if config.qk_norm_over == "head" else config.d_query + config.d_kv
    attentions = 2 if layers.reads_source else 1
    norms = _gains(config) * ((1 + attentions) * config.d_model + attentions * heads * config.qk_norm)
    return weights + norms + _biases(config, attentions) + _aside(config)


def _active_weights(config: ModelConfig, layers: _Layers) -> int:
    """Weights of one layer's matrices that a token passes through."""
    return _own_weights(config, layers) + (_attention_weights(config) if layers.reads_source else 0)


def _own_weights(config: ModelConfig, layers: _Layers) -> int:
    """Those aside that read a source."""
    branches, router = 1, 0
    if config.experts is not None and layers.has_experts:
        branches, router = config.experts.top_k + config.experts.shared, config.experts.n * config.d_model
    return _attention_weights(config) + router + branches * _branch_weights(config)


def _attention_weights(config: ModelConfig) -> int:
    return 2 * config.d_model * (config.d_query + config.d_kv)  # query and output, key and value


def _idle_weights(config: ModelConfig, layers: _Layers) -> int:
    """Those of the experts that a token does not take."""
    if config.experts is None or not layers.has_experts:
        return 0
    return (config.experts.n - config.experts.top_k) * _branch_weights(config)


def _branch_weights(config: ModelConfig) -> int:
    """Of the feed-forward branch, or of one expert."""
    return (3 if config.is_gated else 2) * config.d_model * config.d_ff


def _outside_weights(config: ModelConfig) -> tuple[int, int]:
    """What leads from the embeddings to the layers; what is behind these, the head and what leads to it."""
    entry = config.d_embed * config.d_model * (config.d_embedding is not None)
    transform = config.d_model * config.d_embed * (config.head == "transform")
    return entry, transform + config.vocab * config.d_embed


def _score_flops(config: ModelConfig, length: int) -> int:
    """Of a token's attention scores and their use, to its own stream."""
    products = 3 if config.positions == "transformer-xl" else 2
    return products * 2 * _keys(config, length) * config.d_query


def _keys(config: ModelConfig, length: int) -> int:
    """Keys that a query is multiplied with."""
    if config.window is None or config.window >= length:
        return length + config.memory
    if config.kind == "decoder":
        return 2 * max(1, config.window - 1)
    return 3 * (config.window // 2)


def _gains(config: ModelConfig) -> int:
    return 2 if config.norm == "layer" else 1  # and shifts


def _transform_params(config: ModelConfig) -> int:
    if config.head != "transform" or config.kind != "encoder":
        return 0
    return (config.d_model + 1 + _gains(config)) * config.d_embed


def _biases(config: ModelConfig, attentions: int) -> int:
    """Of one layer's projections."""
    if not config.bias:
        return 0
    attention = config.d_query + 2 * config.d_kv + config.d_model
    more = config.d_query + 2 * config.d_kv if config.global_tokens else 0
    hidden = config.d_ff * (2 if config.is_gated else 1)
    return attentions * attention + more + hidden + config.d_model


def _aside(config: ModelConfig) -> int:
    """Weights of one layer that no plain token passes: of global tokens, of distances."""
    if config.positions == "transformer-xl":
        return config.d_model * config.d_kv + 2 * config.d_query
    return config.d_model * (config.d_query + 2 * config.d_kv) if config.global_tokens else 0
