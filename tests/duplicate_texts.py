"""What the tests of deduplication share: texts that have much in common, and corpora of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from smelt.core.store import Store
from smelt.core.work import Inline
from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates.steps import Dedup
from smelt.corpus.steps import Read
from smelt.tokens.steps import ExistingTokenizer
from smelt.tokens.tokenizer import save_bpe, train_bpe

METHODS = ("exact", "near", "lines", "paragraphs", "substring")
Row = dict[str, Any]


WAYS = (*METHODS, "tokens")
"""The methods, and substrings of tokens."""


def way(folder: Path, name: str) -> dict[str, Any]:
    """The settings of one of WAYS."""
    if name != "tokens":
        return {"method": name}
    save_bpe(train_bpe([" ".join(prose(random.Random(0)))], vocab=300), folder / "tokenizer.json")
    tokenizer = ExistingTokenizer(path=str(folder))
    return {"method": "substring", "unit": "tokens", "tokenizer": tokenizer}


def prose(chance: random.Random, n_words: int = 120) -> list[str]:
    return ["".join(chance.choices("abcdefghijklmnop", k=chance.randrange(2, 9))) for _ in range(n_words)]


def family(chance: random.Random, size: int) -> list[str]:
    """A text and versions of it with one word replaced: .92 of their shingles are the text's own."""
    trunk = prose(chance)
    return [" ".join([*trunk[:10], f"version{n}", *trunk[11:]]) if n else " ".join(trunk) for n in range(size)]


def read(folder: Path, name: str, rows: Sequence[Row], *, shard_bytes: int = 1 << 26) -> Read:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Read(paths=path, identify="content", shard_bytes=shard_bytes)


def make(folder: Path, name: str, rows: Sequence[Row], **settings: Any) -> Corpus:
    return Store(folder / "store", runner=Inline()).make(dedup(folder, name, rows, **settings))


def dedup(folder: Path, name: str, rows: Sequence[Row], *, shard_bytes: int = 1 << 26, **settings: Any) -> Dedup:
    return Dedup.model_validate({"corpus": read(folder, name, rows, shard_bytes=shard_bytes), **settings})


def texts(corpus: Corpus) -> list[str]:
    return corpus.kept().collect()["text"].to_list()


def reasons(corpus: Corpus) -> dict[str, str]:
    rows = corpus.dropped().collect().to_dicts()
    return {row["id"]: row["drop"]["reason"] for row in rows}


def families(seed: int, sizes: Sequence[tuple[int, int]]) -> tuple[list[Row], list[Row]]:
    """Rows of two corpora: of each family so many in one and so many in the other."""
    chance = random.Random(seed)
    one: list[Row] = []
    other: list[Row] = []
    for a, b in sizes:
        rows = [{"text": text, "date": f"20{chance.randrange(10, 25)}"} for text in family(chance, a + b)]
        chance.shuffle(rows)
        one, other = one + rows[:a], other + rows[a:]
    chance.shuffle(other)
    return one, other


def mixture() -> list[Row]:
    """Copies, versions, repeated lines, paragraphs and stretches."""
    chance = random.Random(14)
    rows = [
        {"text": text, "url": f"http://e.org/{chance.randrange(60)}"} for _ in range(25) for text in family(chance, 3)
    ]
    footers = [" ".join(prose(chance, 40)) for _ in range(3)]
    rows += [{"text": f"{' '.join(prose(chance))}\n\n{chance.choice(footers)}\n\n{n}"} for n in range(60)]
    rows += [dict(row) for row in rows[::9]]
    chance.shuffle(rows)
    return rows


def read_texts(folder: Path, name: str, rows: Sequence[str], *, shard_bytes: int = 1 << 26) -> Read:
    return read(folder, name, [{"text": text} for text in rows], shard_bytes=shard_bytes)


def spans_of(corpus: Corpus) -> list[list[tuple[int, int]]]:
    """What was cut out of each document, kept or not, in their order."""
    both = pl.concat([corpus.kept(["id", "spans"]), corpus.dropped().select("id", "spans")]).collect()
    order = both.with_columns(n=pl.col("id").str.extract(r"#(\d+)$").cast(pl.Int64)).sort("n")
    return [[(span["start"], span["end"]) for span in spans] for spans in order["spans"].to_list()]
