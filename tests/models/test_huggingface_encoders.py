"""Encoders, and encoders with decoders, have the logits of transformers, both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    BertConfig,
    BertForMaskedLM,
    LongformerConfig,
    LongformerForMaskedLM,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
    SwitchTransformersConfig,
    SwitchTransformersForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.huggingface import load, save, to_weights
from smelt.models.masks import Mask
from smelt.models.stack import Encoder, EncoderDecoder, Model, build_model

SIZES = {
    "vocab": 60,
    "context": 32,
    "n_layers": 2,
    "d_model": 32,
    "n_heads": 4,
    "n_kv_heads": 4,
    "head_dim": 8,
    "d_ff": 48,
}
BERT = {
    "kind": "encoder", "norm": "layer", "norm_place": "after", "positions": "learned", "feed_forward": "gelu",
    "bias": True, "embedding_norm": True, "token_types": 2, "head": "transform", "norm_eps": 1e-12,
}  # fmt: skip
T5 = {"kind": "encoder-decoder", "positions": "t5", "feed_forward": "relu", "scaled_scores": False, "scaled_head": True}
MARIAN = {
    "kind": "encoder-decoder", "norm": "layer", "norm_place": "after", "positions": "sinusoidal", "bias": True,
    "feed_forward": "silu", "scaled_embedding": True, "head_bias": True, "norm_eps": 1e-5,
}  # fmt: skip
SWITCH = {"experts": {"n": 4, "top_k": 1, "normalised": False, "capacity": 5, "every": 2}}
SHAPES: dict[str, dict[str, object]] = {
    "BertForMaskedLM": BERT,
    "BertForMaskedLM, untied": BERT | {"tied": False},
    "AlbertForMaskedLM": BERT | {"shared_layers": True, "d_embedding": 12, "feed_forward": "gelu-tanh", "n_layers": 3},
    "LongformerForMaskedLM": BERT | {"window": 8, "global_tokens": True, "token_types": 1},
    "T5ForConditionalGeneration": T5 | {"n_decoder_layers": 3},
    "T5ForConditionalGeneration, 1.1": T5 | {"feed_forward": "geglu", "tied": False, "scaled_head": False},
    "SwitchTransformersForConditionalGeneration": T5 | SWITCH,
    "MarianMTModel": MARIAN,
    "MarianMTModel, shallow decoder": MARIAN | {"n_decoder_layers": 1, "feed_forward": "relu"},
}
GENERATOR = torch.Generator().manual_seed(1)
TOKENS = torch.randint(2, 60, (3, 32), generator=GENERATOR)
SOURCE = torch.randint(2, 60, (3, 24), generator=GENERATOR)
PADDING = torch.arange(24) < torch.tensor([[24], [17], [9]])


def drawn(shape: dict[str, object]) -> Model:
    """A model whose every weight, gains and zero matrices too, is away from its start."""
    model = build_model(ModelConfig.model_validate(SIZES | shape), torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return model.eval()


@torch.no_grad()
def both_logits(ours: Model, theirs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Of rows of several lengths, where there is a token; a Longformer has global tokens."""
    attended = PADDING.long()
    if isinstance(ours, EncoderDecoder):
        found = theirs(input_ids=SOURCE, attention_mask=attended, decoder_input_ids=TOKENS).logits
        return ours(TOKENS, SOURCE, PADDING), found
    assert isinstance(ours, Encoder)
    if ours.config.global_tokens:
        chosen = torch.zeros_like(PADDING)
        chosen[:, 0] = chosen[0, 7] = True
        found = theirs(input_ids=SOURCE, attention_mask=attended, global_attention_mask=chosen.long()).logits
        return ours(SOURCE, Mask(padding=PADDING, global_tokens=chosen))[PADDING], found[PADDING]
    types = torch.arange(24).expand(3, -1) // 12 % ours.config.token_types
    found = theirs(input_ids=SOURCE, attention_mask=attended, token_type_ids=types).logits
    return ours(SOURCE, Mask(padding=PADDING), types)[PADDING], found[PADDING]


@pytest.mark.parametrize("name", SHAPES)
def test_transformers_loads_a_saved_model_and_gives_its_logits(name: str, tmp_path: Path) -> None:
    model = drawn(SHAPES[name])
    save(model, tmp_path)
    auto = AutoModelForMaskedLM if model.config.kind == "encoder" else AutoModelForSeq2SeqLM
    theirs, report = auto.from_pretrained(tmp_path, output_loading_info=True, dtype=torch.float32)
    assert type(theirs).__name__ == name.partition(",")[0]
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    torch.testing.assert_close(*both_logits(model, theirs), atol=1e-4, rtol=0)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_saved_model_comes_back_the_same(shape: dict[str, object], tmp_path: Path) -> None:
    model = drawn(shape)
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.config == model.config
    assert all(torch.equal(weight, to_weights(again)[name]) for name, weight in to_weights(model).items())


ENCODER = {
    "vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 40,
}  # fmt: skip
SEQ2SEQ = {"vocab_size": 60, "d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 4}
TRANSLATION = {
    "vocab_size": 60, "d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 4,
    "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 40,
    "pad_token_id": 59, "decoder_start_token_id": 59, "eos_token_id": 0,
}  # fmt: skip
THEIRS: dict[str, Callable[[], PreTrainedModel]] = {
    "BERT": lambda: BertForMaskedLM(BertConfig(**ENCODER)),
    "ALBERT": lambda: AlbertForMaskedLM(AlbertConfig(**ENCODER, embedding_size=16)),
    "Longformer": lambda: LongformerForMaskedLM(
        LongformerConfig(**ENCODER, attention_window=[6, 6], type_vocab_size=1, pad_token_id=1)
    ),
    "T5": lambda: T5ForConditionalGeneration(T5Config(**SEQ2SEQ)),
    "T5 1.1": lambda: T5ForConditionalGeneration(
        T5Config(**SEQ2SEQ, feed_forward_proj="gated-gelu", tie_word_embeddings=False, num_decoder_layers=1)
    ),
    "Switch": lambda: SwitchTransformersForConditionalGeneration(
        SwitchTransformersConfig(
            **SEQ2SEQ, num_experts=4, expert_capacity=6, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1,
            router_jitter_noise=0.0, num_decoder_layers=2,
        )
    ),
    "Marian": lambda: MarianMTModel(MarianConfig(**TRANSLATION, activation_function="swish", scale_embedding=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("shards", ["one file", "shards"])
def test_a_model_of_transformers_is_loaded_and_gives_its_logits(name: str, shards: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = THEIRS[name]().eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            if parameter.requires_grad:  # Marian's waves are none to learn
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    theirs.save_pretrained(tmp_path, max_shard_size="10KB" if shards == "shards" else "1GB")
    assert (tmp_path / "model.safetensors.index.json").exists() == (shards == "shards")
    torch.testing.assert_close(*both_logits(load(tmp_path).eval(), theirs), atol=1e-4, rtol=0)


def test_what_smelt_cannot_compute_is_refused(tmp_path: Path) -> None:
    BertConfig(**ENCODER, hidden_act="tanh").save_pretrained(tmp_path)
    with pytest.raises(InputError, match="hidden_act is 'tanh'; expected one of gelu"):
        load(tmp_path)
    T5Config(**SEQ2SEQ, relative_attention_num_buckets=16).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="relative_attention_num_buckets is 16; expected 32"):
        load(tmp_path)
    LongformerConfig(**ENCODER, attention_window=[4, 8], pad_token_id=1).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"attention_window is \[4, 8\]; expected one for all layers"):
        load(tmp_path)
