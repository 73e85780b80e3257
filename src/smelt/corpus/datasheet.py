"""A corpus's datasheet (after Gebru et al. 2021, "Datasheets for Datasets"): what is in it, counted.

Everything is a count or a quantile over columns that ops left behind; a corpus that was never searched for personal
data, say, has no such entry rather than a zero. Documents of one corpus and of those that it was made from are told
apart: what an earlier step dropped is part of the sheet too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from pydantic import BaseModel, ConfigDict

from smelt.corpus.corpus import Corpus
from smelt.corpus.decontaminate.shards import ITEMS
from smelt.corpus.document import DOCUMENT
from smelt.corpus.measures.measure import MEASURES

FACETS = {
    "domain": pl.col("domain"),
    "language": pl.col("language"),
    "year": pl.col("date").str.extract(r"^(\d{4})"),
    "source": pl.col("source"),
    "licence": pl.coalesce(pl.col("meta").str.json_path_match(f"$.{name}") for name in ("license", "licence")),
}
"""What documents are counted by."""
LARGEST = 30
"""Values of a facet that are told apart; all others are counted together."""
OTHER, UNKNOWN = "(all others)", "(not said)"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Frozen(BaseModel):
    """A part of the sheet."""

    model_config = ConfigDict(frozen=True)


class Row(Frozen):
    """The documents that share a value."""

    value: str
    documents: int
    bytes: int


class Lengths(Frozen):
    """Documents whose text has `from_bytes` bytes or more, up to twice as many."""

    from_bytes: int
    documents: int


class Spread(Frozen):
    """How a number is spread over the documents that have it."""

    documents: int
    mean: float
    quantiles: dict[str, float]


class Finding(Frozen):
    """What was counted in the documents, such as telephone numbers: in how many of them, and how many in all."""

    documents: int
    total: int


class Scored(Frozen):
    """A score's mean over the documents of one domain and language."""

    score: str
    domain: str
    language: str
    documents: int
    mean: float


class Questions(Frozen):
    """The evaluation items of a file: how many there are, were long enough to be searched for, and were found."""

    file: str
    items: int
    searched: int
    found: int


class Copies(Frozen):
    """Clusters that lost `from_copies` documents or more, up to twice as many: one of each stayed."""

    from_copies: int
    clusters: int
    dropped: int


class Datasheet(Frozen):
    """The sheet of a corpus."""

    documents: int
    bytes: int
    characters: int
    by: dict[str, list[Row]]
    """By facet, the largest value first."""
    lengths: list[Lengths]
    dropped: list[tuple[str, str, int, int]]
    """Reason, domain, documents, bytes: the drops of all steps, so that a filter hard on one domain shows."""
    personal_data: dict[str, Finding]
    """By kind, as the op `pii` counted and masked it."""
    scores: dict[str, Spread]
    """Classifiers' scores and other numbers that ops left in columns of their own."""
    scores_by_domain: list[Scored]
    """The same by domain and language: where a limit would cut."""
    copies: list[Copies]
    """The duplicates that fell on the way, by how often each document was there."""
    contamination: list[Questions]
    """By file of evaluation items, what a step of the way found; empty where none searched."""
    measures: dict[str, Spread]

    @property
    def duplicates(self) -> int:
        """Documents dropped as duplicates."""
        return self._fallen("duplicate")

    @property
    def contaminated(self) -> int:
        """Documents dropped since they hold evaluation items."""
        return self._fallen("decontaminate")

    def _fallen(self, op: str) -> int:
        return sum(documents for reason, _, documents, _ in self.dropped if reason.partition(".")[0] == op)


def datasheet(corpora: Sequence[Corpus]) -> Datasheet:
    """The sheet of the last of these corpora, with what all of them dropped."""
    documents = corpora[-1].kept()
    totals = documents.select(
        documents=pl.len(), bytes=pl.col("text").str.len_bytes().sum(), characters=pl.col("text").str.len_chars().sum()
    ).collect(engine="streaming")
    numbers = _numbers(documents)
    scores = [name for name in numbers if name not in MEASURES and not name.startswith("pii_")]
    return Datasheet(
        **totals.row(0, named=True),
        by={name: rows for name, value in FACETS.items() if (rows := _count_by(documents, value))},
        lengths=_lengths(documents),
        dropped=_dropped(corpora),
        personal_data=_findings(documents, [name for name in numbers if name.startswith("pii_")]),
        scores=_spreads(documents, scores),
        scores_by_domain=[row for name in scores for row in _scored(documents, name)],
        copies=_copies(corpora),
        contamination=[row for corpus in corpora for row in _questions(corpus)],
        measures=_spreads(documents, [name for name in numbers if name in MEASURES]),
    )


def _numbers(documents: pl.LazyFrame) -> list[str]:
    schema = documents.collect_schema()
    return [name for name, kind in schema.items() if kind.is_numeric() and name not in DOCUMENT]


def _count_by(documents: pl.LazyFrame, value: pl.Expr) -> list[Row]:
    """The documents by a value, the most bytes first; none where no document has one."""
    n_bytes = pl.col("text").str.len_bytes().cast(pl.Int64).sum()
    found = documents.group_by(value=value).agg(documents=pl.len(), bytes=n_bytes).collect(engine="streaming")
    if found["value"].null_count() == len(found):
        return []
    found = found.with_columns(pl.col("value").fill_null(UNKNOWN)).sort("bytes", "value", descending=[True, False])
    rows = [Row.model_validate(row) for row in found.head(LARGEST).iter_rows(named=True)]
    rest = found[LARGEST:]
    others = Row(value=OTHER, documents=int(rest["documents"].sum()), bytes=int(rest["bytes"].sum()))
    return [*rows, others] if len(rest) else rows


def _lengths(documents: pl.LazyFrame) -> list[Lengths]:
    n_bytes = pl.col("text").str.len_bytes().cast(pl.Int64)
    power = pl.max_horizontal(n_bytes, 1).log(2).floor().cast(pl.Int64)
    found = documents.group_by(power=power).agg(documents=pl.len()).collect(engine="streaming").sort("power")
    return [Lengths(from_bytes=2**power, documents=n) for power, n in found.iter_rows()]


def _dropped(corpora: Sequence[Corpus]) -> list[tuple[str, str, int, int]]:
    n_bytes = pl.col("text").str.len_bytes().cast(pl.Int64).sum()
    reason, domain = pl.col("drop").struct.field("reason"), pl.col("domain").fill_null(UNKNOWN)
    found = [
        corpus.dropped().group_by(reason=reason, domain=domain).agg(pl.len(), n_bytes).collect(engine="streaming")
        for corpus in corpora
    ]
    rows = [row for frame in found for row in frame.sort("reason", "domain").iter_rows()]
    return sorted(rows, key=lambda row: -row[2])


def _findings(documents: pl.LazyFrame, names: Sequence[str]) -> dict[str, Finding]:
    wanted = [pl.struct((pl.col(name) > 0).sum(), pl.col(name).sum().alias("total")).alias(name) for name in names]
    row = documents.select(wanted).collect(engine="streaming").row(0, named=True) if names else {}
    return {
        name.removeprefix("pii_"): Finding(documents=row[name][name], total=row[name]["total"] or 0) for name in names
    }


def _spreads(documents: pl.LazyFrame, names: Sequence[str]) -> dict[str, Spread]:
    spreads = {name: _spread(documents, name) for name in names}
    return {name: spread for name, spread in spreads.items() if spread is not None}


def _spread(documents: pl.LazyFrame, name: str) -> Spread | None:
    """One column at a time: quantiles hold all its numbers, eight bytes a document."""
    values = documents.select(pl.col(name).cast(pl.Float64)).collect(engine="streaming")[name].drop_nulls().drop_nans()
    if values.is_empty():
        return None
    quantiles = {f"{share:.0%}": float(values.quantile(share) or 0.0) for share in QUANTILES}
    mean = values.mean()
    return Spread(documents=len(values), mean=float(mean) if isinstance(mean, float) else 0.0, quantiles=quantiles)


def _scored(documents: pl.LazyFrame, name: str) -> list[Scored]:
    """The domains and languages with the most documents that have the score."""
    known = documents.filter(pl.col(name).is_not_null() & pl.col(name).cast(pl.Float64).is_not_nan())
    groups = known.group_by(pl.col("domain", "language").fill_null(UNKNOWN))
    found = groups.agg(documents=pl.len(), mean=pl.col(name).cast(pl.Float64).mean()).collect(engine="streaming")
    rows = found.sort("documents", "domain", "language", descending=[True, False, False]).head(LARGEST)
    return [Scored(score=name, **row) for row in rows.iter_rows(named=True)]


def _copies(corpora: Sequence[Corpus]) -> list[Copies]:
    """Of dropped duplicates with a `cluster`, how large the clusters are, in powers of two."""
    dropped = [corpus.dropped() for corpus in corpora]
    parts = [
        frame.filter(pl.col("drop").struct.field("reason").str.starts_with("duplicate")).select("cluster")
        for frame in dropped
        if "cluster" in frame.collect_schema()
    ]
    if not parts:
        return []
    sizes = pl.concat(parts).drop_nulls().group_by("cluster").agg(copies=pl.len().cast(pl.Int64))
    power = pl.col("copies").log(2).floor().cast(pl.Int64)
    found = sizes.group_by(power=power).agg(clusters=pl.len(), dropped=pl.col("copies").sum())
    rows = found.collect(engine="streaming").sort("power").iter_rows()
    return [Copies(from_copies=2**power, clusters=clusters, dropped=fallen) for power, clusters, fallen in rows]


def _questions(corpus: Corpus) -> list[Questions]:
    """What decontamination left beside its corpus: a row an item."""
    path = corpus.folder / ITEMS
    if not path.is_file():
        return []
    seen = (pl.col("documents") > 0).sum()
    rows = pl.read_parquet(path).group_by("file").agg(items=pl.len(), searched=pl.col("searched").sum(), found=seen)
    return [Questions.model_validate(row) for row in rows.sort("file").iter_rows(named=True)]


def drops_by_domain(sheet: Datasheet) -> Mapping[str, dict[str, int]]:
    """By reason and domain, how many documents were dropped."""
    table: dict[str, dict[str, int]] = {}
    for reason, domain, documents, _ in sheet.dropped:
        table.setdefault(reason, {})[domain] = table.get(reason, {}).get(domain, 0) + documents
    return table
