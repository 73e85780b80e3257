"""The steps that fit a law to a table of runs, and that take such a table from anyone's file."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, ClassVar

import polars as pl
from pydantic import BeforeValidator, Field, JsonValue, field_validator

from smelt.core.artifact import Artifact, Counts
from smelt.core.shards import file_digest, write_whole
from smelt.core.step import RUNTIME, Estimate, Sizes, Step
from smelt.core.work import Work
from smelt.corpus.duplicates.steps import absolute_path
from smelt.laws.findings import Largest, Method
from smelt.laws.fitting.objective import Kind, Objective
from smelt.laws.fitting.resampling import Resampling
from smelt.laws.forms import FORMS
from smelt.laws.law import Law
from smelt.laws.tables.columns import Columns
from smelt.laws.tables.read import read_frame, table_file
from smelt.laws.tables.run_table import Table, run_table
from smelt.laws.tables.selection import Selection
from smelt.runs.run import CURVE_COLUMNS, CURVES, RUNS, RunTable

SECONDS = 4.0
"""Of a fit to 20 runs with 1,000 draws, loading included (one core of 2.5 GHz, 2026-11). The first fit after an
installation takes some 10 s more: it compiles."""


class ExistingRuns(Step[RunTable]):
    """A table of runs that stands in a file: anyone's CSV, TSV, Parquet or JSON lines.

    Columns are guessed from the header; runs that are left out stay in the table, with why in `dropped`.
    """

    step: ClassVar[str] = "existing-runs"
    makes: ClassVar[type[Artifact]] = RunTable

    path: Annotated[str, BeforeValidator(absolute_path), RUNTIME]
    """The file, or the folder of a run table."""
    columns: Columns = Columns()
    """Which column holds what, where the header does not say: `{ n = "Model Size:1e6", loss = "C4 Eval Loss" }`."""
    where: str | None = None
    """Only the runs for which this holds: `flops < 1e21 and dataset = 'c4'`."""
    best: bool = False
    """Of runs of equal N and D only the one with the least loss: what a search over hyperparameters leaves."""
    drop_largest: int = Field(0, ge=0)
    """Leave out so many of the largest losses."""

    def extra_identity(self) -> dict[str, JsonValue]:
        """The contents of the file, which are read: before anything is made, and not behind hours of other steps."""
        self._table()
        return {"runs": file_digest(table_file(Path(self.path)))}

    def make(self, work: Work) -> Counts:
        """Writes runs.parquet, and curves.parquet without a row."""
        table = self._table()
        for note in table.notes:
            work.events.emit("warning", message=note)
        for name, frame in ((RUNS, table.runs), (CURVES, pl.DataFrame(schema={"run": pl.String, **CURVE_COLUMNS}))):
            with write_whole(work.folder / name) as path:
                frame.write_parquet(path)
        return {"runs": table.used.height, "dropped": len(table.dropped)}

    def _table(self) -> Table:
        selection = Selection(self.columns, self.where, self.best, self.drop_largest)
        return run_table(read_frame(Path(self.path)), selection, table=Path(self.path).name)


class FitLaw(Step[Law]):
    """Fits parabolas, interpolated curves, an envelope and a parametric form to runs, and says what to doubt.

    All that the runs allow are always fitted. Files: law.json (see `findings.Findings`) and draws.parquet.
    """

    step: ClassVar[str] = "fit-law"
    version: ClassVar[int] = 4
    makes: ClassVar[type[Artifact]] = Law
    runs: Step[RunTable]
    """The runs to fit."""
    form: str = "chinchilla"
    """The parametric form, by its name in `forms.FORMS`."""
    method: Method | None = None
    """The method that plans follow; by default the parabolas where they are usable, else the form."""
    objective: Kind = "huber"
    """What is minimised: huber or lad on ln L, or mse on L (see `objective`)."""
    delta: float = Field(1e-3, gt=0)
    """Where Huber's loss of ln L turns from square to linear (Hoffmann et al. 2022, section 3.3)."""
    draws: int = Field(1000, ge=100)
    """Bootstrap draws: 1,000 know the end of a 95% interval to about 5% of its width."""
    seed: int = Field(0, ge=0)
    """Of the bootstrap."""
    resampling: Resampling | None = None
    """What the bootstrap of the form draws anew: residuals, runs, seeds or budgets; None for `resampling.usual`."""
    hold_out: Largest = "flops"
    """The runs predicted from the others: those of the largest budget, or of the largest N."""

    @field_validator("form")
    @classmethod
    def _is_known(cls, form: str) -> str:
        if form not in FORMS:
            near = difflib.get_close_matches(form, list(FORMS), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f" (there are {', '.join(sorted(FORMS))})"
            raise ValueError(f"there is no form {form!r}{hint}")
        return form

    def make(self, work: Work) -> Counts:
        """Writes law.json and draws.parquet."""
        # numba and scipy take half a second to import, which a listing of the store should not pay.
        from smelt.laws.derive import Settings, derive_law

        settings = Settings(
            form=FORMS[self.form],
            draws=self.draws,
            seed=self.seed,
            objective=Objective(self.objective, self.delta),
            resampling=self.resampling,
            hold_out=self.hold_out,
            method=self.method,
        )
        law = derive_law(work.open(self.runs).runs, settings)
        law.write(work.folder)
        return {
            "runs": law.findings.data.n_used,
            "budgets": len(law.findings.data.budgets),
            "trusted": law.trusted,
            "warnings": len(law.warnings),
        }

    def estimate(self, sizes: Sizes) -> Estimate:
        """Seconds whatever the runs: fits are small."""
        return Estimate(core_seconds=SECONDS, note=f"{self.draws} draws")
