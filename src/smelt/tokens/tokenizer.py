"""Text to token ids and back: a byte-level BPE (Sennrich et al. 2016; Radford et al. 2019), and its artifact.

Any text survives the round trip, `decode(encode(x)) == x`: all 256 bytes are in the vocabulary and nothing is
normalised. Text that happens to read `<|end|>` is encoded as those seven characters, never as the token, so
a document cannot end itself. Training and the file format are Hugging Face `tokenizers`'.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import polars as pl
import tokenizers
import xxhash
from tokenizers import decoders, models, pre_tokenizers, trainers

from smelt.core.artifact import Artifact
from smelt.core.shards import write_whole
from smelt.errors import InputError

TOKENIZER = "tokenizer.json"
"""The file's name, as Hugging Face has it."""
END = "<|end|>"
"""The one special token: closes every document."""
BYTE_VALUES = 256
SMALLEST_VOCAB = BYTE_VALUES + 1
"""Every byte, and `END`."""

SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Where a text may be cut before merging: GPT-4's pattern (`cl100k_base` in OpenAI's tiktoken, MIT). A word takes
its space along, digits go in threes, and a Chinese clause is one piece, within which any merge is possible."""

PIECE_CHARACTERS = 1_000_000
"""A longer text is encoded piece by piece: `tokenizers` takes about 100 bytes of memory a byte of text (measured
on 11 MB of English and Chinese)."""

_PIECE_END = re.compile(r"\n(?=\w)")
"""Where `SPLIT` always cuts and looks no further back: pieces have the ids of the whole."""


def train_bpe(texts: Iterable[str], *, vocab: int) -> tokenizers.Tokenizer:
    """A byte-level BPE of at most `vocab` tokens; fewer where the texts have no more pairs to merge.

    The order of the texts does not matter, nor does the number of threads.
    """
    bpe = tokenizers.Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(tokenizers.Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, initial_alphabet=alphabet, special_tokens=[END], show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    return bpe


def save_bpe(bpe: tokenizers.Tokenizer, path: Path) -> None:
    """Writes `tokenizer.json`, whole."""
    with write_whole(path) as temporary:
        bpe.save(str(temporary))


def load_bpe(path: Path) -> tokenizers.Tokenizer:
    """The tokenizer of a `tokenizer.json`; special tokens spelled out in a text stay text."""
    bpe = tokenizers.Tokenizer.from_file(str(path))
    bpe.encode_special_tokens = True
    return bpe


def end_id(bpe: tokenizers.Tokenizer) -> int:
    """The id of `END`; `InputError` where a tokenizer that smelt did not train has none."""
    found = bpe.token_to_id(END)
    if found is None:
        raise InputError(
            where="tokenizer",
            what=f"has no token {END}, with which documents end",
            expected="one that smelt trained",
            do='train it in the recipe: step = "train-tokenizer"; others can count tokens for mix, and no more',
        )
    return found


def encode(bpe: tokenizers.Tokenizer, text: str) -> list[int]:
    """The ids of a text, without `END`. About 2 MB/s on one core."""
    # A batch of one: only the batch call has a variant that does not keep track of offsets, which is 1.2x as fast.
    pieces = (bpe.encode_batch_fast([piece], add_special_tokens=False)[0] for piece in _pieces(text))
    return [token for piece in pieces for token in piece.ids]


def decode(bpe: tokenizers.Tokenizer, ids: Sequence[int]) -> str:
    """The text of ids; `END` reads `<|end|>`."""
    return bpe.decode(list(ids), skip_special_tokens=False)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while cut := _PIECE_END.search(text, start + PIECE_CHARACTERS):
        yield text[start : cut.end()]
        start = cut.end()
    yield text[start:]


def choose_sample(documents: pl.DataFrame, *, sample_bytes: int) -> pl.DataFrame:
    """Of documents (`id`, `n_bytes`), those to train on, with `take_bytes`, how much of each: `sample_bytes` in all.

    They are taken in the order of a hash of their ids, the last one in part: which ones does not depend on the
    order they come in, so it does not depend on shards.
    """
    hashes = [xxhash.xxh3_64_intdigest(name.encode()) for name in documents["id"].to_list()]
    hashed = documents.with_columns(pl.Series("hash", hashes, dtype=pl.UInt64)).sort("hash", "id")
    n_bytes = pl.col("n_bytes").cast(pl.Int64)  # lengths come unsigned, and what is left goes below zero
    left = sample_bytes - (n_bytes.cum_sum() - n_bytes)
    taken = hashed.with_columns(take_bytes=pl.min_horizontal(n_bytes, left))
    return taken.filter(pl.col("take_bytes") > 0).select("id", "take_bytes")


def cut_bytes(text: str, n_bytes: int) -> str:
    """The start of a text, at most `n_bytes` of UTF-8 and never half a character."""
    return text.encode()[:n_bytes].decode(errors="ignore")


class Tokenizer(Artifact):
    """A trained tokenizer: `tokenizer.json`, which Hugging Face `tokenizers` and `transformers` can load."""

    kind: ClassVar[str] = "tokenizer"

    @property
    def path(self) -> Path:
        """Where `tokenizer.json` is."""
        return self.folder / TOKENIZER

    @cached_property
    def bpe(self) -> tokenizers.Tokenizer:
        """The tokenizer itself."""
        return load_bpe(self.path)

    @property
    def vocab(self) -> int:
        """The number of tokens, `END` included."""
        return self.bpe.get_vocab_size()

    @property
    def end(self) -> int:
        """The id of `END`."""
        return end_id(self.bpe)

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without `END`."""
        return encode(self.bpe, text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        return decode(self.bpe, ids)
