"""How many parameters a shape has, and how many FLOPs a token of training costs: exact, and as 6ND.

Every matrix product is counted, forward (2 FLOPs a weight) and backward (twice that): projections, attention scores
and their use, the feed-forward branch and the head; of experts and their router, what a token passes through.
Attention is counted in full, T keys for each of T queries, as in PaLM (Chowdhery et al. 2022, appendix B), Chinchilla
(Hoffmann et al. 2022, appendix F) and torch's `FlopCounterMode`, though a causal kernel may skip half. Norms, rotary,
softmax and the embedding look-up are not counted.

`6ND` (Kaplan et al. 2020) is the same without attention scores, with every parameter taken as a weight: say which one
a figure uses, for at the size of a small ladder they differ by tens of per cent.
"""

from __future__ import annotations

from smelt.models.config import ModelConfig

BACKWARD = 2
"""FLOPs of the backward pass over the forward's: one product for the inputs' gradient, one for the weights'."""


def n_params_embedding(config: ModelConfig) -> int:
    """Parameters of the embedding and the head, one matrix if tied, and of learned positions."""
    positions = config.context if config.positions == "learned" else 0
    return (config.vocab * (1 if config.tied else 2) + positions) * config.d_model


def n_params_non_embedding(config: ModelConfig) -> int:
    """Parameters of the layers and the last norm: all but embedding and head."""
    gains = 2 if config.norm == "layer" else 1  # and shifts
    heads = 2 * config.head_dim if config.qk_norm_over == "head" else config.d_query + config.d_kv
    norms = gains * (2 * config.d_model + (heads if config.qk_norm else 0))
    return config.n_layers * (_layer_weights(config) + norms + _biases(config)) + gains * config.d_model


def n_params(config: ModelConfig) -> int:
    """All parameters."""
    return n_params_embedding(config) + n_params_non_embedding(config)


def n_active_params(config: ModelConfig) -> int:
    """Parameters that a token passes through: all but the experts that it does not take."""
    return n_params(config) - config.n_layers * (_layer_weights(config) - _active_layer_weights(config))


def n_weights(config: ModelConfig) -> int:
    """The matrices and the head: the parameters that multiply a token.

    An untied embedding is looked up, and not among them, nor are the experts that a token does not take.
    """
    return config.n_layers * _active_layer_weights(config) + config.vocab * config.d_model


def flops_per_token(config: ModelConfig, context: int | None = None) -> int:
    """Training FLOPs a token, forward and backward, for sequences of `context` tokens (the config's by default)."""
    return (1 + BACKWARD) * forward_flops_per_token(config, context)


def forward_flops_per_token(config: ModelConfig, context: int | None = None) -> int:
    """FLOPs a token of the forward pass alone: evaluation, or reading a prompt."""
    length = config.context if context is None else context
    scores_and_values = 2 * 2 * length * config.d_query
    head = 2 * config.vocab * config.d_model
    return config.n_layers * (2 * _active_layer_weights(config) + scores_and_values) + head


def flops_6nd(config: ModelConfig, n_tokens: float) -> float:
    """`6 N D` with N all parameters."""
    return 6.0 * n_params(config) * n_tokens


def _layer_weights(config: ModelConfig) -> int:
    """Weights of one layer's matrices."""
    experts = config.experts
    if experts is None:
        return _attention_weights(config) + _branch_weights(config)
    router = experts.n * config.d_model
    return _attention_weights(config) + router + (experts.n + experts.shared) * _branch_weights(config)


def _active_layer_weights(config: ModelConfig) -> int:
    """Those that a token passes through."""
    if config.experts is None:
        return _layer_weights(config)
    return _layer_weights(config) - (config.experts.n - config.experts.top_k) * _branch_weights(config)


def _attention_weights(config: ModelConfig) -> int:
    return 2 * config.d_model * (config.d_query + config.d_kv)  # query and output, key and value


def _branch_weights(config: ModelConfig) -> int:
    """Of the feed-forward branch, or of one expert."""
    return (3 if config.feed_forward == "swiglu" else 2) * config.d_model * config.d_ff


def _biases(config: ModelConfig) -> int:
    """Of one layer's projections."""
    if not config.bias:
        return 0
    attention = config.d_query + 2 * config.d_kv + config.d_model
    hidden = config.d_ff * (2 if config.feed_forward == "swiglu" else 1)
    return attention + hidden + config.d_model
