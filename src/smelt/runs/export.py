"""A trained run as a folder that transformers opens by itself: weights, configuration and tokenizer in one place."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from smelt.core.shards import write_json
from smelt.errors import InputError
from smelt.models.architecture import Kind
from smelt.models.huggingface import CONFIG, load, save
from smelt.models.huggingface.folder import family_of, known_families, to_config
from smelt.models.huggingface.own import Own
from smelt.runs.run import TASK_HEAD
from smelt.runs.scorer import TOKENIZER, find_tokenizer
from smelt.tokens.tokenizer import END, end_id, load_bpe, save_bpe

MASK = "<|mask|>"
TOKENIZER_CONFIG, GENERATION = "tokenizer_config.json", "generation_config.json"


def export_run(folder: Path, target: Path) -> list[Path]:
    """Writes the model and its tokenizer into `target`; gives the files.

    Text starts after `END`, as in training, and ends with it. InputError where transformers has no such model, where
    the tokenizer is not to be found or has another vocabulary, and where `target` holds something else.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(where=str(target), what="is there and not empty", expected="a new folder")
    model, tokenizer = load(folder), find_tokenizer(folder)
    if (folder / TASK_HEAD).is_file():
        what = "ends in the head of a task, which the classes of token models have not"
        raise InputError(where=str(folder), what=what, expected="a model of tokens", do="export the run it began with")
    if isinstance(family_of(model.config), Own):
        what = "has a shape that transformers has no model of"
        raise InputError(where=str(folder), what=what, expected="one of " + ", ".join(known_families()))
    bpe = load_bpe(tokenizer)
    extra = model.config.vocab - bpe.get_vocab_size()
    if extra < 0 or (extra and model.config.kind == "decoder"):
        what = f"has {bpe.get_vocab_size():,} tokens, and the model {model.config.vocab:,}"
        raise InputError(where=str(tokenizer), what=what, expected="the tokenizer that it was trained with")
    names = special_names(model.config.kind, extra)
    bpe.add_special_tokens(names)
    end = end_id(bpe)
    ends: dict[str, int] = {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    if model.config.kind == "encoder-decoder":
        ends["decoder_start_token_id"] = model.config.vocab - extra if extra else end
    target.mkdir(parents=True, exist_ok=True)
    save(model, target)
    write_json(target / CONFIG, {**to_config(model.config), **ends})
    write_json(target / GENERATION, {**ends, "do_sample": False})
    save_bpe(bpe, target / TOKENIZER)
    write_json(target / TOKENIZER_CONFIG, _tokenizer_config(model.config.context, mask=MASK in names))
    return sorted(target.iterdir())


def special_names(kind: Kind, extra: int) -> list[str]:
    """What the ids behind those of the tokenizer are called: an encoder's mask, a decoder's start and the signs of what
    was cut out of its source (`objective`)."""
    if kind == "encoder":
        return [MASK, *(f"<|extra-{i}|>" for i in range(extra - 1))][:extra]
    return ["<|start|>", *(f"<|span-{i}|>" for i in range(extra - 1))][:extra]


def _tokenizer_config(context: int, *, mask: bool) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "pad_token": END,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    return {**found, "mask_token": MASK} if mask else found
