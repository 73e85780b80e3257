"""Duplicates to look at: in each of some clusters, the text that was kept beside one that was dropped for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from smelt.corpus.corpus import Corpus
from smelt.corpus.duplicates.documents import EXACT, IN_OLDER, NEAR, SAME_URL, THRESHOLDS
from smelt.report.differences import Comparison, compare_texts
from smelt.report.figures import Figure, Key, Table, axis, line, points
from smelt.report.section import Section, counted, format_integer, format_percent, render

PAIRS = 6
"""Clusters shown."""
PASSAGES = 4
"""Differing passages shown of each pair."""
SIZES = ((2, 2), (3, 5), (6, 10), (11, 100), (101, None))
"""Bins of cluster sizes, ends included."""
SHOWN = ("id", "url", "date", "language", "text")


@dataclass(frozen=True, slots=True)
class Pair:
    """The survivor of a cluster and one of those dropped for it, as rows."""

    kept: dict[str, Any]
    dropped: dict[str, Any]
    documents: int
    """In the cluster."""
    comparison: Comparison


def duplicates_section(corpora: Mapping[str, Corpus]) -> Section | None:
    """Clusters of the last corpus that has any; None where none has."""
    for corpus in reversed(list(corpora.values())):
        duplicates = _duplicates(corpus.dropped())
        if len(duplicates):
            pairs = choose_pairs(corpus.kept(), corpus.dropped(), duplicates)
            thresholds = threshold_figure(corpus)
            body = _body(duplicates, pairs, thresholds)
            figures = [thresholds] if thresholds else []
            return Section("duplicates", "Duplicates, side by side", body, figures=figures)
    return None


def choose_pairs(kept: pl.LazyFrame, dropped: pl.LazyFrame, duplicates: pl.DataFrame) -> list[Pair]:
    """Near-duplicates of different clusters, chosen by hash; `duplicates` has columns id, cluster, reason and in_older.

    A cluster is named by the id of its survivor.
    """
    near = duplicates.filter(pl.col("reason") == NEAR, ~pl.col("in_older")).sort(pl.col("id").hash())
    chosen = near.unique("cluster", keep="first", maintain_order=True).head(PAIRS)
    survivors, copies = _rows(kept, chosen["cluster"]), _rows(dropped, chosen["id"])
    sizes = dict(duplicates.group_by("cluster").len().iter_rows())
    return [
        Pair(
            kept=survivors[cluster],
            dropped=copies[document],
            documents=1 + sizes[cluster],
            comparison=compare_texts(survivors[cluster]["text"], copies[document]["text"], passages=PASSAGES),
        )
        for document, cluster in chosen.select("id", "cluster").iter_rows()
        if cluster in survivors
    ]


def threshold_figure(corpus: Corpus) -> Figure | None:
    """Documents that would be dropped at other thresholds; None where the corpus was not compared for likeness."""
    path = corpus.folder / THRESHOLDS
    if not path.exists():
        return None
    curve: dict[str, Any] = json.loads(path.read_text())
    rows = list(zip(curve["thresholds"], curve["dropped"], curve["found"], strict=True))
    used = next(row for row in rows if row[0] >= curve["jaccard"])
    below, above = ([row for row in rows if row[0] <= used[0]], [row for row in rows if row[0] >= used[0]])
    return Figure(
        anchor="thresholds",
        title="What other thresholds would drop",
        summary=f"Documents dropped as exact or near duplicates against the Jaccard similarity from which on two are "
        f"duplicates. At {used[0]:g}, which was used (mark), it is {counted(used[1], 'document')}. The faint part "
        "may count less than a run at that threshold would: pairs so little alike were compared only where they met.",
        traces=[
            _curve(below, color="@muted"),
            _curve(above, color="@accent"),
            points([used[0]], [used[1]], color="@accent", hover=[_words(used)], size=11),
        ],
        x=axis("Jaccard similarity"),
        y={**axis("Documents dropped"), "rangemode": "tozero"},
        legend=[Key("@accent", "found", "line"), Key("@muted", "at least", "line")],
        table=Table(
            ("Jaccard similarity", "Documents dropped", "Pairs at that similarity that meet"),
            [
                (f"{j:.2f}", format_integer(n), format_percent(found))
                for j, n, found in rows[:: max(1, len(rows) // 12)]
            ],
            words=0,
        ),
        height=340,
    )


def _curve(rows: list[tuple[float, int, float]], *, color: str) -> dict[str, Any]:
    return line([row[0] for row in rows], [row[1] for row in rows], color=color, hover=[_words(row) for row in rows])


def _words(row: tuple[float, int, float]) -> str:
    return (
        f"from {row[0]:.2f} on<br>{counted(row[1], 'document')} dropped<br>{format_percent(row[2])} of such pairs meet"
    )


def size_table(duplicates: pl.DataFrame) -> Table:
    """Clusters by their number of documents, the survivor included."""
    sizes = duplicates.group_by("cluster").len(name="dropped").with_columns(size=pl.col("dropped") + 1)
    rows: list[tuple[str, ...]] = []
    for least, most in SIZES:
        inside = sizes.filter(pl.col("size") >= least, True if most is None else pl.col("size") <= most)
        if len(inside):
            name = str(least) if least == most else f"over {least - 1}" if most is None else f"{least} to {most}"
            rows.append((name, format_integer(len(inside)), format_integer(int(inside["dropped"].sum()))))
    return Table(("Documents in a cluster", "Clusters", "Dropped"), rows)


def _body(duplicates: pl.DataFrame, pairs: list[Pair], thresholds: Figure | None) -> Markup:
    counts = dict(duplicates["reason"].value_counts().iter_rows())
    return render(
        "duplicates",
        clusters=duplicates["cluster"].n_unique(),
        near=counts.get(NEAR, 0),
        exact=counts.get(EXACT, 0) + counts.get(SAME_URL, 0),
        sizes=size_table(duplicates),
        pairs=pairs,
        thresholds=thresholds,
    )


def _duplicates(dropped: pl.LazyFrame) -> pl.DataFrame:
    if "cluster" not in dropped.collect_schema():
        return pl.DataFrame()
    reason = pl.col("drop").struct.field("reason")
    in_older = pl.col("drop").struct.field("detail").str.ends_with(IN_OLDER)
    duplicates = dropped.filter(reason.is_in([NEAR, EXACT, SAME_URL]))
    rows = duplicates.select("id", "cluster", reason=reason, in_older=in_older)
    return rows.collect(engine="streaming")


def _rows(documents: pl.LazyFrame, ids: pl.Series) -> dict[str, dict[str, Any]]:
    rows = documents.filter(pl.col("id").is_in(ids.implode())).select(SHOWN).collect(engine="streaming")
    return {row["id"]: row for row in rows.iter_rows(named=True)}
