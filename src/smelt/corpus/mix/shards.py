"""Mixing shard by shard, so that no worker holds more than a shard, and the join no more than sums.

    count    a shard   the key, group and size of every document that may be drawn, to scratch
    join     all       sums by group and range of keys; of the one range in which a group's draw ends, its documents
    select   a shard   documents drawn, a file for each pass; the others dropped

Documents that are held out are not drawn: they all come along, once, whatever weights, windows and limits say, so that
models trained on different mixtures are judged on the same documents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl
import xxhash
from pydantic import JsonValue

from smelt.core.shards import write_whole
from smelt.corpus.corpus import read_shard, scan_shards, write_shard
from smelt.corpus.document import DROP, drop_where, field_of, is_kept
from smelt.corpus.ledger import Amount, Entry, entry_of
from smelt.corpus.mix.plan import Draw, last_key, whole_passes
from smelt.errors import InputError

if TYPE_CHECKING:
    from tokenizers import Encoding

Unit = Literal["tokens", "bytes", "documents"]
UNKNOWN = "(not said)"
"""The group of documents that say nothing, as in datasheets."""
RANGE_BITS = 12
"""Keys are summed by their first 12 bits: of the 4,096th part in which a draw ends, the documents are read (taste)."""
PARTITION_KEYS = 4_000_000
"""Keys compared at a time, about, when ids are checked: some 300 MB."""
COUNTED = 64
"""Documents whose tokens are counted at a time: a hundred bytes of memory go with each byte of text (tokens room)."""
MAX_KEY = 2**64
N_BYTES = pl.col("text").str.len_bytes().cast(pl.Int64)
"""Of a text as UTF-8; as wide as sums need it."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which documents may be drawn at all."""

    since: str | None = None
    until: str | None = None
    domains: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """How documents are grouped, ordered and sized."""

    by: tuple[str, ...]
    unit: Unit
    seed: int
    window: Window
    tokenizer: Path | None = None
    """Counts tokens; without it, a document's size in tokens is its size in bytes, scaled later."""


def count_shard(shard: Path, *, drawing: Drawing, scratch: Path) -> JsonValue:
    """Writes what documents are drawn by; gives documents, bytes and size by group, those held out, and all."""
    documents = read_shard(shard).with_columns(drop=pl.lit(None, DROP))
    _check_passes(documents, shard)
    marked = _marked(documents, drawing)
    sized = marked.filter(is_kept() & ~pl.col("_held_out")).with_columns(_size=_sizes(drawing))
    with write_whole(keys_file(shard, scratch)) as path:
        sized.select(key="_key", group="_group", size="_size", id="id").sort("key", "id").write_parquet(path)
    sums = sized.group_by("_group").agg(pl.len(), N_BYTES.sum(), pl.col("_size").sum()).sort("_group")
    held_out = marked.filter("_held_out").select(pl.len(), N_BYTES.sum()).row(0)
    return {
        "groups": {group: list(numbers) for group, *numbers in sums.iter_rows()},
        "held_out": list(held_out),
        "read": list(documents.select(pl.len(), N_BYTES.sum()).row(0)),
    }


def keys_file(shard: Path, scratch: Path) -> Path:
    """Where the keys of a shard are."""
    return scratch / f"{shard.parent.parent.name}-{shard.stem}.keys.parquet"


def join_keys(keys: Sequence[Path], amounts: Mapping[str, float], available: Mapping[str, int]) -> dict[str, Draw]:
    """What is drawn of each group, from the files of all shards."""
    check_ids(keys)
    passes = {group: whole_passes(amount, available[group]) for group, amount in amounts.items()}
    ends = _last_keys(keys, {group: rest for group, (_, rest) in passes.items() if rest > 0})
    return {group: Draw(n, ends.get(group)) for group, (n, _) in passes.items()}


def check_ids(keys: Sequence[Path]) -> None:
    """Raises `InputError` where two documents go by one id: no draw and no trace could tell them apart."""
    every = scan_shards(keys)
    n = int(every.select(pl.len()).collect().item())
    n_partitions = 1 + n // PARTITION_KEYS
    for partition in range(n_partitions):
        low, high = (MAX_KEY * edge // n_partitions for edge in (partition, partition + 1))
        inside = pl.col("key").is_between(pl.lit(low, pl.UInt64), pl.lit(high - 1, pl.UInt64))
        ids = every.filter(inside).select("id").filter(pl.col("id").is_duplicated()).head(1).collect()["id"]
        if len(ids):
            raise InputError(
                where="mix",
                what=f"two documents go by the id {ids[0]!r}",
                expected="corpora that share no document",
                do="leave out the corpus that holds part of another, or rename one of two files of one name",
            )


def select_shard(
    item: tuple[int, Path],
    *,
    drawing: Drawing,
    draws: Mapping[str, Draw],
    schema: pl.Schema,
    n_shards: int,
    scratch: Path,
    folder: Path,
) -> JsonValue:
    """Writes a shard's part of every pass; gives its ledger, and documents, bytes and size taken by group.

    Pass after pass, and in each the documents in their order: file p x n_shards + number holds the p-th pass.
    """
    number, shard = item
    documents = read_shard(shard).with_columns(drop=pl.lit(None, DROP))
    sizes = read_shard(keys_file(shard, scratch), ["id", "size"])
    marked = _drawn(_marked(documents, drawing), draws).join(sizes, on="id", how="left", maintain_order="left")
    for turn in range(max([1, *(draw.most for draw in draws.values())])):
        here = marked.filter((pl.col("copies") > turn) | (~is_kept() if turn == 0 else pl.lit(False)))
        write_shard(folder, f"{turn * n_shards + number:05d}", _conformed(here.with_columns(epoch=turn), schema))
    return {"ledger": [_entry(documents, marked).model_dump(mode="json")], "taken": _taken(marked)}


def common_schema(corpora: Sequence[pl.Schema], *, with_split: bool) -> pl.Schema:
    """The columns of the mixture: all that the corpora have, in the order in which they come."""
    named = [schema for schema in corpora if schema]
    try:
        joined = pl.concat([pl.DataFrame(schema=schema) for schema in named], how="diagonal_relaxed").schema
    except pl.exceptions.SchemaError as error:
        raise InputError(
            where="mix", what=f"a column has one type here and another there: {error}", expected="one type"
        ) from error
    split = {"split": pl.String()} if with_split else {}
    return pl.Schema({**joined, **split, "epoch": pl.Int64(), "copies": pl.Int64()})


def _entry(documents: pl.DataFrame, drawn: pl.DataFrame) -> Entry:
    """The ledger's entry: what is taken more than once came out, and was added."""
    entry, more = entry_of("mix", documents, drawn), pl.col("copies") - 1
    added = drawn.filter(is_kept()).select(documents=more.sum(), bytes=(N_BYTES * more).sum()).row(0, named=True)
    return entry.model_copy(
        update={
            "added": Amount(**added),
            "documents_out": entry.documents_out + added["documents"],
            "bytes_out": entry.bytes_out + added["bytes"],
        }
    )


def _taken(drawn: pl.DataFrame) -> dict[str, JsonValue]:
    """Documents, bytes and size by group, repeats counted; without those held out."""
    copies = pl.col("copies")
    groups = drawn.filter(is_kept() & ~pl.col("_held_out")).group_by("_group")
    sums = groups.agg(copies.sum(), (N_BYTES * copies).sum(), (pl.col("size") * copies).sum()).sort("_group")
    return {group: list(numbers) for group, *numbers in sums.iter_rows()}


def _marked(documents: pl.DataFrame, drawing: Drawing) -> pl.DataFrame:
    """The documents with `_split`, `_held_out`, `_group` and `_key`; those outside the window dropped."""
    names = [field_of(name, documents).fill_null(UNKNOWN) for name in drawing.by]
    keys = [xxhash.xxh3_64_intdigest(name.encode(), drawing.seed) for name in documents["id"]]
    marked = documents.with_columns(
        pl.Series("_key", keys, pl.UInt64),
        _split=field_of("split", documents),
        _group=pl.concat_str(names, separator="/"),
    ).with_columns(_held_out=(pl.col("_split") == "held_out").fill_null(value=False))
    return _outside(marked, drawing.window)


def _outside(batch: pl.DataFrame, window: Window) -> pl.DataFrame:
    may_fall, date = ~pl.col("_held_out"), pl.col("date")
    for name, chosen in (("domain", window.domains), ("language", window.languages)):
        if chosen:
            is_other = ~(field_of(name, batch).is_in(list(chosen)).fill_null(value=False))  # unknown is other
            batch = drop_where(batch, may_fall & is_other, f"mix.{name}", detail=field_of(name, batch))
    if window.since or window.until:
        batch = drop_where(batch, may_fall & date.is_null(), "mix.undated")
    if window.since:
        is_early = date.str.slice(0, len(window.since)) < window.since
        batch = drop_where(batch, may_fall & is_early, "mix.date", detail=date + f" is before {window.since}")
    if window.until:
        is_late = date.str.slice(0, len(window.until)) > window.until
        batch = drop_where(batch, may_fall & is_late, "mix.date", detail=date + f" is after {window.until}")
    return batch


def _drawn(marked: pl.DataFrame, draws: Mapping[str, Draw]) -> pl.DataFrame:
    """The documents with `copies`, how often each is taken; those with none dropped, with their place and its limit."""
    rows = [(group, draw.passes, draw.last_key) for group, draw in draws.items()]
    table = pl.DataFrame(rows, {"_group": pl.String, "_passes": pl.Int64, "_last": pl.UInt64}, orient="row")
    joined = marked.join(table, on="_group", how="left", maintain_order="left")
    once_more = (pl.col("_key") <= pl.col("_last")).fill_null(value=False).cast(pl.Int64)
    copies = pl.when("_held_out").then(1).when(is_kept()).then(pl.col("_passes").fill_null(0) + once_more).otherwise(0)
    counted = joined.with_columns(copies=copies.cast(pl.Int64))
    place, limit = (pl.col(name).fill_null(0).cast(pl.Float64) / MAX_KEY for name in ("_key", "_last"))
    drop = pl.struct(
        pl.lit("mix.not_drawn").alias("reason"),
        place.alias("value"),
        limit.alias("limit"),
        pl.col("_group").alias("detail"),
    )
    falls = is_kept() & (pl.col("copies") == 0)
    return counted.with_columns(drop=pl.when(falls).then(drop).otherwise("drop"))


def _last_keys(keys: Sequence[Path], rests: Mapping[str, float]) -> dict[str, int]:
    """The key at which each group's draw ends."""
    if not rests:
        return {}
    every = scan_shards(keys).with_columns(range=(pl.col("key") // 2 ** (64 - RANGE_BITS)).cast(pl.Int64))
    wanted = every.filter(pl.col("group").is_in(list(rests)))
    sums = wanted.group_by("group", "range").agg(pl.col("size").sum()).collect(engine="streaming")
    sums = sums.sort("group", "range").with_columns(after=pl.col("size").cum_sum().over("group"))
    ends = sums.with_columns(rest=pl.col("group").replace_strict(rests, return_dtype=pl.Float64)).filter(
        (pl.col("after") > pl.col("rest")) | (pl.col("range") == pl.col("range").max().over("group"))
    )
    ends = ends.unique("group", keep="first", maintain_order=True)
    edge = wanted.join(ends.lazy().select("group", "range"), on=["group", "range"], how="semi")
    near = edge.select("group", "key", "size").collect(engine="streaming").sort("group", "key")
    found: dict[str, int] = {}
    for group, start, size, after, rest in ends.iter_rows():
        rows = near.filter(pl.col("group") == group)
        end = last_key(rows["key"].to_numpy(), rows["size"].to_numpy(), rest - (after - size))
        if end is not None:
            found[group] = end
        elif start:
            found[group] = start * 2 ** (64 - RANGE_BITS) - 1  # all of the ranges before, and nothing of this one
    return found


def _conformed(batch: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The batch with the columns of the mixture; what has no split is trained on."""
    split = pl.col("_split").fill_null("train").alias("split")
    named = batch.with_columns(split) if "split" in schema else batch
    columns = [pl.col(name) if name in named.columns else pl.lit(None).alias(name) for name in schema]
    return named.select(*(column.cast(schema[name]) for name, column in zip(schema, columns, strict=True)), "drop")


def _sizes(drawing: Drawing) -> pl.Expr:
    if drawing.unit == "documents":
        return pl.lit(1, pl.Int64)
    if drawing.unit == "tokens" and drawing.tokenizer is not None:
        counted = _counter(drawing.tokenizer)
        return pl.col("text").map_batches(counted, return_dtype=pl.Int64)
    return N_BYTES


def _check_passes(documents: pl.DataFrame, shard: Path) -> None:
    if "epoch" in documents.columns and (documents["epoch"].max() or 0) != 0:
        raise InputError(
            where=str(shard),
            what="holds documents that are repeated: it is a mixture already",
            do="mix the corpora that it was made from",
        )


@cache
def _counter(tokenizer: Path) -> Counter:
    return Counter(tokenizer)


class Counter:
    """Counts the tokens of texts, the one that ends a document included."""

    def __init__(self, tokenizer: Path) -> None:
        from smelt.corpus.tokenizer import load_tokenizer

        self._bpe = load_tokenizer(tokenizer).tokenizer

    def __call__(self, texts: pl.Series) -> pl.Series:
        """How many tokens each text has."""
        counts = [len(one.ids) + 1 for batch in texts.to_frame().iter_slices(COUNTED) for one in self._encoded(batch)]
        return pl.Series(texts.name, counts, pl.Int64)

    def _encoded(self, batch: pl.DataFrame) -> list[Encoding]:
        return self._bpe.encode_batch_fast(batch.to_series().to_list(), add_special_tokens=False)
