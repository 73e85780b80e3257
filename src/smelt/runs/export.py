"""A trained run as a folder that transformers opens by itself: weights, configuration and tokenizer in one place."""

from __future__ import annotations

import shutil
from pathlib import Path

from pydantic import JsonValue

from smelt.core.shards import write_json
from smelt.errors import InputError
from smelt.models.huggingface import CONFIG, load, save
from smelt.models.huggingface.folder import family_of, to_config
from smelt.models.huggingface.own import Own
from smelt.runs.scorer import TOKENIZER, find_tokenizer
from smelt.tokens.tokenizer import END, end_id, load_bpe

TOKENIZER_CONFIG, GENERATION = "tokenizer_config.json", "generation_config.json"


def export_run(folder: Path, target: Path) -> list[Path]:
    """Writes the model and its tokenizer into `target`; gives the files.

    Text starts after `END`, as in training, and ends with it. InputError where transformers has no such model, where
    the tokenizer is not to be found or has another vocabulary, and where `target` holds something else.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(where=str(target), what="is there and not empty", expected="a new folder")
    model, tokenizer = load(folder), find_tokenizer(folder)
    if isinstance(family_of(model.config), Own):
        what = "has a shape that transformers has no model of"
        raise InputError(
            where=str(folder), what=what, expected="one of Llama's, Qwen3's, GPT-2's, Mixtral's or OLMoE's"
        )
    bpe = load_bpe(tokenizer)
    if bpe.get_vocab_size() != model.config.vocab:
        what = f"has {bpe.get_vocab_size():,} tokens, and the model {model.config.vocab:,}"
        raise InputError(where=str(tokenizer), what=what, expected="the tokenizer that it was trained with")
    end = end_id(bpe)
    ends: dict[str, int] = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    target.mkdir(parents=True, exist_ok=True)
    save(model, target)
    write_json(target / CONFIG, {**to_config(model.config), **ends})
    write_json(target / GENERATION, {**ends, "do_sample": False})
    shutil.copyfile(tokenizer, target / TOKENIZER)
    write_json(target / TOKENIZER_CONFIG, _tokenizer_config(model.config.context))
    return sorted(target.iterdir())


def _tokenizer_config(context: int) -> dict[str, JsonValue]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "pad_token": END,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
