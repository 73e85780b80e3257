"""Documents far from what is usual in their domain, and the measure that makes them so, in three phases.

    sketch  a shard    measures its documents, and counts them by domain, measure and bin
    merge   all        adds the counts up, and reads quantiles off them: the size of the sketch is that of its bins
    mark    a shard    each document's largest distance, and the measure it is of

A measure is looked at on a scale on which it is spread evenly: the logarithm, or for a share the log odds. The
distance is a robust z: how many standard deviations from the median, if the middle half (or the middle nine tenths,
where that is wider) were that of a normal distribution. Sums of whole numbers do not depend on their order, so neither
shards nor workers matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from smelt.core.shards import write_whole
from smelt.corpus.corpus import read_shard, scan_shards, write_shard
from smelt.corpus.document import DROP, drop_where
from smelt.corpus.ledger import entry_of
from smelt.corpus.measures.measure import MEASURES, measure

EPSILON, COARSE_EPSILON, COUNT_EPSILON = 1e-3, 0.02, 1.0
"""Added before the logarithm: what is below is as good as nothing. One for shares of characters and words, one for
shares of lines and paragraphs, of which a document may have two, and one for counts (taste)."""
COARSE = "line", "paragraph", "gram"
BIN = 1 / 64
"""The width of a bin on the even scale: 1.6% of the measure."""
NARROWEST = 0.5
"""The smallest standard deviation on the even scale: where nearly all documents have none of a thing, the first that
has some is no outlier yet (taste)."""
HALF_WIDTH, NINETY_WIDTH = 1.349, 3.290
"""Of a normal distribution with standard deviation 1, the widths of the middle half and of the middle nine tenths."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
UNKNOWN = "(not said)"
COLUMNS = ("outlier_measure", "outlier_distance")


def group_of() -> pl.Expr:
    """What documents are compared within: domain and language."""
    return pl.concat_str(pl.col(name).fill_null(UNKNOWN) for name in ("domain", "language")).alias("group")


def even_scale(name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A measure's values on the scale on which distances are taken."""
    if not name.endswith(("_frac", "_ratio", "_length", "_mix")):
        return np.log(values + COUNT_EPSILON)
    epsilon = COARSE_EPSILON if any(part in name for part in COARSE) else EPSILON
    logarithm = np.log(values + epsilon)
    return logarithm - np.log(np.maximum(1 - values, 0) + epsilon) if name.endswith("_frac") else logarithm


def sketch_shard(shard: Path, *, scratch: Path, names: Sequence[str]) -> int:
    """Writes a shard's sketch (group, measure, bin, documents) and its measures; gives the number of its documents."""
    documents = read_shard(shard, ["text", "domain", "language"])
    measures = measure(documents["text"]).select(names)
    groups = documents.select(group_of()).to_series()
    sketches = [_sketch(groups, name, measures[name].to_numpy()) for name in names]
    _write(scratch / f"{shard.stem}.measures.parquet", measures.with_columns(groups))
    _write(scratch / f"{shard.stem}.sketch.parquet", pl.concat(sketches))
    return len(documents)


def merge_sketches(shards: Sequence[Path], *, scratch: Path, min_documents: int) -> pl.DataFrame:
    """`group, measure, median, spread` of each measure in each group of at least so many documents."""
    sketch = scan_shards([scratch / f"{shard.stem}.sketch.parquet" for shard in shards])
    counts = sketch.group_by("group", "measure", "bin").agg(pl.col("documents").sum()).collect()
    counts = counts.sort("group", "measure", "bin")
    rows = [
        (group, name, *_median_and_spread(part["bin"].to_numpy(), part["documents"].to_numpy()))
        for (group, name), part in counts.group_by("group", "measure", maintain_order=True)
        if part["documents"].sum() >= min_documents
    ]
    schema = {"group": pl.String, "measure": pl.String, "median": pl.Float64, "spread": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def mark_shard(shard: Path, *, scratch: Path, folder: Path, usual: pl.DataFrame, limit: float, drop: bool) -> JsonValue:
    """Writes a shard with the columns `outlier_measure` and `outlier_distance`; gives its ledger."""
    documents = read_shard(shard).drop(COLUMNS, strict=False).with_columns(drop=pl.lit(None, DROP))
    measures = read_shard(scratch / f"{shard.stem}.measures.parquet")
    farthest, values, distances = farthest_measures(measures, usual)
    is_outlier = pl.Series(np.abs(distances) > limit)
    marks = pl.DataFrame({COLUMNS[0]: farthest, COLUMNS[1]: distances, "outlier": is_outlier, "value": values})
    columns = [pl.when(marks["outlier"]).then(marks[name]).alias(name) for name in COLUMNS]
    marked = documents.with_columns(columns)
    if drop:
        for name in sorted(set(marks.filter("outlier")[COLUMNS[0]])):
            falls, detail = pl.col(COLUMNS[0]) == name, pl.format("{} deviations", pl.col(COLUMNS[1]).round(1))
            marked = drop_where(marked, falls, f"outlier.{name}", value=pl.lit(marks["value"]), detail=detail)
    write_shard(folder, shard.stem, marked)
    return [entry_of("outliers", documents, marked).model_dump(mode="json")]


def farthest_measures(
    measures: pl.DataFrame, usual: pl.DataFrame
) -> tuple[pl.Series, NDArray[np.float64], NDArray[np.float64]]:
    """For each document the measure farthest from its group's median, its value, and how far: above 0 if it is more."""
    names = [name for name in measures.columns if name in MEASURES]
    distances = np.stack([_distances(measures, usual, name) for name in names])
    which = np.abs(distances).argmax(axis=0)
    values = measures.select(names).cast(pl.Float64).to_numpy()[np.arange(len(measures)), which]
    return pl.Series(np.array(names)[which]), values, distances[which, np.arange(len(measures))]


def _distances(measures: pl.DataFrame, usual: pl.DataFrame, name: str) -> NDArray[np.float64]:
    of_measure = usual.filter(pl.col("measure") == name)
    known = measures.select("group").join(of_measure, on="group", how="left", maintain_order="left")
    scaled = even_scale(name, measures[name].cast(pl.Float64).to_numpy())
    distances = (scaled - known["median"].to_numpy()) / known["spread"].to_numpy()
    return np.nan_to_num(distances, nan=0.0)  # groups too small to say what is usual


def _sketch(groups: pl.Series, name: str, values: NDArray[np.float64]) -> pl.DataFrame:
    bins = pl.Series("bin", np.floor(even_scale(name, values.astype(np.float64)) / BIN).astype(np.int64))
    counts = pl.DataFrame([groups, bins]).group_by("group", "bin").agg(documents=pl.len().cast(pl.Int64))
    return counts.select("group", pl.lit(name).alias("measure"), "bin", "documents").sort("group", "bin")


def _median_and_spread(bins: NDArray[np.int64], documents: NDArray[np.int64]) -> tuple[float, float]:
    below = np.cumsum(documents)
    ranks = np.searchsorted(below, np.array(QUANTILES) * below[-1], side="left")
    q05, q25, median, q75, q95 = (bins[np.minimum(ranks, len(bins) - 1)] + 0.5) * BIN
    spread = max((q75 - q25) / HALF_WIDTH, (q95 - q05) / NINETY_WIDTH, NARROWEST)
    return float(median), float(spread)


def _write(path: Path, frame: pl.DataFrame) -> None:
    with write_whole(path) as temporary:
        frame.write_parquet(temporary)
