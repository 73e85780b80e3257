"""GPT-2 (Radford et al. 2019): its matrices stand transposed, and queries, keys and values in one."""

from __future__ import annotations

from typing import cast

import torch

from smelt.models.config import ModelConfig
from smelt.models.huggingface.family import HEAD, Config, Family, Weights, refuse, values

FIELDS = {
    "vocab": "vocab_size",
    "context": "n_positions",
    "n_layers": "n_layer",
    "d_model": "n_embd",
    "n_heads": "n_head",
    "norm_eps": "layer_norm_epsilon",
    "tied": "tie_word_embeddings",
}
PREFIX = "transformer."
OUTSIDE = {
    "embed_tokens.weight": "wte.weight",
    "embed_positions.weight": "wpe.weight",
    "norm.weight": "ln_f.weight",
    "norm.bias": "ln_f.bias",
}
QKV, THEIR_QKV = ("q_proj", "k_proj", "v_proj"), "attn.c_attn"
LAYER = {
    "input_layernorm": "ln_1",
    "post_attention_layernorm": "ln_2",
    "self_attn.o_proj": "attn.c_proj",
    "mlp.up_proj": "mlp.c_fc",
    "mlp.down_proj": "mlp.c_proj",
}
"""Modules of a layer, ours and theirs."""


class GPT2(Family):
    """LayerNorm, learned positions, GELU by tanh, biases."""

    model_type, architecture = "gpt2", "GPT2LMHeadModel"

    def is_of(self, config: ModelConfig) -> bool:
        """With as many heads of keys as of queries, as wide together as the stream."""
        kinds = (config.norm, config.positions, config.feed_forward, config.bias, config.qk_norm)
        is_more = config.unlike_llama > {"norm", "positions", "feed_forward", "bias"}
        is_square = config.n_heads == config.n_kv_heads and config.d_query == config.d_model
        return kinds == ("layer", "learned", "gelu-tanh", True, False) and is_square and not is_more

    def to_config(self, config: ModelConfig) -> Config:
        """In GPT-2's own short names."""
        return {"activation_function": "gelu_new", "n_inner": config.d_ff, **values(config, FIELDS)}

    def from_config(self, config: Config) -> ModelConfig:
        """Without cross-attention or attention scaled by the layer."""
        refuse(config, {
            "activation_function": "gelu_new", "scale_attn_weights": True, "add_cross_attention": False,
            "scale_attn_by_inverse_layer_idx": False,
        })  # fmt: skip
        found = {"layer_norm_epsilon": 1e-5, "tie_word_embeddings": True, **config}
        width, heads = cast("int", config["n_embd"]), cast("int", config["n_head"])
        return ModelConfig.model_validate({
            **{ours: found[theirs] for ours, theirs in FIELDS.items()},
            "n_kv_heads": heads, "head_dim": width // heads, "d_ff": config.get("n_inner") or 4 * width,
            "norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh", "bias": True,
        })  # fmt: skip

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Matrices transposed, the three of attention side by side."""
        theirs = {PREFIX + name: weights[ours] for ours, name in OUTSIDE.items()}
        if HEAD in weights:
            theirs[HEAD] = weights[HEAD]
        for i in range(config.n_layers):
            ours, h = f"layers.{i}.", f"{PREFIX}h.{i}."
            for kind in ("weight", "bias"):
                parts = [weights[f"{ours}self_attn.{name}.{kind}"] for name in QKV]
                theirs[f"{h}{THEIR_QKV}.{kind}"] = _turned(torch.cat(parts))
                theirs |= {
                    f"{h}{name}.{kind}": _turned(weights[f"{ours}{mine}.{kind}"]) for mine, name in LAYER.items()
                }
        return theirs

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """The reverse; buffers of old checkpoints (`attn.bias`, a mask) are left out."""
        found = {name.removeprefix(PREFIX): weight for name, weight in weights.items()}
        ours = {mine: found[name] for mine, name in OUTSIDE.items()}
        if HEAD in found:
            ours[HEAD] = found[HEAD]
        for i in range(config.n_layers):
            layer, h = f"layers.{i}.", f"h.{i}."
            for kind in ("weight", "bias"):
                parts = _turned(found[f"{h}{THEIR_QKV}.{kind}"]).chunk(3)
                ours |= {f"{layer}self_attn.{name}.{kind}": part for name, part in zip(QKV, parts, strict=True)}
                ours |= {f"{layer}{mine}.{kind}": _turned(found[f"{h}{name}.{kind}"]) for mine, name in LAYER.items()}
        return ours


def _turned(weight: torch.Tensor) -> torch.Tensor:
    """A matrix transposed; a vector as it is."""
    return weight.T.contiguous() if weight.ndim == 2 else weight
