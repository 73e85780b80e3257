"""Marian (Junczys-Dowmunt et al. 2018): the first transformer (Vaswani et al. 2017), for translation, norms after each
branch, waves for positions, one embedding for both languages."""

from __future__ import annotations

from typing import cast

from smelt.models.config import ModelConfig
from smelt.models.huggingface.family import Config, Family, Weights, refuse, renamed, turned_round, values

FIELDS = {
    "vocab": "vocab_size",
    "context": "max_position_embeddings",
    "d_model": "d_model",
    "n_layers": "encoder_layers",
    "n_heads": "encoder_attention_heads",
    "d_ff": "encoder_ffn_dim",
    "scaled_embedding": "scale_embedding",
}
ACTIVATIONS = {"silu": "swish", "relu": "relu", "gelu": "gelu", "gelu-tanh": "gelu_new"}
ATTENTION = {"q_proj": "q_proj", "k_proj": "k_proj", "v_proj": "v_proj", "o_proj": "out_proj"}
LAYER = {
    **{f"self_attn.{ours}": f"self_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    "input_layernorm": "self_attn_layer_norm",
    "mlp.up_proj": "fc1",
    "mlp.down_proj": "fc2",
    "post_attention_layernorm": "final_layer_norm",
}
CROSS = {
    **{f"source_attn.{ours}": f"encoder_attn.{theirs}" for ours, theirs in ATTENTION.items()},
    "source_layernorm": "encoder_attn_layer_norm",
}
NAMES = {
    **{f"encoder.layers.{{}}.{ours}": f"model.encoder.layers.{{}}.{theirs}" for ours, theirs in LAYER.items()},
    **{
        f"decoder.layers.{{}}.{ours}": f"model.decoder.layers.{{}}.{theirs}" for ours, theirs in (LAYER | CROSS).items()
    },
}
SHARED, OURS, BIAS = "model.shared.weight", "encoder.embed_tokens.weight", "final_logits_bias"
NORM_EPS = 1e-5
"""torch's own, which the class does not ask for."""


class Marian(Family):
    """Post-norm, sinusoidal positions, biases, a bias for each token."""

    model_type, architecture = "marian", "MarianMTModel"
    ignored = r"model\.(encoder|decoder)\.embed_(tokens|positions)\.weight|lm_head\.weight"

    def is_of(self, config: ModelConfig) -> bool:
        """With one embedding for all, and heads as wide together as the stream."""
        kind = (config.kind, config.norm, config.norm_place, config.positions, config.bias, config.qk_norm)
        is_kind = kind == ("encoder-decoder", "layer", "after", "sinusoidal", True, False)
        square = config.n_heads == config.n_kv_heads and config.d_query == config.d_model
        plain = config.tied and config.head_bias and config.norm_eps == NORM_EPS and config.experts is None
        return is_kind and square and plain and config.feed_forward in ACTIVATIONS and not config.embedding_norm

    def to_config(self, config: ModelConfig) -> Config:
        """Both stacks alike but for their depth."""
        alike: Config = {"decoder_attention_heads": config.n_heads, "decoder_ffn_dim": config.d_ff}
        return {
            **values(config, FIELDS), **alike, "decoder_layers": config.n_decoder_layers or config.n_layers,
            "activation_function": ACTIVATIONS[config.feed_forward], "tie_word_embeddings": True,
            "share_encoder_decoder_embeddings": True, "is_encoder_decoder": True, "dropout": config.dropout,
            "decoder_vocab_size": config.vocab, "pad_token_id": None, "decoder_start_token_id": 0,
        }  # fmt: skip

    def from_config(self, config: Config) -> ModelConfig:
        """With one embedding for both languages."""
        refuse(config, {
            "share_encoder_decoder_embeddings": True, "tie_word_embeddings": True, "normalize_before": False,
            "normalize_embedding": False, "decoder_attention_heads": config["encoder_attention_heads"],
            "decoder_ffn_dim": config["encoder_ffn_dim"],
        })  # fmt: skip
        name = str(config.get("activation_function", "gelu"))
        activation = turned_round(ACTIVATIONS).get("swish" if name == "silu" else name)
        if activation is None:
            raise ValueError(f"activation_function is {name!r}; expected one of {', '.join(ACTIVATIONS.values())}")
        found, heads = {"scale_embedding": False, **config}, cast("int", config["encoder_attention_heads"])
        layers, deeper = config["encoder_layers"], config["decoder_layers"]
        return ModelConfig.model_validate({
            **{ours: found[theirs] for ours, theirs in FIELDS.items()},
            "kind": "encoder-decoder", "n_decoder_layers": None if deeper == layers else deeper, "n_kv_heads": heads,
            "head_dim": cast("int", config["d_model"]) // heads, "norm": "layer", "norm_place": "after",
            "norm_eps": NORM_EPS, "positions": "sinusoidal", "feed_forward": activation, "bias": True, "tied": True,
            "head_bias": True,
        })  # fmt: skip

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """The head's bias as one row."""
        left = dict(weights)
        theirs = {SHARED: left.pop(OURS), BIAS: left.pop("lm_head.bias")[None]}
        return theirs | renamed(left, NAMES)

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """The reverse."""
        left = dict(weights)
        ours = {OURS: left.pop(SHARED), "lm_head.bias": left.pop(BIAS)[0]}
        return ours | renamed(left, turned_round(NAMES))
