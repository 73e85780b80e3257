"""A tokenizer that stands in a file, for counting and comparing: any that Hugging Face `tokenizers` can load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, cast

from tokenizers import Tokenizer

from smelt.errors import InputError


class Loaded(NamedTuple):
    """A tokenizer, and the id of what it does not know."""

    tokenizer: Tokenizer
    unknown: int | None


def load_tokenizer(path: Path) -> Loaded:
    """The tokenizer of a file; special tokens spelled out in a text stay text. `InputError` where it is none."""
    try:
        described = cast("dict[str, Any]", json.loads(path.read_bytes()))
        tokenizer = Tokenizer.from_file(str(path))
        unknown = described["model"].get("unk_id")
        named = described["model"].get("unk_token")
    except Exception as error:  # `tokenizers` raises no narrower one
        raise InputError(
            where=str(path),
            what=f"is no tokenizer: {error}",
            expected="a tokenizer.json of Hugging Face tokenizers, as smelt's step train-tokenizer writes it",
        ) from error
    tokenizer.encode_special_tokens = True
    tokenizer.no_truncation()  # a file may ask for texts to be cut to what a model reads, or filled up to it
    tokenizer.no_padding()
    return Loaded(tokenizer, tokenizer.token_to_id(named) if named else unknown)
