"""Encoders that predict what is hidden: BERT (Devlin et al. 2019), ALBERT (Lan et al. 2020), Longformer (Beltagy et al.
2020), all with norms after each branch, learned positions and biases."""

from __future__ import annotations

from typing import cast

import torch
from pydantic import JsonValue

from smelt.models.config import ModelConfig
from smelt.models.huggingface.family import HEAD, Config, Family, Weights, refuse, renamed, turned_round, values

FIELDS = {
    "vocab": "vocab_size",
    "context": "max_position_embeddings",
    "n_layers": "num_hidden_layers",
    "d_model": "hidden_size",
    "n_heads": "num_attention_heads",
    "d_ff": "intermediate_size",
    "tied": "tie_word_embeddings",
    "norm_eps": "layer_norm_eps",
    "token_types": "type_vocab_size",
}
ACTIVATIONS = {"gelu": "gelu", "gelu-tanh": "gelu_new", "relu": "relu", "silu": "silu"}
EMBEDDINGS = {
    "embed_tokens": "word_embeddings",
    "embed_positions": "position_embeddings",
    "embed_types": "token_type_embeddings",
    "embed_norm": "LayerNorm",
}
LAYER = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.o_proj": "attention.output.dense",
    "input_layernorm": "attention.output.LayerNorm",
    "mlp.up_proj": "intermediate.dense",
    "mlp.down_proj": "output.dense",
    "post_attention_layernorm": "output.LayerNorm",
}
"""Modules of a layer, ours and theirs."""
POSITIONS = "embed_positions.weight"


class Bert(Family):
    """Each token sees all; LayerNorm of the embeddings too; two kinds of segments."""

    model_type, architecture = "bert", "BertForMaskedLM"
    ignored = (
        r".*(pooler|seq_relationship|sop_classifier|position_ids|predictions\.decoder\.bias|lm_head\.decoder\.bias)"
    )
    fields = FIELDS
    own: Config = {}  # noqa: RUF012
    """What else its shapes have."""
    names = {  # noqa: RUF012
        **{ours: f"bert.embeddings.{theirs}" for ours, theirs in EMBEDDINGS.items()},
        **{f"layers.{{}}.{ours}": f"bert.encoder.layer.{{}}.{theirs}" for ours, theirs in LAYER.items()},
        "transform.dense": "cls.predictions.transform.dense",
        "transform.norm": "cls.predictions.transform.LayerNorm",
    }
    bias, head = "cls.predictions.bias", "cls.predictions.decoder.weight"

    def is_of(self, config: ModelConfig) -> bool:
        """With as many heads of keys as of queries, as wide together as the stream."""
        kind = (config.kind, config.norm, config.norm_place, config.positions, config.bias, config.qk_norm, config.head)
        square = config.n_heads == config.n_kv_heads and config.d_query == config.d_model
        is_kind = kind == ("encoder", "layer", "after", "learned", True, False, "transform")
        embedded = config.embedding_norm and not config.scaled_embedding and config.token_types > 0
        own = {"d_embedding": None, "shared_layers": False, "window": None, "global_tokens": False} | self.own
        is_own = all(getattr(config, name) == value for name, value in own.items() if value != "any")
        return is_kind and square and embedded and is_own and not config.is_gated and config.experts is None

    def to_config(self, config: ModelConfig) -> Config:
        """Without pooler or second task."""
        return {"hidden_act": ACTIVATIONS[config.feed_forward], **values(config, self.fields)}

    def from_config(self, config: Config) -> ModelConfig:
        """An encoder, whatever else the class could be told."""
        refuse(config, {"is_decoder": False, "add_cross_attention": False, "position_embedding_type": "absolute"})
        return ModelConfig.model_validate(self._shape(config))

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Under its own names."""
        left = dict(weights)
        theirs = {self.bias: left.pop("lm_head.bias")}
        if HEAD in left:  # untied, the class has the bias twice
            theirs |= {self.head: left.pop(HEAD), self.head.replace("weight", "bias"): theirs[self.bias].clone()}
        return theirs | renamed(left, self.names)

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """The reverse; of a tied head the copy that some folders hold is left aside."""
        left = dict(weights)
        ours, head = {"lm_head.bias": left.pop(self.bias)}, left.pop(self.head, None)
        if not config.tied and head is not None:
            ours[HEAD] = head
        return ours | renamed(left, turned_round(self.names))

    def _shape(self, config: Config) -> dict[str, object]:
        found = {"layer_norm_eps": 1e-12, "type_vocab_size": 2, "tie_word_embeddings": True, **config}
        heads, width = cast("int", config["num_attention_heads"]), cast("int", config["hidden_size"])
        activation = turned_round(ACTIVATIONS).get(str(config.get("hidden_act", "gelu")))
        if activation is None:
            raise ValueError(
                f"hidden_act is {config['hidden_act']!r}; expected one of {', '.join(ACTIVATIONS.values())}"
            )
        return {
            **{ours: found[theirs] for ours, theirs in self.fields.items()},
            "kind": "encoder", "n_kv_heads": heads, "head_dim": width // heads, "norm": "layer", "norm_place": "after",
            "positions": "learned", "feed_forward": activation, "bias": True, "embedding_norm": True,
            "head": "transform", **{name: value for name, value in self.own.items() if value != "any"},
        }  # fmt: skip


class Albert(Bert):
    """One layer used again and again, and embeddings narrower than the stream."""

    model_type, architecture = "albert", "AlbertForMaskedLM"
    fields = FIELDS | {"d_embedding": "embedding_size"}
    own: Config = {"shared_layers": True, "d_embedding": "any"}  # noqa: RUF012
    layer = "albert.encoder.albert_layer_groups.{}.albert_layers.0"
    names = {  # noqa: RUF012
        **{ours: f"albert.embeddings.{theirs}" for ours, theirs in EMBEDDINGS.items()},
        "embed_proj": "albert.encoder.embedding_hidden_mapping_in",
        "layers.{}.self_attn.q_proj": f"{layer}.attention.query",
        "layers.{}.self_attn.k_proj": f"{layer}.attention.key",
        "layers.{}.self_attn.v_proj": f"{layer}.attention.value",
        "layers.{}.self_attn.o_proj": f"{layer}.attention.dense",
        "layers.{}.input_layernorm": f"{layer}.attention.LayerNorm",
        "layers.{}.mlp.up_proj": f"{layer}.ffn",
        "layers.{}.mlp.down_proj": f"{layer}.ffn_output",
        "layers.{}.post_attention_layernorm": f"{layer}.full_layer_layer_norm",
        "transform.dense": "predictions.dense",
        "transform.norm": "predictions.LayerNorm",
    }
    bias, head = "predictions.bias", "predictions.decoder.weight"

    def is_of(self, config: ModelConfig) -> bool:
        """With embeddings of a width of their own, if only of the stream's."""
        return super().is_of(config) and config.d_embedding is not None

    def to_config(self, config: ModelConfig) -> Config:
        """One group of one layer."""
        return {**super().to_config(config), "num_hidden_groups": 1, "inner_group_num": 1}

    def from_config(self, config: Config) -> ModelConfig:
        """Of one group of one layer."""
        refuse(config, {"num_hidden_groups": 1, "inner_group_num": 1})
        return super().from_config({"hidden_act": "gelu_new", "embedding_size": 128, **config})


class Longformer(Bert):
    """A window on either side, and tokens that see all; positions begin after that of padding, as RoBERTa's do."""

    model_type, architecture = "longformer", "LongformerForMaskedLM"
    own: Config = {"window": "any", "global_tokens": True}  # noqa: RUF012
    names = {  # noqa: RUF012
        **{ours: f"longformer.embeddings.{theirs}" for ours, theirs in EMBEDDINGS.items()},
        **{f"layers.{{}}.{ours}": f"longformer.encoder.layer.{{}}.{theirs}" for ours, theirs in LAYER.items()},
        "layers.{}.self_attn.global_q_proj": "longformer.encoder.layer.{}.attention.self.query_global",
        "layers.{}.self_attn.global_k_proj": "longformer.encoder.layer.{}.attention.self.key_global",
        "layers.{}.self_attn.global_v_proj": "longformer.encoder.layer.{}.attention.self.value_global",
        "transform.dense": "lm_head.dense",
        "transform.norm": "lm_head.layer_norm",
    }
    bias, head = "lm_head.bias", "lm_head.decoder.weight"
    pad = 1
    """Id of padding: transformers counts positions past such tokens."""

    def to_config(self, config: ModelConfig) -> Config:
        """One window for all layers."""
        own: Config = {"attention_window": list[JsonValue]([config.window] * config.n_layers), "pad_token_id": self.pad}
        return {**super().to_config(config), "max_position_embeddings": config.context + self.pad + 1, **own}

    def from_config(self, config: Config) -> ModelConfig:
        """Of one window for all layers."""
        refuse(config, {"pad_token_id": self.pad})
        windows = config.get("attention_window", 512)
        several = cast("list[int]", windows if isinstance(windows, list) else [windows])
        if len(set(several)) > 1:
            raise ValueError(f"attention_window is {several}; expected one for all layers")
        context = cast("int", config["max_position_embeddings"]) - self.pad - 1
        return ModelConfig.model_validate({**self._shape(config), "context": context, "window": several[0]})

    def export(self, weights: Weights, config: ModelConfig) -> Weights:
        """Two positions before the first, of padding."""
        table = weights[POSITIONS]
        return super().export(
            {**weights, POSITIONS: torch.cat((table.new_zeros(self.pad + 1, table.shape[1]), table))}, config
        )

    def take(self, weights: Weights, config: ModelConfig) -> Weights:
        """Without those."""
        ours = super().take(weights, config)
        return {**ours, POSITIONS: ours[POSITIONS][self.pad + 1 :]}
