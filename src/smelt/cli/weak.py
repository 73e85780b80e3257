"""`classify weak`: labels by functions that vote, written as JSONL, and what each function is worth."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import polars as pl

from smelt.core.shards import write_whole
from smelt.corpus.corpus import Corpus
from smelt.corpus.label.steps import labelled
from smelt.corpus.label.weak import WeakLabels, join, read_functions
from smelt.errors import EmptyResult


def label_weakly(
    corpus: Corpus, functions: Path, output: Path, *, limit: float, truth: str | None, as_json: bool
) -> None:
    """Writes the labels of a corpus's documents, those without one left out, and prints what came of them."""
    known = read_functions(functions)
    rows = corpus.kept(["id", "text", "source"]).collect()
    true = labelled(corpus, truth).select("id", true="label") if truth else None
    rows = rows.join(true, on="id", how="left", maintain_order="left") if true is not None else rows
    labels = join(known, known.votes(rows["text"]), limit=limit, truth=rows["true"].to_list() if truth else None)
    rows = rows.with_columns(label=pl.Series(labels.label, dtype=pl.String), probability=pl.Series(labels.probability))
    chosen = rows.filter(pl.col("label").is_not_null())
    if chosen.is_empty():
        raise EmptyResult(where=str(functions), what=f"labels none of {len(rows):,} documents", do="look at its words")
    with write_whole(output) as path:
        chosen.select("id", "text", "source", "label", "probability").write_ndjson(path)
    _print(labels, output, as_json=as_json)


def _print(labels: WeakLabels, output: Path, *, as_json: bool) -> None:
    counts = Counter(label or "(none)" for label in labels.label)
    if as_json:
        print(json.dumps({"labels": counts, "functions": [asdict(found) for found in labels.functions]}))
        return
    print(
        f"{'function':<24}{'votes for':<14}{'on':>8}{'overlap':>9}{'conflict':>10}{'precision (est.)':>18}{'true':>8}"
    )
    for found in labels.functions:
        true = "" if found.precision is None else f"{found.precision:.3f}"
        shares = f"{found.coverage:>8.1%}{found.overlap:>9.1%}{found.conflict:>10.1%}{found.estimated_precision:>18.3f}"
        print(f"{found.name[:23]:<24}{found.label[:13]:<14}{shares}{true:>8}")
    print("\n" + ", ".join(f"{label} {n:,}" for label, n in counts.most_common()))
    print(f"\n{output}")
