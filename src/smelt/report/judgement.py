"""A classifier's evaluation as a section: precision and recall, reliability, on whom it errs, its worst errors."""

from __future__ import annotations

from collections.abc import Sequence

from smelt.corpus.label.evaluate import Evaluation
from smelt.report.figures import Figure, Table, axis, line
from smelt.report.section import Section, format_integer, format_percent, render

EXCERPT = 300
"""Characters of a wrongly judged document that are shown."""


def judgement_section(found: Evaluation, name: str) -> Section:
    """The evaluation of a class."""
    figures = [_curve_figure(found), _reliability_figure(found)]
    body = render(
        "judgement",
        found=found,
        name=name,
        figures=figures,
        slices=_slice_table(found, name),
        wrongly=_sample_table(found.wrongly),
        missed=_sample_table(found.missed),
    )
    return Section("judgement", f"Classifier: {name}", body, figures=figures)


def _curve_figure(found: Evaluation) -> Figure:
    cells = [tuple(f"{number:.3f}" for number in point) for point in found.curve]
    return Figure(
        anchor="precision-recall",
        title="Precision at every recall",
        summary=f"The area below is the average precision, {found.average_precision:.3f}.",
        traces=[line([point[2] for point in found.curve], [point[1] for point in found.curve], color="@accent")],
        x=axis("recall"),
        y=axis("precision"),
        table=Table(("Limit", "Precision", "Recall", "Share of all"), cells),
    )


def _reliability_figure(found: Evaluation) -> Figure:
    said = [part.probability for part in found.reliability]
    was = [part.frequency for part in found.reliability]
    cells = [(f"{p:.3f}", f"{f:.3f}", format_integer(n)) for n, p, f in found.reliability]
    return Figure(
        anchor="reliability",
        title="What a probability is worth",
        summary=f"On the diagonal they are frequencies; the calibration error is {found.calibration_error:.3f}.",
        traces=[line([0, 1], [0, 1], color="@muted"), line(said, was, color="@accent")],
        x=axis("probability said"),
        y=axis("share that was of the class"),
        table=Table(("Probability", "Share of the class", "Documents"), cells),
    )


def _slice_table(found: Evaluation, name: str) -> Table:
    rows = [
        (
            part.name,
            format_integer(part.documents),
            format_integer(part.of_class),
            f"{part.precision:.3f}",
            f"{part.recall:.3f}",
            format_percent(part.false_positive_rate),
        )
        for part in found.slices
    ]
    return Table(("Documents", "Number", name, "Precision", "Recall", "Counted wrongly"), rows)


def _sample_table(samples: Sequence[tuple[str, float, str]]) -> Table:
    rows = [(f"{p:.2f}", document, " ".join(text.split())[:EXCERPT]) for document, p, text in samples]
    return Table(("Probability", "Document", "Text"), rows)
