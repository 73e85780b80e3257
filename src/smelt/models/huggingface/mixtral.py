"""Mixtral (Jiang et al. 2024) and OLMoE (Muennighoff et al. 2024): experts one by one, each matrix of its own name."""

from __future__ import annotations

from typing import TypeGuard, cast

import torch

from smelt.models.architecture import Experts
from smelt.models.config import ModelConfig
from smelt.models.huggingface.family import Config, Family, Weights, refuse, values
from smelt.models.huggingface.llama import FIELDS, PREFIX, shape, to_rope


class Mixtral(Family):
    """Llama with experts, the weights of those taken adding up to one."""

    model_type, architecture = "mixtral", "MixtralForCausalLM"
    experts_field = "num_local_experts"
    router = "block_sparse_moe.gate.weight"
    expert = "block_sparse_moe.experts.{}."
    matrices = {"gate_proj": "w1.weight", "up_proj": "w3.weight", "down_proj": "w2.weight"}  # noqa: RUF012

    def is_of(self, config: ModelConfig) -> bool:
        """Without shared experts."""
        is_kind = config.unlike_llama <= {"experts", "rope_scaling"} and not config.qk_norm
        return is_kind and is_plain(config.experts) and config.experts.normalised

    def to_config(self, config: ModelConfig) -> Config:
        """Llama's with the experts'."""
        assert config.experts is not None
        return {
            "hidden_act": "silu", **values(config, FIELDS), "rope_parameters": to_rope(config),
            self.experts_field: config.experts.n, "num_experts_per_tok": config.experts.top_k,
            "router_aux_loss_coef": config.experts.balance, **self._own(config),
        }  # fmt: skip

    def from_config(self, config: Config) -> ModelConfig:
        """Without a sliding window."""
        refuse(config, {"hidden_act": "silu", "sliding_window": None, "attention_bias": False, "clip_qkv": None})
        experts = {
            "n": config[self.experts_field],
            "top_k": config.get("num_experts_per_tok", 2),
            "balance": config.get("router_aux_loss_coef", 0.001),
        }
        return ModelConfig.model_validate(self._shape(config, experts))

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Each expert's matrices by themselves."""
        theirs: Weights = {}
        for name, weight in weights.items():
            layer, _, rest = name.partition(".mlp.")
            if not rest:
                theirs[name if name.startswith("lm_head") else PREFIX + name] = weight
            elif rest == "router.weight":
                theirs[f"{PREFIX}{layer}.{self.router}"] = weight
            else:
                place = f"{PREFIX}{layer}.{self.expert}{self.matrices[rest]}"
                theirs |= {place.format(i): one.contiguous() for i, one in enumerate(weight)}
        return theirs

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """The experts' matrices stacked."""
        assert config.experts is not None
        left, ours = dict(weights), cast("Weights", {})
        for layer in (f"layers.{i}" for i in range(config.n_layers)):
            ours[f"{layer}.mlp.router.weight"] = left.pop(f"{PREFIX}{layer}.{self.router}")
            for mine, name in self.matrices.items():
                place = f"{PREFIX}{layer}.{self.expert}{name}"
                ours[f"{layer}.mlp.{mine}"] = torch.stack([left.pop(place.format(i)) for i in range(config.experts.n)])
        return ours | {name.removeprefix(PREFIX): weight for name, weight in left.items()}

    def _own(self, config: ModelConfig) -> Config:
        return {"sliding_window": None}

    def _shape(self, config: Config, experts: Config) -> dict[str, object]:
        return {**shape(config), "experts": experts}


class Olmoe(Mixtral):
    """With a norm over all heads of queries, and of keys; weights as the softmax gave them, or adding up to one."""

    model_type, architecture = "olmoe", "OlmoeForCausalLM"
    experts_field = "num_experts"
    router = "mlp.gate.weight"
    expert = "mlp.experts.{}."
    matrices = {name: f"{name}.weight" for name in ("gate_proj", "up_proj", "down_proj")}  # noqa: RUF012

    def is_of(self, config: ModelConfig) -> bool:
        """As wide as the stream in all its query heads: transformers counts the norm so."""
        is_kind = config.unlike_llama <= {"experts", "qk_norm_over", "rope_scaling"} and config.qk_norm
        is_square = config.qk_norm_over == "all" and config.d_query == config.d_model
        return is_kind and is_square and is_plain(config.experts)

    def _own(self, config: ModelConfig) -> Config:
        assert config.experts is not None
        return {"norm_topk_prob": config.experts.normalised, "clip_qkv": None, "attention_bias": False}

    def _shape(self, config: Config, experts: Config) -> dict[str, object]:
        normalised = {"normalised": config.get("norm_topk_prob", False)}
        return {**shape(config), "qk_norm": True, "qk_norm_over": "all", "experts": {**experts, **normalised}}


def is_plain(experts: Experts | None) -> TypeGuard[Experts]:
    """In every layer, none of them shared, each with room for all that come."""
    return experts is not None and not experts.shared and experts.capacity is None and experts.every == 1
