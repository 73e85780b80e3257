"""An exported run is opened by transformers alone, and says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoTokenizer

from smelt.core.shards import write_json
from smelt.errors import InputError
from smelt.models.config import ModelConfig
from smelt.models.huggingface import load, save
from smelt.models.stack import build_model
from smelt.runs.export import export_run
from smelt.tokens.tokenizer import encode, end_id, load_bpe, save_bpe, train_bpe

TEXTS = ["the cat sat on the mat and would not go", "猫坐在垫子上，不肯走", "It's 1234 o'clock <|end|>"]
SHAPE = {
    "context": 48, "n_layers": 2, "d_model": 32, "n_heads": 4, "n_kv_heads": 2, "head_dim": 8, "d_ff": 64, "tied": False
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Qwen3": {"qk_norm": True},
    "Mixtral": {"experts": {"n": 4, "top_k": 2}},
    "GPT-2": {
        "n_kv_heads": 4, "norm": "layer", "positions": "learned", "feed_forward": "gelu-tanh", "bias": True,
    },
}  # fmt: skip


def trained(folder: Path, kind: dict[str, Any]) -> Path:
    """A run's folder whose model is away from its start, with its tokenizer beside it."""
    folder.mkdir()
    bpe = train_bpe(TEXTS * 5, vocab=300)
    extra = kind.get("extra", 0)
    shape = {name: value for name, value in kind.items() if name != "extra"}
    config = ModelConfig.model_validate({**SHAPE, "vocab": bpe.get_vocab_size() + extra, **shape})
    model, generator = build_model(config, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    save(model, folder)
    save_bpe(bpe, folder / "tokenizer.json")
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_alone_generates_the_same_greedy_tokens(kind: str, tmp_path: Path) -> None:
    run, target = trained(tmp_path / "run", KINDS[kind]), tmp_path / "exported"
    export_run(run, target)
    theirs: Any = AutoModelForCausalLM.from_pretrained(target, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(target)
    ours, bpe = load(run).eval(), load_bpe(run / "tokenizer.json")
    for text in TEXTS[:2]:
        ids = [end_id(bpe), *encode(bpe, text)]
        assert tokenizer(text, add_special_tokens=False)["input_ids"] == ids[1:]
        prompt = torch.tensor([ids])
        found = theirs.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=16, min_new_tokens=16)
        said, end = list(ids), end_id(bpe)
        with torch.no_grad():
            for _ in range(16):
                logits = ours(torch.tensor([said]))[0, -1]
                logits[end] = -torch.inf  # as min_new_tokens asks
                said.append(int(logits.argmax()))
        assert found[0].tolist() == said


def test_what_cannot_be_exported_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    lonely = trained(tmp_path / "shared", {"experts": {"n": 4, "top_k": 1, "shared": 1}})
    with pytest.raises(InputError, match="transformers has no model of"):
        export_run(lonely, tmp_path / "a")
    run = trained(tmp_path / "run", {})
    with pytest.raises(InputError, match="is there and not empty"):
        export_run(run, lonely)
    save_bpe(train_bpe(TEXTS, vocab=260), run / "tokenizer.json")
    with pytest.raises(InputError, match="260 tokens, and the model"):
        export_run(run, tmp_path / "b")
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


def test_the_command_takes_a_folder_and_names_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from smelt.cli.export import export_model

    run = trained(tmp_path / "run", {})
    write_json(run / "run.json", {})
    export_model(str(run), to="hf", target=tmp_path / "out", store=tmp_path, as_json=True)
    names = [Path(file).name for file in json.loads(capsys.readouterr().out)]
    assert names == sorted(
        ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    )
    with pytest.raises(InputError, match="there is no 'gguf'; expected hf"):
        export_model(str(run), to="gguf", target=tmp_path / "other", store=tmp_path, as_json=False)


SQUARE = {"n_kv_heads": 4, "tied": True}
BERT = {
    **SQUARE, "kind": "encoder", "norm": "layer", "norm_place": "after", "positions": "learned", "bias": True,
    "feed_forward": "gelu", "embedding_norm": True, "token_types": 1, "head": "transform", "extra": 1,
}  # fmt: skip
T5 = {
    **SQUARE, "kind": "encoder-decoder", "positions": "t5", "feed_forward": "relu", "scaled_scores": False, "extra": 4
}  # fmt: skip


def test_an_encoder_goes_with_its_mask(tmp_path: Path) -> None:
    run, target = trained(tmp_path / "run", BERT), tmp_path / "exported"
    export_run(run, target)
    tokenizer: Any = AutoTokenizer.from_pretrained(target)
    theirs: Any = AutoModelForMaskedLM.from_pretrained(target, dtype=torch.float32)
    ids = tokenizer(f"the cat {tokenizer.mask_token} on the mat", return_tensors="pt")["input_ids"]
    assert tokenizer.mask_token_id == theirs.config.vocab_size - 1
    assert (ids == tokenizer.mask_token_id).sum() == 1
    with torch.no_grad():
        torch.testing.assert_close(load(run).eval()(ids), theirs(ids).logits, atol=1e-4, rtol=0)


def test_an_encoder_decoder_starts_as_it_was_trained(tmp_path: Path) -> None:
    run, target = trained(tmp_path / "run", T5), tmp_path / "exported"
    export_run(run, target)
    theirs: Any = AutoModelForSeq2SeqLM.from_pretrained(target, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(target)
    start = load_bpe(run / "tokenizer.json").get_vocab_size()
    assert theirs.config.decoder_start_token_id == tokenizer.convert_tokens_to_ids("<|start|>") == start
    assert tokenizer.convert_tokens_to_ids("<|span-0|>") == start + 1
    source = tokenizer("the cat sat", return_tensors="pt")["input_ids"]
    said = theirs.generate(source, max_new_tokens=6, min_new_tokens=6, do_sample=False)[0].tolist()
    ours, written = load(run).eval(), [start]
    end = end_id(load_bpe(run / "tokenizer.json"))
    for _ in range(6):
        with torch.no_grad():
            scores = ours(torch.tensor([written]), source)[0, -1]
        scores[end] = -torch.inf  # theirs may not end before the sixth
        written.append(int(scores.argmax()))
    assert said == written


def test_a_model_with_the_head_of_a_task_is_not_exported_without_it(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", BERT)
    write_json(run / "head.json", {"n": 2, "of": "text"})
    with pytest.raises(InputError, match="ends in the head of a task"):
        export_run(run, tmp_path / "exported")
