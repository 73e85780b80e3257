"""How a classifier is told on the terminal and as a page: numbers, curve, reliability, on whom it errs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from smelt.core.shards import write_whole
from smelt.corpus.label.classifier import ClassCard
from smelt.corpus.label.evaluate import Evaluation
from smelt.corpus.label.scores import Bin, Target
from smelt.report.judgement import judgement_section
from smelt.report.page import render_page

ROWS = 12
"""Points of a curve that are printed."""


def print_cards(cards: Sequence[ClassCard]) -> None:
    """A line a class: how well it is told from the rest."""
    print(f"{'class':<24}{'documents':>10}  average precision  ROC area  calibration error  best F1 from")
    for found in cards:
        numbers = f"{found.average_precision:>17.3f}{found.roc_area:>10.3f}{found.calibration_error:>19.3f}"
        print(f"{found.name:<24}{found.documents:>10,}  {numbers}{found.best_limit:>14.3f}")


def print_target(model: Path, name: str, target: Target, limit: float) -> None:
    """The limit that reaches a target, and the line that sets it in a recipe."""
    print(f"\n{target.aim} = {target.value:g} is reached from {limit:.6g}; in a recipe:\n")
    print(f'  {{ op = "classify", model = "{model}", of = "{name}", min = {limit:.6g} }}')


def print_evaluation(found: Evaluation, name: str) -> None:
    """Numbers, curve, reliability, slices and the worst errors."""
    print(f"average precision {found.average_precision:.3f}, ROC area {found.roc_area:.3f}, ", end="")
    print(f"best F1 {found.best_f1:.3f} from {found.best_limit:.3f}, calibration error {found.calibration_error:.3f}")
    _print_curve(found.curve)
    _print_reliability(found.reliability)
    print(f"\ncounted as {name!r} from {found.limit:.3g}:")
    print(f"{'':<36}{'documents':>10}{name[:12]:>13}{'precision':>11}{'recall':>8}{'wrongly':>9}")
    for part in found.slices:
        shares = f"{part.precision:>11.3f}{part.recall:>8.3f}{part.false_positive_rate:>9.1%}"
        print(f"{part.name[:35]:<36}{part.documents:>10,}{part.of_class:>13,}{shares}")
    for title, samples in (("counted wrongly, the surest first", found.wrongly), ("missed", found.missed)):
        print(f"\n{title}:")
        for document, probability, text in samples:
            print(f"  {probability:.2f} {document}: {' '.join(text.split())[:160]}")


def _print_curve(curve: Sequence[tuple[float, float, float, float]]) -> None:
    print(f"\n{'limit':>8}{'precision':>11}{'recall':>8}{'share':>8}")
    for limit, precision, recall, share in curve[:: max(1, len(curve) // ROWS)]:
        print(f"{limit:>8.3f}{precision:>11.3f}{recall:>8.3f}{share:>8.1%}")


def _print_reliability(bins: Sequence[Bin]) -> None:
    print("\nprobability said, share that was of the class, documents:")
    for found in bins:
        print(f"{found.probability:>8.3f}{found.frequency:>11.3f}{found.documents:>10,}")


def write_page(found: Evaluation, name: str, output: Path) -> None:
    """The same as an HTML page."""
    html = render_page(
        [judgement_section(found, name)], title=f"Classifier: {name}", made=datetime.now(UTC).isoformat()
    )
    with write_whole(output) as path:
        path.write_text(html, encoding="utf-8")
