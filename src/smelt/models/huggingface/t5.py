"""Encoders with decoders that are trained to fill in spans: T5 (Raffel et al. 2020), and Switch (Fedus et al. 2021),
which is T5 with experts."""

from __future__ import annotations

import re
from typing import cast

import torch
from torch import Tensor

from smelt.models.architecture import BUCKETS, FURTHEST
from smelt.models.config import ModelConfig
from smelt.models.huggingface.family import HEAD, Config, Family, Weights, refuse, renamed, turned_round, values

FIELDS = {
    "vocab": "vocab_size",
    "context": "n_positions",
    "n_layers": "num_layers",
    "d_model": "d_model",
    "n_heads": "num_heads",
    "head_dim": "d_kv",
    "d_ff": "d_ff",
    "tied": "tie_word_embeddings",
    "norm_eps": "layer_norm_epsilon",
}
PROJECTIONS = {"gelu-tanh": "gelu_new", "relu": "relu", "silu": "silu", "geglu": "gated-gelu"}
SHARED, OURS = "shared.weight", "encoder.embed_tokens.weight"


STACKS = {"encoder": ("SelfAttention",), "decoder": ("SelfAttention", "EncDecAttention")}
"""Attentions of a layer."""
DISTANCES = "{}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"


def names_of(branch: str, matrices: dict[str, str]) -> dict[str, str]:
    """Our modules and theirs, whose feed-forward branch is called so and has such modules."""
    found: dict[str, str] = {}
    for stack, attentions in STACKS.items():
        ours, theirs, last = f"{stack}.layers.{{}}", f"{stack}.block.{{}}.layer", len(attentions)
        for n, (mine, norm) in enumerate(
            (("self_attn", "input_layernorm"), ("source_attn", "source_layernorm"))[:last]
        ):
            found |= {f"{ours}.{mine}.{name}_proj": f"{theirs}.{n}.{attentions[n]}.{name}" for name in "qkvo"}
            found[f"{ours}.{norm}"] = f"{theirs}.{n}.layer_norm"
        found[f"{ours}.post_attention_layernorm"] = f"{theirs}.{last}.layer_norm"
        found |= {f"{ours}.mlp.{mine}": f"{theirs}.{last}.{branch}.{name}" for mine, name in matrices.items()}
        found[f"{stack}.norm"] = f"{stack}.final_layer_norm"
    return found


PLAIN = names_of("DenseReluDense", {"up_proj": "wi", "down_proj": "wo"})
GATED = names_of("DenseReluDense", {"gate_proj": "wi_0", "up_proj": "wi_1", "down_proj": "wo"})


class T5(Family):
    """RMSNorm before each branch, biases of distances, scores that nothing divides."""

    model_type, architecture = "t5", "T5ForConditionalGeneration"
    ignored = r"(encoder|decoder)\.embed_tokens\.weight|decoder\.block\.0\.layer\.1\.EncDecAttention\.relative.*"

    def is_of(self, config: ModelConfig) -> bool:
        """Without experts."""
        return is_t5(config) and config.experts is None and config.feed_forward in PROJECTIONS

    def to_config(self, config: ModelConfig) -> Config:
        """With the number of layers of each stack."""
        return {
            **values(config, FIELDS), "num_decoder_layers": config.n_decoder_layers or config.n_layers,
            "feed_forward_proj": PROJECTIONS[config.feed_forward], "relative_attention_num_buckets": BUCKETS,
            "relative_attention_max_distance": FURTHEST, "is_encoder_decoder": True,
            "scale_decoder_outputs": config.scaled_head,
        }  # fmt: skip

    def from_config(self, config: Config) -> ModelConfig:
        """T5 and T5 1.1."""
        return ModelConfig.model_validate(self._shape(config))

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Under its own names."""
        left = dict(weights)
        theirs = {SHARED: left.pop(OURS)}
        if HEAD in left:
            theirs[HEAD] = left.pop(HEAD)
        for stack in STACKS:
            theirs[DISTANCES.format(stack)] = left.pop(f"{stack}.embed_distances.weight")
        return theirs | renamed(left, self.names(config))

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """The reverse."""
        left = dict(weights)
        ours = {OURS: left.pop(SHARED)}
        if HEAD in left:
            ours[HEAD] = left.pop(HEAD)
        for stack in STACKS:
            ours[f"{stack}.embed_distances.weight"] = left.pop(DISTANCES.format(stack))
        return ours | renamed(left, turned_round(self.names(config)))

    def names(self, config: ModelConfig) -> dict[str, str]:
        """Our modules and theirs."""
        return GATED if config.is_gated else PLAIN

    def _shape(self, config: Config) -> dict[str, object]:
        refuse(config, {"relative_attention_num_buckets": BUCKETS, "relative_attention_max_distance": FURTHEST})
        found = {"n_positions": 512, "tie_word_embeddings": True, "layer_norm_epsilon": 1e-6, **config}
        projection = str(config.get("feed_forward_proj", "relu"))
        branch = turned_round(PROJECTIONS).get(projection)
        if branch is None:
            raise ValueError(f"feed_forward_proj is {projection!r}; expected one of {', '.join(PROJECTIONS.values())}")
        layers, deeper = config["num_layers"], config.get("num_decoder_layers")
        return {
            **{ours: found[theirs] for ours, theirs in FIELDS.items()},
            "kind": "encoder-decoder", "n_decoder_layers": None if deeper == layers else deeper,
            "n_kv_heads": config["num_heads"], "positions": "t5", "feed_forward": branch, "scaled_scores": False,
            "scaled_head": config.get("scale_decoder_outputs", found["tie_word_embeddings"]),
        }  # fmt: skip


SWITCH = names_of("mlp", {"up_proj": "wi", "down_proj": "wo", "router": "router.classifier"})
MATRICES = {"up": "wi", "down": "wo"}
EXPERTS = re.compile(r"(?P<stack>\w+)\.layers\.(?P<layer>\d+)\.mlp\.(?P<matrix>up|down)_proj")
EXPERT = re.compile(r"(\w+)\.block\.(\d+)\.layer\.\d\.mlp\.experts\.expert_(\d+)\.(wi|wo)\.weight")


class Switch(T5):
    """Each token goes to one expert, if that has room."""

    model_type, architecture = "switch_transformers", "SwitchTransformersForConditionalGeneration"

    def is_of(self, config: ModelConfig) -> bool:
        """One expert a token, by its probability."""
        experts = config.experts
        if experts is None or experts.capacity is None or experts.top_k > 1 or experts.normalised or experts.shared:
            return False
        return is_t5(config) and config.feed_forward in ("relu", "silu")

    def to_config(self, config: ModelConfig) -> Config:
        """With how many layers have experts."""
        experts, depth = config.experts, config.n_decoder_layers or config.n_layers
        assert experts is not None
        said = {name: value for name, value in super().to_config(config).items() if name != "feed_forward_proj"}
        sparse = (sum(map(experts.is_at, range(layers))) for layers in (config.n_layers, depth))
        return {
            **said, "dense_act_fn": PROJECTIONS[config.feed_forward], "num_experts": experts.n,
            "expert_capacity": experts.capacity, "router_aux_loss_coef": experts.balance,
            "router_z_loss_coef": experts.z, "router_bias": False, "router_jitter_noise": 0.0,
            **dict(zip(("num_sparse_encoder_layers", "num_sparse_decoder_layers"), sparse, strict=True)),
        }  # fmt: skip

    def from_config(self, config: Config) -> ModelConfig:
        """With experts as often in one stack as in the other."""
        refuse(config, {"router_bias": False})
        layers = cast("int", config["num_layers"]), cast("int", config.get("num_decoder_layers", config["num_layers"]))
        sparse = (cast("int", config[f"num_sparse_{stack}_layers"]) for stack in ("encoder", "decoder"))
        every = [depth // found if found else 0 for depth, found in zip(layers, sparse, strict=True)]
        if every[0] != every[1] or not every[0]:
            raise ValueError(f"one of {every[0]} layers of the encoder has experts, of {every[1]} of the decoder")
        experts = {
            "n": config["num_experts"], "top_k": 1, "normalised": False, "capacity": config["expert_capacity"],
            "every": every[0], "balance": config.get("router_aux_loss_coef", 0.001),
            "z": config.get("router_z_loss_coef", 0.001),
        }  # fmt: skip
        said = {**config, "feed_forward_proj": config.get("dense_act_fn", "relu")}
        return ModelConfig.model_validate({**self._shape(said), "experts": experts})

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Each expert's matrices by themselves."""
        found = {name: EXPERTS.fullmatch(name) for name in weights}
        theirs = super().export({name: weights[name] for name, match in found.items() if match is None}, config)
        for name, match in found.items():
            if match is not None:
                place = f"{match['stack']}.block.{match['layer']}.layer.{len(STACKS[match['stack']])}.mlp.experts"
                matrix = MATRICES[match["matrix"]]
                theirs |= {
                    f"{place}.expert_{i}.{matrix}.weight": one.contiguous() for i, one in enumerate(weights[name])
                }
        return theirs

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """The experts' matrices stacked."""
        assert config.experts is not None
        left, stacks = dict(weights), dict[str, dict[int, Tensor]]()
        for name in weights:
            if match := EXPERT.fullmatch(name):
                stack, layer, expert, matrix = match.groups()
                ours = f"{stack}.layers.{layer}.mlp.{turned_round(MATRICES)[matrix]}_proj"
                stacks.setdefault(ours, {})[int(expert)] = left.pop(name)
        joined = {name: torch.stack([found[i] for i in range(config.experts.n)]) for name, found in stacks.items()}
        return super().take(left, config) | joined

    def names(self, config: ModelConfig) -> dict[str, str]:
        """Those of dense layers, and of routers."""
        return SWITCH


def is_t5(config: ModelConfig) -> bool:
    """An encoder with a decoder, RMSNorm before each branch, biases of distances, nothing divided."""
    kind = (config.kind, config.norm, config.norm_place, config.positions, config.bias, config.qk_norm)
    is_kind = kind == ("encoder-decoder", "rms", "before", "t5", False, False)
    return is_kind and config.n_heads == config.n_kv_heads and not config.scaled_scores and not config.head_bias
