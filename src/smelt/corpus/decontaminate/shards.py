"""Decontamination shard by shard: the index and the matches as files, reports, marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from pydantic import JsonValue

from smelt.core.shards import read_json, write_json, write_whole
from smelt.corpus.corpus import read_shard, write_shard
from smelt.corpus.decontaminate.index import ANSWER_WEIGHT, QUESTION_WEIGHT, Index, Part
from smelt.corpus.decontaminate.items import Item
from smelt.corpus.decontaminate.matches import Limits, Match, find_matches, without_phrases
from smelt.corpus.document import DROP, drop_where
from smelt.corpus.ledger import entry_of
from smelt.corpus.measures.measure import MEASURES

Action = Literal["remove", "mask", "report"]
ARRAYS = ("keys", "starts", "where", "bits")
ITEMS, MATCHES = "items.parquet", "matches.parquet"
MASK = "[…]"
"""What stands where an item stood."""
BATCH = 1_024
"""Documents searched at a time."""
SPAN = pl.List(pl.Int64)
SCHEMA = pl.Schema(
    {
        "document": pl.String(),
        "item": pl.String(),
        "kind": pl.String(),
        "form": pl.String(),
        "coverage": pl.Float64(),
        "spans": pl.List(SPAN),
    }
)
"""The columns of matches.parquet."""


def save_index(index: Index, scratch: Path) -> None:
    """Writes the index where the tasks find it."""
    for name in ARRAYS:
        with write_whole(scratch / f"index-{name}.npy") as path, path.open("wb") as file:
            np.save(file, getattr(index, name), allow_pickle=False)
    write_json(scratch / "index-parts.json", [list(asdict(part).values()) for part in index.parts])


@cache
def load_index(scratch: Path) -> Index:
    """The index as `save_index` wrote it; read once a process."""
    arrays = {name: np.load(scratch / f"index-{name}.npy", allow_pickle=False) for name in ARRAYS}
    rows: Any = read_json(scratch / "index-parts.json")
    parts = [Part(text, tuple((item, kind) for item, kind in of), *numbers) for text, of, *numbers in rows]
    return Index(parts, **arrays)


def search_shard(shard: Path, *, scratch: Path, limits: Limits) -> int:
    """Writes what a shard's documents hold; gives how many matches there are."""
    index, documents = load_index(scratch), read_shard(shard, ["id", "text"])
    batches = (documents[start : start + BATCH] for start in range(0, len(documents), BATCH))
    found = [match for batch in batches for match in find_matches(index, batch["id"], batch["text"], limits)]
    with write_whole(scratch / f"{shard.stem}.matches.parquet") as path:
        _frame(found).write_parquet(path)
    return len(found)


def join_matches(items: Sequence[Item], shards: Sequence[Path], scratch: Path, folder: Path) -> dict[str, JsonValue]:
    """Writes the two reports; gives how many items there are, and how many were found."""
    every = pl.concat([pl.read_parquet(scratch / f"{shard.stem}.matches.parquet") for shard in shards])
    matches = without_phrases(every)
    with write_whole(folder / MATCHES) as path:
        matches.write_parquet(path)
    report = report_items(items, matches, load_index(scratch).parts)
    with write_whole(folder / ITEMS) as path:
        report.write_parquet(path)
    return {"items": len(report), "items_found": int((report["documents"] > 0).sum())}


def report_items(items: Sequence[Item], matches: pl.DataFrame, parts: Sequence[Part]) -> pl.DataFrame:
    """An item a row: file, documents that hold it, best coverage, and whether it can be found at all."""
    found = matches.group_by("item").agg(
        documents=pl.col("document").n_unique().cast(pl.Int64),
        coverage=pl.col("coverage").max(),
        kinds=pl.col("kind").unique().sort().str.join("+"),
    )
    findable = {item for part in parts for item, kind in part.of if _can_be_found(part, kind)}
    listed = pl.DataFrame(
        {
            "item": [item.id for item in items],
            "file": [item.file for item in items],
            "searched": [item.id in findable for item in items],
        },
        schema={"item": pl.String, "file": pl.String, "searched": pl.Boolean},
    )
    return listed.join(found, on="item", how="left", maintain_order="left").with_columns(
        pl.col("documents").fill_null(0)
    )


def mark_shard(shard: Path, *, scratch: Path, folder: Path, action: Action) -> JsonValue:
    """Writes a shard with what holds items dropped or masked; gives its ledger."""
    documents = read_shard(shard).with_columns(drop=pl.lit(None, DROP))
    matches = pl.read_parquet(folder / MATCHES)
    here = matches.join(documents.select(document="id"), on="document", how="semi")
    done = documents if action == "report" else {"remove": _remove, "mask": _mask}[action](documents, here)
    write_shard(folder, shard.stem, done)
    return [entry_of("decontaminate", documents, done).model_dump(mode="json")]


def _remove(documents: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """Each document for the item it holds most of."""
    best = matches.sort("document", "coverage", "item", descending=[False, True, False])
    kinds = matches.group_by("document").agg(_kinds=pl.col("kind").replace("context", "question").unique())
    best = best.unique("document", keep="first", maintain_order=True).join(kinds, on="document")
    marks = best.select("document", _coverage="coverage", _item="item", _kinds="_kinds")
    marked = documents.join(marks, left_on="id", right_on="document", how="left", maintain_order="left")
    for kind in ("both", "question", "answer"):
        holds = pl.col("_kinds").list.len() > 1 if kind == "both" else pl.col("_kinds").list.contains(kind)
        reason = f"decontaminate.{kind}"
        marked = drop_where(marked, holds, reason, value=pl.col("_coverage"), detail=pl.col("_item"))
    return marked.drop("_coverage", "_item", "_kinds")


def _mask(documents: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """The text without the spans of items."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for document, found in matches.select("document", "spans").iter_rows():
        spans.setdefault(document, []).extend((start, end) for start, end in found)
    texts = [_masked(text, spans.get(name, [])) for name, text in documents.select("id", "text").iter_rows()]
    return documents.drop(MEASURES, strict=False).with_columns(text=pl.Series(texts, dtype=pl.String))


def _masked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    kept: list[str] = []
    at = 0
    for start, end in sorted(spans):
        if end > at:
            kept += [text[at : max(start, at)], MASK]
            at = end
    return "".join([*kept, text[at:]])


def _can_be_found(part: Part, kind: str) -> bool:
    return part.grams > 0 and part.weight >= (ANSWER_WEIGHT if kind == "answer" else QUESTION_WEIGHT)


def _frame(matches: Sequence[Match]) -> pl.DataFrame:
    rows = [{**asdict(match), "spans": [list(span) for span in match.spans]} for match in matches]
    return pl.DataFrame(rows, schema=SCHEMA)
