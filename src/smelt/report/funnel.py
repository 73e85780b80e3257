"""The funnel: how many documents and bytes each op let through, and documents to look at for every reason it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smelt.corpus.corpus import Corpus
from smelt.corpus.ledger import Amount, Entry
from smelt.report.figures import Figure, Key, Table, axis, bars, category_axis
from smelt.report.samples import Sample, choose_samples
from smelt.report.section import Section, Stage, counted, format_integer, format_percent, render
from smelt.units import format_bytes

REASONS_DRAWN = 18
"""Bars in the figure of reasons; all are in its table."""
BAR_HEIGHT, AXIS_HEIGHT = 26, 70
"""Pixels of a figure of bars: for each bar, and below them all."""


@dataclass(frozen=True, slots=True)
class FunnelLine:
    """An op as the documents of a corpus passed through it."""

    corpus: str
    entry: Entry

    @property
    def label(self) -> str:
        """The op, and the corpus that it made."""
        return f"{self.corpus} · {self.entry.op}"


@dataclass(frozen=True, slots=True)
class Reason:
    """A drop reason with what fell for it, and some of that."""

    name: str
    op: str
    amount: Amount
    share: float
    """Of the documents that its op saw."""
    samples: tuple[Sample, ...]


def funnel_section(corpora: Mapping[str, Corpus]) -> Section | None:
    """The way of the documents through corpora, named and in the order of the flow; None where no op saw any."""
    lines = [line for name, corpus in corpora.items() for line in _read_ledger(name, corpus)]
    if not lines:
        return None
    reasons = [reason for name, corpus in corpora.items() for reason in _reasons(name, corpus)]
    reasons.sort(key=lambda reason: -reason.amount.documents)
    first, last = lines[0].entry, lines[-1].entry
    figures = [funnel_figure(lines), *([reason_figure(reasons)] if reasons else [])]
    body = render("funnel", first=first, last=last, figures=figures, reasons=reasons)
    note = f"of {format_integer(first.documents_in)} documents, {format_bytes(last.bytes_out)} of text"
    stage = Stage("Corpus", format_integer(last.documents_out), note)
    return Section("funnel", "From raw documents to a corpus", body, stage, figures)


def funnel_figure(lines: Sequence[FunnelLine]) -> Figure:
    """Documents kept and dropped by each op."""
    labels, entries = [line.label for line in lines], [line.entry for line in lines]
    kept = [f"{counted(e.documents_out, 'document')} kept, {format_bytes(e.bytes_out)}" for e in entries]
    lost = [e.lost.documents for e in entries]
    return Figure(
        anchor="funnel-documents",
        title="What each op let through",
        summary="Documents that each op kept, and those that it dropped.",
        traces=[
            bars([e.documents_out for e in entries], labels, color="@accent", hover=kept),
            bars(lost, labels, color="@faint", hover=[f"{counted(n, 'document')} dropped" for n in lost]),
        ],
        x=axis("Documents"),
        y=category_axis(labels),
        legend=[Key("@accent", "kept"), Key("@faint", "dropped here")],
        table=_funnel_table(lines),
        height=AXIS_HEIGHT + BAR_HEIGHT * len(labels),
    )


def reason_figure(reasons: Sequence[Reason]) -> Figure:
    """Documents dropped for each reason."""
    rows = [
        (reason.name, reason.op, format_integer(reason.amount.documents), format_bytes(reason.amount.bytes))
        for reason in reasons
    ]
    drawn = reasons[:REASONS_DRAWN]
    labels, amounts = [reason.name for reason in drawn], [reason.amount for reason in drawn]
    return Figure(
        anchor="funnel-reasons",
        title="Why documents were dropped",
        summary="Documents by the first reason found against them.",
        traces=[
            bars(
                [amount.documents for amount in amounts],
                labels,
                color="@accent",
                hover=[f"{counted(a.documents, 'document')}, {format_bytes(a.bytes)}" for a in amounts],
            )
        ],
        x=axis("Documents"),
        y=category_axis(labels),
        table=Table(("Reason", "Op", "Documents", "Text"), rows, words=2),
        height=AXIS_HEIGHT + BAR_HEIGHT * len(drawn),
    )


def _read_ledger(name: str, corpus: Corpus) -> list[FunnelLine]:
    return [FunnelLine(name, Entry.model_validate(entry)) for entry in corpus.ledger()]


def _reasons(name: str, corpus: Corpus) -> list[Reason]:
    lines = _read_ledger(name, corpus)
    samples = choose_samples(corpus.dropped()) if any(line.entry.dropped for line in lines) else {}
    return [
        Reason(
            name=reason,
            op=line.label,
            amount=amount,
            share=amount.documents / line.entry.documents_in,
            samples=samples.get(reason, ()),
        )
        for line in lines
        for reason, amount in line.entry.dropped.items()
    ]


def _funnel_table(lines: Sequence[FunnelLine]) -> Table:
    rows = [
        (
            line.label,
            format_integer(entry.documents_in),
            format_integer(entry.documents_out),
            format_percent(1 - entry.lost.documents / entry.documents_in) if entry.documents_in else "",
            format_bytes(entry.bytes_in),
            format_bytes(entry.bytes_out),
        )
        for line in lines
        for entry in (line.entry,)
    ]
    return Table(("Op", "Documents in", "Out", "Kept", "Bytes in", "Bytes out"), rows)
