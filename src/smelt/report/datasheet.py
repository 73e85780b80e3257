"""The datasheet: what is in a corpus, by domain, language, year, licence and length, and what fell where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smelt.corpus.corpus import Corpus
from smelt.corpus.datasheet import Datasheet, Row, Spread, datasheet, drops_by_domain
from smelt.report.figures import Figure, Table, axis, bars, category_axis
from smelt.report.section import Section, counted, format_integer, format_percent, render
from smelt.units import format_bytes

BAR_HEIGHT, AXIS_HEIGHT = 26, 70
"""Pixels of a figure of bars: for each bar, and below them all."""
DOMAINS = 6
"""Columns of the table of drops, the largest domains."""


def datasheet_section(corpora: Sequence[Corpus]) -> Section | None:
    """The sheet of the last corpus, as it came about through all of them; None without any."""
    return sheet_section(datasheet(corpora)) if corpora else None


def sheet_section(sheet: Datasheet) -> Section:
    """A datasheet as a section of the page."""
    facets = [facet_figure(name, rows, sheet.bytes) for name, rows in sheet.by.items() if len(rows) > 1]
    figures = [*facets, length_figure(sheet)]
    body = render(
        "datasheet",
        sheet=sheet,
        figures=figures,
        drops=drop_table(sheet) if sheet.dropped else None,
        personal=personal_table(sheet) if sheet.personal_data else None,
        scores=spread_table(sheet.scores) if sheet.scores else None,
        by_domain=scored_table(sheet) if sheet.scores_by_domain else None,
        copies=copies_table(sheet) if sheet.copies else None,
        contamination=contamination_table(sheet) if sheet.contamination else None,
        measures=spread_table(sheet.measures) if sheet.measures else None,
    )
    return Section("datasheet", "Datasheet: what is in the corpus", body, figures=figures)


def facet_figure(name: str, rows: Sequence[Row], n_bytes: int) -> Figure:
    """Bytes by the values of a facet."""
    shown = sorted(rows, key=lambda row: row.value) if name == "year" else list(rows)
    labels = [row.value for row in shown]
    shares = [row.bytes / max(n_bytes, 1) for row in shown]
    first = rows[0]
    cells = [
        (row.value, format_integer(row.documents), format_bytes(row.bytes), format_percent(share))
        for row, share in zip(shown, shares, strict=True)
    ]
    summary = f"{first.value} has {format_percent(first.bytes / max(n_bytes, 1))} of the bytes."
    hover = [" · ".join(row) for row in cells]
    return Figure(
        anchor=f"by-{name}",
        title=f"By {name}",
        summary=summary,
        traces=[bars([100 * share for share in shares], labels, color="@accent", hover=hover)],
        x=axis("share of the bytes, percent"),
        y=category_axis(labels),
        table=Table((name.capitalize(), "Documents", "Bytes", "Share"), cells),
        height=AXIS_HEIGHT + BAR_HEIGHT * len(labels),
    )


def length_figure(sheet: Datasheet) -> Figure:
    """How long the documents are."""
    labels = [f"{format_bytes(row.from_bytes)} or more" for row in sheet.lengths]
    numbers = [row.documents for row in sheet.lengths]
    cells = [(label, format_integer(number)) for label, number in zip(labels, numbers, strict=True)]
    return Figure(
        anchor="by-length",
        title="By length",
        summary=f"The mean document has {format_bytes(sheet.bytes / max(sheet.documents, 1))} of text.",
        traces=[bars(numbers, labels, color="@accent", hover=[" · ".join(row) for row in cells])],
        x=axis("documents"),
        y=category_axis(labels),
        table=Table(("Length", "Documents"), cells),
        height=AXIS_HEIGHT + BAR_HEIGHT * len(labels),
    )


def drop_table(sheet: Datasheet) -> Table:
    """Drops by reason, and in the domains that lost most: over-removal in one of them shows here."""
    by_reason = drops_by_domain(sheet)
    totals: dict[str, int] = {}
    for found in by_reason.values():
        for domain, documents in found.items():
            totals[domain] = totals.get(domain, 0) + documents
    domains = sorted(totals, key=lambda domain: -totals[domain])[:DOMAINS]
    rows = [
        (reason, format_integer(sum(found.values())), *(format_integer(found.get(domain, 0)) for domain in domains))
        for reason, found in by_reason.items()
    ]
    return Table(("Reason", "Documents", *domains), rows)


def personal_table(sheet: Datasheet) -> Table:
    """Personal data that was found, by kind."""
    rows = [
        (kind, format_integer(found.documents), format_integer(found.total))
        for kind, found in sheet.personal_data.items()
    ]
    return Table(("Kind", "Documents with any", "Found"), rows)


def scored_table(sheet: Datasheet) -> Table:
    """A row a domain and language, a column a score: its mean there."""
    names = list(dict.fromkeys(row.score for row in sheet.scores_by_domain))
    places = {(row.domain, row.language): row.documents for row in sheet.scores_by_domain}
    means = {(row.domain, row.language, row.score): f"{row.mean:.3g}" for row in sheet.scores_by_domain}
    rows = [
        (*place, format_integer(documents), *(means.get((*place, name), "") for name in names))
        for place, documents in places.items()
    ]
    return Table(("Domain", "Language", "Documents", *names), rows, words=2)


def copies_table(sheet: Datasheet) -> Table:
    """How often duplicated documents were there."""
    rows = [
        (
            "1" if row.from_copies == 1 else f"{row.from_copies} to {2 * row.from_copies - 1}",
            format_integer(row.clusters),
            format_integer(row.dropped),
        )
        for row in sheet.copies
    ]
    return Table(("Copies dropped of a document", "Documents with so many", "Dropped"), rows)


def contamination_table(sheet: Datasheet) -> Table:
    """Evaluation items found, by file."""
    rows = [
        (row.file, *(format_integer(number) for number in (row.items, row.searched, row.found)))
        for row in sheet.contamination
    ]
    return Table(("File of evaluation items", "Items", "Searched for", "Found"), rows)


def spread_table(spreads: Mapping[str, Spread]) -> Table:
    """Numbers and how they are spread."""
    quantiles = tuple(next(iter(spreads.values())).quantiles)
    rows = [
        (name, counted(spread.documents, "document"), *(f"{spread.quantiles[share]:.3g}" for share in quantiles))
        for name, spread in spreads.items()
    ]
    return Table(("Number", "Of", *quantiles), rows)
