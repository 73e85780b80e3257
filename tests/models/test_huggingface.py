"""Logits equal those of transformers, which reads what is written here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pydantic import JsonValue
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
    PreTrainedModel,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from smelt.core.shards import write_json
from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.huggingface import load, save, to_weights
from smelt.models.stack import Decoder

COMMON = {"vocab": 60, "context": 32, "n_layers": 2, "d_model": 32, "n_heads": 4, "d_ff": 88}
SHAPES: dict[str, dict[str, object]] = {
    "Llama, tied": {"n_kv_heads": 4, "head_dim": 8, "tied": True},
    "Llama, untied, grouped": {"n_kv_heads": 2, "head_dim": 8, "tied": False, "rope_theta": 5e5, "norm_eps": 1e-5},
    "Llama 3.1": {
        "n_kv_heads": 2, "head_dim": 8,
        "rope_scaling": {"kind": "llama3", "factor": 8.0, "trained_context": 12, "low": 1.0, "high": 4.0},
    },
    "Llama, linear": {"n_kv_heads": 2, "head_dim": 8, "rope_scaling": {"kind": "linear", "factor": 2.0}},
    "Qwen3, wide heads, grouped": {"n_kv_heads": 2, "head_dim": 16, "tied": True, "qk_norm": True},
    "GPT2": {
        "n_kv_heads": 4, "head_dim": 8, "norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh",
        "bias": True, "norm_eps": 1e-5,
    },
    "Mixtral": {"n_kv_heads": 2, "head_dim": 8, "tied": False, "experts": {"n": 6, "top_k": 2}},
    "Olmoe": {
        "n_kv_heads": 2, "head_dim": 8, "tied": False, "qk_norm": True, "qk_norm_over": "all",
        "experts": {"n": 8, "top_k": 3, "normalised": False},
    },
}  # fmt: skip
GPT2_CLASS = "GPT2LMHeadModel"
"""The others' are `...ForCausalLM`."""
TOKENS = torch.randint(0, 60, (3, 32), generator=torch.Generator().manual_seed(1))


def drawn(config: ModelConfig) -> Decoder:
    """A model whose every weight, gains and zero matrices too, is away from its start."""
    model = Decoder(config, torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return model


@pytest.mark.parametrize("name", SHAPES)
def test_transformers_loads_a_saved_model_and_gives_its_logits(name: str, tmp_path: Path) -> None:
    shape, kind = SHAPES[name], name.split(",")[0].split()[0]
    model = drawn(ModelConfig.model_validate(COMMON | shape))
    save(model, tmp_path)
    theirs, report = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True, dtype=torch.float32)
    assert type(theirs).__name__ == (GPT2_CLASS if kind == "GPT2" else f"{kind}ForCausalLM")
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.no_grad():
        torch.testing.assert_close(model(TOKENS), theirs(TOKENS).logits, atol=1e-4, rtol=0)


SIZES = {
    "vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32,
}  # fmt: skip
PLAIN = {"rope_type": "default", "rope_theta": 2e4}
LLAMA_31 = {
    "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip
EXPERTS = {**SIZES, "num_experts_per_tok": 3, "rope_parameters": PLAIN}
THEIRS: dict[str, Callable[[], PreTrainedModel]] = {
    "Llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=PLAIN)),
    "Llama, tied": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=True, rope_parameters=PLAIN)),
    "Llama 3.1": lambda: LlamaForCausalLM(LlamaConfig(**SIZES, rope_parameters=LLAMA_31)),
    "Qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SIZES, head_dim=16, rope_parameters=PLAIN)),
    "GPT-2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=60, n_positions=32, n_embd=32, n_layer=2, n_head=4)),
    "Mixtral": lambda: MixtralForCausalLM(MixtralConfig(**EXPERTS, num_local_experts=5, sliding_window=None)),
    "OLMoE": lambda: OlmoeForCausalLM(OlmoeConfig(**EXPERTS, num_experts=6)),
    "OLMoE, normalised": lambda: OlmoeForCausalLM(OlmoeConfig(**EXPERTS, num_experts=6, norm_topk_prob=True)),
}


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("shards", ["one file", "shards"])
def test_a_model_of_transformers_is_loaded_and_gives_its_logits(name: str, shards: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = THEIRS[name]().eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.2)
    theirs.save_pretrained(tmp_path, max_shard_size="10KB" if shards == "shards" else "1GB")
    assert (tmp_path / "model.safetensors.index.json").exists() == (shards == "shards")
    with torch.no_grad():
        torch.testing.assert_close(load(tmp_path)(TOKENS), theirs(TOKENS).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_saved_model_comes_back_the_same(shape: dict[str, object], tmp_path: Path) -> None:
    model = drawn(ModelConfig.model_validate(COMMON | shape))
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.config == model.config
    assert all(torch.equal(weight, to_weights(again)[name]) for name, weight in to_weights(model).items())


LLAMA: dict[str, JsonValue] = {"model_type": "llama", **SIZES, "rms_norm_eps": 1e-6}


def test_a_folder_whose_weights_do_not_fit_says_which(tmp_path: Path) -> None:
    save(drawn(ModelConfig.model_validate(COMMON | SHAPES["Mixtral"])), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    write_json(tmp_path / "config.json", config | {"vocab_size": 61})
    with pytest.raises(InputError, match=r"embed_tokens.weight is \(60, 32\), and config.json says \(61, 32\)"):
        load(tmp_path)
    write_json(tmp_path / "config.json", config | {"num_local_experts": 7})
    with pytest.raises(InputError, match=r"lacks the weight model.layers.0.block_sparse_moe.experts.6.w1.weight"):
        load(tmp_path)


@pytest.mark.parametrize(
    "shape",
    [
        {"norm": "layer"},
        {"positions": "learned", "feed_forward": "relu"},
        {"experts": {"n": 4, "top_k": 1, "shared": 1}},
        {"qk_norm": True, "qk_norm_over": "all"},
    ],
)
def test_a_shape_that_transformers_has_not_comes_back_the_same(shape: dict[str, object], tmp_path: Path) -> None:
    model = drawn(ModelConfig.model_validate(COMMON | {"n_kv_heads": 4, "head_dim": 8} | shape))
    save(model, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "smelt"
    again = load(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(TOKENS), model(TOKENS))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gptj"}, "'gptj'; expected llama, qwen3, .* marian or smelt"),
        (LLAMA | {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "of type 'yarn'"),
        (LLAMA | {"attention_bias": True}, "attention_bias is True; expected False"),
        (LLAMA | {"num_key_value_heads": 3}, "n_heads 4 is not a multiple of n_kv_heads 3"),
        ({"model_type": "llama"}, "lacks 'num_attention_heads'"),
    ],
)
def test_a_model_that_would_be_read_wrongly_is_refused(config: JsonValue, message: str, tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", config)
    with pytest.raises(InputError, match=message):
        load(tmp_path)
