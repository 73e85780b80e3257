"""Llama (Touvron et al. 2023) and Qwen3 (Yang et al. 2025): our own names, after a prefix."""

from __future__ import annotations

from typing import cast

from smelt.models.architecture import RopeScaling
from smelt.models.config import ModelConfig
from smelt.models.huggingface.family import HEAD, Config, Family, Weights, refuse, values

PREFIX = "model."
"""What transformers puts before every name but the head's."""
FIELDS = {
    "vocab": "vocab_size",
    "context": "max_position_embeddings",
    "n_layers": "num_hidden_layers",
    "d_model": "hidden_size",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "d_ff": "intermediate_size",
    "tied": "tie_word_embeddings",
    "rope_theta": "rope_theta",
    "norm_eps": "rms_norm_eps",
}
"""Our names and transformers'."""
LLAMA3 = {
    "factor": "factor",
    "low": "low_freq_factor",
    "high": "high_freq_factor",
    "trained_context": "original_max_position_embeddings",
}


class Llama(Family):
    """RMSNorm, rotary positions, SwiGLU."""

    model_type, architecture = "llama", "LlamaForCausalLM"
    qk_norm = False

    def is_of(self, config: ModelConfig) -> bool:
        """Without a norm on queries and keys."""
        return config.unlike_llama <= {"rope_scaling"} and config.qk_norm == self.qk_norm

    def to_config(self, config: ModelConfig) -> Config:
        """With the rotary positions where transformers 5 keeps them."""
        rope = to_rope(config)
        return {"hidden_act": "silu", "attention_bias": False, **values(config, FIELDS), "rope_parameters": rope}

    def from_config(self, config: Config) -> ModelConfig:
        """Its rotary positions plain, or scaled as `RopeScaling` knows."""
        refuse(config, {"hidden_act": "silu", "attention_bias": False, "mlp_bias": False, "use_sliding_window": False})
        return ModelConfig.model_validate({**shape(config), "qk_norm": self.qk_norm})

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Under the prefix."""
        return {name if name == HEAD else PREFIX + name: weight for name, weight in weights.items()}

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """Without the prefix."""
        return {name.removeprefix(PREFIX): weight for name, weight in weights.items()}


class Qwen3(Llama):
    """With a norm on each head of queries and keys."""

    model_type, architecture = "qwen3", "Qwen3ForCausalLM"
    qk_norm = True


def shape(config: Config) -> dict[str, object]:
    """The fields that Llama's kin have in common."""
    rope = rope_of(config)
    heads = cast("int", config["num_attention_heads"])
    found = {
        "head_dim": cast("int", config["hidden_size"]) // heads,
        "num_key_value_heads": heads,
        "tie_word_embeddings": False,
        "rope_theta": 10_000.0,
        **{name: value for name, value in config.items() if value is not None},
        **rope,
    }
    return {**{ours: found[theirs] for ours, theirs in FIELDS.items()}, "rope_scaling": from_rope(rope)}


def rope_of(config: Config) -> Config:
    """What a configuration says of rotary positions: transformers 5 keeps it apart, 4 only where it is scaled."""
    return cast("Config", config.get("rope_parameters") or config.get("rope_scaling") or {})


def to_rope(config: ModelConfig) -> Config:
    """Our rotary positions in their words."""
    scaling = config.rope_scaling
    if scaling is None:
        return {"rope_type": "default", "rope_theta": config.rope_theta}
    if scaling.kind == "linear":
        return {"rope_type": "linear", "rope_theta": config.rope_theta, "factor": scaling.factor}
    said = {theirs: getattr(scaling, ours) for ours, theirs in LLAMA3.items()}
    return {"rope_type": "llama3", "rope_theta": config.rope_theta, **said}


def from_rope(rope: Config) -> RopeScaling | None:
    """Their rotary positions in ours; ValueError for a kind that smelt does not know."""
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind == "linear":
        return RopeScaling.model_validate({"kind": "linear", "factor": rope["factor"]})
    if kind == "llama3":
        return RopeScaling.model_validate({"kind": kind, **{ours: rope[theirs] for ours, theirs in LLAMA3.items()}})
    raise ValueError(
        f"the rotary positions are of type {kind!r}, which smelt cannot compute; expected default, linear or llama3"
    )
