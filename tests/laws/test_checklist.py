"""The (Mis)Fitting checklist: every point is answered, or names the column that would answer it."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from planted_runs import QUICK, ladder, planted_law
from smelt.laws.checklist import ITEMS, UNKNOWN, checklist
from smelt.laws.derive import derive_law

QUICKSTART_RUNS = Path(__file__).parent.parent / "pipeline" / "quickstart-runs.parquet"
SURVEYED = {
    "form": "Power Law Form",
    "purpose": "Purpose of Power Law",
    "parameters": "# Power Law parameters",
    "models": "Training Runs / Law",
    "compute": "Max. Training FLOPs",
    "sizes": "Max. Training Params",
    "data": "Max. Training Data",
    "corpus": "Data Described?",
    "hyperparameters": "Hyperparameters Described?",
    "parameters counted": "How are model params counted",
    "points used": "Data points per law?",
    "loss": "Scaling law metric",
    "loss changed": "Modification of final metric?",
    "points dropped": "Subsets of Data Used",
    "intervals": "Bootstrapping?",
    "optimiser": "Curve-fitting Method",
    "objective": "Loss Objective",
    "starts": "Initialization",
    "validation": "Are scaling laws validated?",
    "training code": "Training Code?",
    "code": "Analysis Code?",
    "weights": "Checkpoints?",
}
"""Points of ours, and the columns of the table in which Li et al. 2025 surveyed the papers."""


def answers(runs: pl.DataFrame) -> dict[str, str]:
    return checklist(planted_law().findings, runs)


def test_every_point_that_the_paper_surveyed_is_there_and_answered_in_words() -> None:
    found = planted_law().findings.checklist
    assert set(SURVEYED) <= set(found)
    assert list(found) == [item.name for item in ITEMS]
    assert all(len(answer) > 3 for answer in found.values())


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item.name)
def test_a_column_that_a_missing_answer_names_answers_it(item: object) -> None:
    name = item.name  # type: ignore[attr-defined]
    runs = ladder()
    answer = answers(runs)[name]
    if UNKNOWN not in answer:
        assert answer
        return
    named = re.search(r"a column ([a-z_]+)", answer)
    assert named is not None
    told = runs.with_columns(pl.lit("said so").alias(named[1]))
    law = derive_law(told.with_columns(epochs=pl.lit(1.0)), QUICK) if named[1] == "epochs" else None
    again = law.findings.checklist[name] if law else answers(told)[name]
    assert UNKNOWN not in again


def test_settings_that_change_with_size_are_said_to() -> None:
    size = pl.col("n_params")
    runs = ladder().with_columns(lr=0.1 * size**-0.5, batch_tokens=(size**0.5).cast(pl.Int64), n_layers=pl.lit(4))
    found = answers(runs)
    assert re.fullmatch(
        r"lr [\d.e-]+ to [\d.e-]+, falling with size; batch_tokens .*, rising with (size|compute)",
        found["hyperparameters"],
    )
    assert found["shape"] == "n_layers 4 at every scale"


def test_smelts_own_table_of_runs_answers_what_a_ladder_knows() -> None:
    runs = pl.read_parquet(QUICKSTART_RUNS)
    found = derive_law(runs, QUICK).findings.checklist
    for name in ("hyperparameters", "shape", "seeds", "repeats"):
        assert UNKNOWN not in found[name], name
    assert found["checkpoints"] == "the end of each run; no intermediate ones"
    assert "% of them are neither" in found["parameters counted"]


def test_many_points_dropped_are_counted_and_some_named() -> None:
    bad = pl.when(pl.int_range(pl.len()) < 5).then(float("nan")).otherwise(pl.col("loss_nats"))
    found = derive_law(ladder(sizes=7).with_columns(loss_nats=bad), QUICK).findings.checklist
    assert found["points dropped"].startswith("5 of 28: run-0: loss_nats is nan")
    assert found["points dropped"].endswith("and 2 more")


def test_a_law_of_parabolas_alone_answers_for_parabolas_alone() -> None:
    findings = planted_law().findings.model_copy(update={"parametric": None, "held_out": None, "agreement": None})
    found = checklist(findings, ladder())
    assert found["form"] == "a parabola in ln N at each budget, and a line through their minima"
    assert found["starts"] == "none needed"
    assert "(form)" not in found["intervals"]
    assert "loss of any model" not in found["purpose"]
